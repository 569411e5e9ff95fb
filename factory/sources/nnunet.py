"""An nnU-Net v2 raw data set: dataset.json, imagesTr and labelsTr."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from factory.errors import InputError
from factory.sources.base import LimitedSpec
from factory.sources.label_map import (
    Names,
    check_names,
    codes,
    own_domain,
    parse_names,
    read_json,
)
from factory.visible_files import visible
from factory.vocabulary import Domain, load_vocabulary

if TYPE_CHECKING:
    from factory.sources.cases import Case, Cases


class NnunetSource(LimitedSpec):
    """Recipe section of an nnU-Net v2 raw folder; the layout is nnU-Net's dataset_format.md.

    Every case of imagesTr is a patient; the split is made here. Of several channels the first
    three become red, green and blue where the recipe asks for three, else the first is taken.

    Attributes:
        path: the DatasetXXX_Name folder.
        limit: takes this many training cases; None takes all.
        limit_seed: which ones; a smaller limit of the same seed takes a part of a larger one's.
        split_seed: divides the cases.
        domain: name of the vocabulary's domain; None makes one after the folder's name.
        slices: of a volume, those with a class ("labelled") or "all".
    """

    kind: Literal["nnunet"] = "nnunet"
    path: Path
    limit: Annotated[int, Field(ge=1)] | None = None
    limit_seed: Annotated[int, Field(ge=0)] = 0
    split_seed: Annotated[int, Field(ge=0)] = 0
    domain: str | None = None
    slices: Literal["labelled", "all"] = "labelled"

    def build(self) -> Cases:
        """The source itself; reads dataset.json, not yet the images.

        Raises:
            InputError: if the folder is no nnU-Net data set, or a class is unknown in the domain.
        """
        from factory.sources.cases import Cases, Choice

        if not self.path.is_dir():
            raise InputError(
                f"{self.path}: there is no such folder; correct the path of the source"
            )
        description = read_json(self.path / "dataset.json")
        names = parse_names(description.get("labels"), f"{self.path / 'dataset.json'}, labels")
        channels = _channels(description, self.path)
        domain = self._domain(channels, names)
        check_names(names, [domain], f"the label map of {self.path.name}")
        cases = list_cases(self.path, _ending(description, self.path), len(channels), domain.name)
        return Cases(
            self.path,
            cases,
            {domain.name: domain},
            {domain.name: codes(names, domain)},
            Choice(self.limit, self.limit_seed, self.split_seed, self.slices),
            str(description.get("licence") or description.get("license") or "unknown"),
        )

    def _domain(self, channels: list[str], names: Names) -> Domain:
        vocabulary = load_vocabulary()
        if self.domain is not None:
            return vocabulary.domain(self.domain)
        folder = self.path.resolve().name
        subject = re.sub(r"^Dataset\d+_", "", folder).replace("_", " ").lower()
        colour = [name.casefold()[:1] for name in channels] == ["r", "g", "b"]
        modality = "" if colour else channels[0]
        return own_domain(folder, modality, subject, names, vocabulary, colour=colour)


def list_cases(folder: Path, ending: str, channels: int, domain: str) -> list[Case]:
    """All cases of imagesTr and labelsTr, by name; a missing half is found when it is read.

    Raises:
        InputError: if there is none.
    """
    from factory.sources.cases import Case

    images, labels = folder / "imagesTr", folder / "labelsTr"
    pattern = re.compile(rf"(.+)_\d{{4}}{re.escape(ending)}")
    matches = [pattern.fullmatch(path.name) for path in visible(images)]
    names = {match[1] for match in matches if match}
    names |= {p.name.removesuffix(ending) for p in visible(labels) if p.name.endswith(ending)}
    if not names:
        raise InputError(
            f"{folder}: imagesTr holds no CASE_0000{ending} and labelsTr no CASE{ending}; correct "
            "source.path or file_ending in dataset.json"
        )
    return [
        Case(
            name,
            # Pictures in natural colours hold all three channels in the first file.
            tuple(images / f"{name}_{channel:04d}{ending}" for channel in range(channels))
            if ending.startswith(".nii") or (images / f"{name}_0001{ending}").exists()
            else (images / f"{name}_0000{ending}",),
            labels / f"{name}{ending}",
            domain,
            patient=name,
        )
        for name in sorted(names)
    ]


def _channels(description: dict[str, object], folder: Path) -> list[str]:
    channels = description.get("channel_names")
    if not isinstance(channels, dict) or not channels:
        raise InputError(
            f"{folder / 'dataset.json'} has no channel_names; nnU-Net v2 needs "
            '{"channel_names": {"0": "CT"}}'
        )
    return [str(name) for name in channels.values()]


def _ending(description: dict[str, object], folder: Path) -> str:
    ending = description.get("file_ending")
    if not isinstance(ending, str) or not ending.startswith("."):
        raise InputError(
            f"{folder / 'dataset.json'} has no file_ending; nnU-Net v2 needs one, as .nii.gz"
        )
    return ending
