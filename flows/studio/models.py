"""The models of image and mask that a studio can draw with, each read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from factory.errors import InputError
from factory.vocabulary import Domain
from flows.asking.asked_pairs import spec_named
from flows.asking.request import Request
from flows.planning.recipe_paths import PACKAGED, WEIGHTS, checkpoint_named

if TYPE_CHECKING:
    from factory.generators.medsegfactory import MedSegFactory

PAIRS = "MedSegFactory"  # as the cards of models of image and mask begin


class Models:
    """The checkpoints at hand, and the one that was read last.

    Args:
        folder: the home's checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: tuple[Path, MedSegFactory] | None = None

    def known(self) -> dict[str, str]:
        """Checkpoints of image and mask by the name that finds them, each in words."""
        shipped = {f"{PACKAGED}{path.name}": path for path in sorted(WEIGHTS.iterdir())}
        own = {str(path.parent): path.parent for path in sorted(self.folder.glob("*/card.json"))}
        return {name: _words(name, path) for name, path in (shipped | own).items() if _fits(path)}

    def side(self, name: str) -> int:
        """Pixels of a side of a checkpoint's pairs."""
        _, image = spec_named(name, {})
        return image.size

    def ready(self, request: Request) -> MedSegFactory:
        """The generator that a request asks for; weights are read once while it is the same.

        Raises:
            InputError: if the checkpoint cannot be used, or not drawn from in this way.
        """
        spec, image = spec_named(request.checkpoint, request.sample)
        folder = checkpoint_named(request.checkpoint)
        if self._read is None or self._read[0] != folder:
            self._read = folder, spec.build(image)
        return replace(self._read[1], section=spec.sample)


def domains_of(name: str) -> Mapping[str, Domain]:
    """The domains of a checkpoint by its card: no weights are read.

    Args:
        name: its folder, or "packaged:NAME".

    Raises:
        InputError: if there is no such checkpoint, or it does not name any.
    """
    from factory.models.checkpoints import check_folder, read_card

    folder = checkpoint_named(name)
    check_folder(folder)
    listed = [Domain.model_validate(entry) for entry in read_card(folder).get("domains", [])]
    if not listed:
        raise InputError(f"{folder} has no card that names its domains; choose another")
    return {domain.name: domain for domain in listed}


def _fits(path: Path) -> bool:
    from factory.models.checkpoints import read_card

    try:
        return str(read_card(path).get("system", "")).startswith(PAIRS)
    except InputError:
        return False


def _words(name: str, path: Path) -> str:
    from factory.models.checkpoints import read_card

    image = read_card(path).get("image", {})
    where = "comes with medpair" if name.startswith(PACKAGED) else "of this home"
    return f"{path.name} ({image.get('size', '?')} px, {where})"
