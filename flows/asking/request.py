"""What a visitor of the studio asks for: a model, a prompt, how many and how to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from factory.errors import InputError
from factory.prompts.prompt import Extra, Prompt
from factory.prompts.section import GridSection
from factory.vocabulary import Domain
from flows.asking.asked_pairs import asked_section

# Pairs appear one by one, so one is drawn at a time; another batch may change last bits.
BATCH = 1
MOST = 64  # pairs of one request; more are a run's work


@dataclass(frozen=True)
class Request:
    """Pairs asked for.

    Attributes:
        checkpoint: folder of a trained model of image and mask, or "packaged:NAME".
        domain: one of the model's.
        finding: "" for none.
        classes: that pairs show; None for those of the finding.
        text: free text, "" for none.
        number: of pairs.
        seed: root of their seeds.
        steps: of the solver.
        guidance: 1 follows the prompt unamplified.
    """

    checkpoint: str
    domain: str
    finding: str = ""
    classes: tuple[str, ...] | None = None
    text: str = ""
    number: int = 8
    seed: int = 0
    steps: int = 20
    guidance: float = 1.0

    @property
    def sample(self) -> dict[str, object]:
        """Keys of `generator.sample`."""
        return {"steps": self.steps, "guidance": self.guidance, "batch": BATCH}

    @property
    def facets(self) -> dict[str, str | Sequence[str]]:
        """As `medpair.generate` takes them."""
        given: dict[str, str | Sequence[str]] = {"domain": self.domain}
        if self.finding:
            given["finding"] = self.finding
        if self.classes is not None:
            given["classes"] = [";".join(self.classes)]
        return given | ({"text": self.text} if self.text else {})

    @property
    def section(self) -> GridSection:
        """The grid of its prompts.

        Raises:
            InputError: if there are none or too many, or the seed cannot be one.
        """
        if not 1 <= self.number <= MOST:
            raise InputError(
                f"{self.number} pairs cannot be looked at one by one: ask for 1 to {MOST}; "
                "`medpair run` makes more"
            )
        return asked_section(GridSection(), self.number, self.seed, self.facets)

    @property
    def python(self) -> str:
        """The call that makes the same pairs."""
        words = [repr(self.checkpoint), f"number={self.number}", f"seed={self.seed}"]
        words += [f"sample={self.sample}"]
        words += [f"{name}={value!r}" for name, value in self.facets.items()]
        return f"medpair.generate({', '.join(words)})"

    def prompt(
        self, domain: Domain, classes: Sequence[str], extra: Mapping[str, str], replicate: int
    ) -> Prompt:
        """The prompt of a pair one half of which is given.

        Args:
            domain: the one that is asked for.
            classes: that the pair shows.
            extra: where the given half comes from.
            replicate: number among those of the same half.

        Raises:
            InputError: if the domain does not know the finding or a class.
        """
        domain.shown(self.finding)
        origin: Extra = tuple(extra.items())
        return Prompt.about(
            domain, classes, self.finding, self.text, origin, replicate=replicate, root=self.seed
        )
