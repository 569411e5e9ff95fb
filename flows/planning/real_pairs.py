"""Real pairs that something is measured on, without a recipe: opened, decoded and checked once."""

from __future__ import annotations

from functools import cached_property

from pydantic import BaseModel, ConfigDict

from factory.errors import InputError
from factory.images import ImageSection
from factory.sources import SourceSection
from factory.sources.base import Source
from tasks.real_data import Reference
from tasks.services.settings import Settings


class RealPairs(BaseModel):
    """Real pairs, each opened and decoded once.

    Attributes:
        against: the real pairs.
        image: size and channels that they are brought to.
        settings: of the home that keeps what is found.
    """

    model_config = ConfigDict(frozen=True)

    against: SourceSection
    image: ImageSection
    settings: Settings

    @cached_property
    def real(self) -> Source:
        """The source of the real pairs."""
        return self.against.build()

    @cached_property
    def reference(self) -> Reference:
        """Training and validation pairs of the real source."""
        return Reference.of(self.real, self.image)

    def check(self) -> None:
        """Whether they can be read, and each domain has pairs to learn from and to be tested on.

        Raises:
            InputError: with a line for everything that is wrong.
        """
        if lines := self.real.problems(self.image):
            raise InputError("\n".join(lines))
        self.reference.check_splits(self.real.domains, masked=True)
