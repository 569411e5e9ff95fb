"""What the recipe section of every source answers."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from factory.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from factory.sources.base import Source


class SourceSpec(BaseModel):
    """Recipe section of a source; what is not said otherwise holds for one that takes all it has.

    Attributes:
        kind: name of the source in recipes.
        holds_out: whether it holds real patients out of training that another recipe trains on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    holds_out: ClassVar[bool] = False

    kind: str

    @property
    def limited(self) -> bool:
        """Whether only some of the training patients are taken."""
        return False

    def unlimited(self) -> Self:
        """The same section, taking every training patient."""
        return self

    def single_domain(self, domain: str) -> SourceSpec:
        """The section that reads one domain of this source.

        Raises:
            InputError: if the source cannot be told to.
        """
        raise InputError(
            f"no part of the source is of {domain} alone, so no specialist can be trained; use a "
            "union with a part for each domain"
        )

    def build(self) -> Source:
        """The source itself; reads tables, not yet images.

        Raises:
            InputError: if what it names cannot be read.
        """
        raise NotImplementedError


class LimitedSpec(SourceSpec):
    """Recipe section of a source of which a number of training patients can be taken: `limit`."""

    if TYPE_CHECKING:
        # Each declares it itself: digests follow from the order of the fields.
        limit: int | None

    @property
    def limited(self) -> bool:
        """Whether only some of the training patients are taken."""
        return self.limit is not None

    def unlimited(self) -> Self:
        """The same section, taking every training patient."""
        return self.model_copy(update={"limit": None})


def any_of(kinds: Iterable[type[SourceSpec]]) -> Any:  # noqa: ANN401  # a type hint made at run time
    """The type hint of a section that is one of these, told apart by its kind."""
    return Annotated[reduce(or_, kinds), Field(discriminator="kind")]
