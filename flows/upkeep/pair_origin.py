"""Where one pair of a version comes from, and the command that makes it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.lake.lake import Lake
from factory.errors import DamagedError
from factory.models.lineage import training_history
from factory.prompts.origins import FILL_REGION, MASK_WARP
from factory.prompts.prompt import Prompt
from factory.store.checks import names
from factory.store.checksums import UNKNOWN, checksums
from factory.store.shards import Status
from factory.store.snapshot import Snapshot
from flows.datasets import Version, weights_of
from flows.upkeep.remade import check_row
from tasks.services.settings import Settings


@dataclass(frozen=True)
class PairOrigin:
    """Where a pair comes from.

    Attributes:
        version: that it is of.
        pair: its row.
        verdict: accepted, or rejected and why; or what else became of it.
        texts: what image and mask were conditioned on, in a sentence each.
        facets: what was asked for.
        seed: that the pair was drawn with.
        prompt: digest of the prompt, 64 hex digits.
        mask: where its mask comes from.
        generator: kind and digest.
        checkpoints: of the generator, and what each was trained on.
        scores: number of the pair -> value.
        checksum: of its bytes, 16 hex digits, and whether they are as they were written.
        again: the command that makes it again.
    """

    version: str
    pair: int
    verdict: str
    texts: tuple[str, str]
    facets: Mapping[str, str]
    seed: int
    prompt: str
    mask: str
    generator: str
    checkpoints: Mapping[str, str]
    scores: Mapping[str, float]
    checksum: str
    again: str

    def words(self) -> dict[str, str]:
        """The same, as it is printed."""
        numbers = (f"{name} {value:.4g}" for name, value in self.scores.items())
        facets = (f"{name} {value}" for name, value in self.facets.items() if value)
        trained = (f"{place}: {sentence}" for place, sentence in self.checkpoints.items())
        return {
            "pair": f"{self.pair} of {self.version}",
            "verdict": self.verdict,
            "text of the image": self.texts[0],
            "text of the mask": self.texts[1],
            "asked for": "; ".join(facets),
            "seed": str(self.seed),
            "prompt": self.prompt,
            "mask": self.mask,
            "generator": self.generator,
            "trained on": "; ".join(trained),
            "scores": ", ".join(numbers) or "none of single pairs",
            "checksum": self.checksum,
            "made again by": self.again,
        }


def origin_of(version: Version, row: int, settings: Settings) -> PairOrigin:
    """Where the pair in a row of a version comes from.

    Raises:
        InputError: if there is no such version or row.
        DamagedError: if its prompt cannot be read any more.
    """
    snapshot, lake = version.snapshot(settings), Lake(settings.lake)
    check_row(snapshot, row)
    prompt, weights = snapshot.table[row], weights_of(snapshot, settings)
    kind = (snapshot.attributes.get("sections") or {}).get("generator", {}).get("kind", "unknown")
    return PairOrigin(
        version=str(version),
        pair=row,
        verdict=_verdict(snapshot, lake, row),
        texts=(prompt.image_text, prompt.mask_text),
        facets={"domain": prompt.domain, **_asked(prompt)},
        seed=prompt.seed,
        prompt=prompt.digest,
        mask=_mask(snapshot, prompt, row),
        generator=f"{kind} {snapshot.attributes['generator']}",
        checkpoints=_trained_on(snapshot, weights),
        scores=_scores(snapshot, lake, row),
        checksum=_checksum(snapshot, row),
        again=_command(f"{version.name}@{snapshot.id}", row, settings),
    )


def _asked(prompt: Prompt) -> dict[str, str]:
    known = {"classes": ", ".join(prompt.classes), "finding": prompt.finding, "text": prompt.text}
    origin = {"caption of": prompt.retrieved, "drawn anew": _filled(prompt)}
    return {**known, **dict(prompt.conditioning), **origin, "replicate": str(prompt.replicate)}


def _filled(prompt: Prompt) -> str:
    region = dict(prompt.extra).get(FILL_REGION, "")
    return f"{region} of {prompt.filled}" if prompt.filled else ""


def _verdict(snapshot: Snapshot, lake: Lake, row: int) -> str:
    state = Status(int(snapshot.status[row])).name.lower()
    told = lake.read("rejections", snapshot=snapshot.id, row=row)
    why = "; ".join(told["reason"]) or "; ".join(names(int(snapshot.reason[row])))
    return f"{state}: {why}" if why else state


def _mask(snapshot: Snapshot, prompt: Prompt, row: int) -> str:
    if (origin := prompt.mask_origin) is not None:
        name, digest = origin
        warp = dict(prompt.extra).get(MASK_WARP, "")
        limits = f", warped by the seed within {warp}" if warp not in ("", "none") else ""
        whose = name if "by_hand" in snapshot.attributes else f"of training pair {name}"
        return f"{whose}{limits}; mask and kind of warp have digest {digest}"
    return "drawn by the generator" if snapshot.has_mask[row] else "none"


def _trained_on(snapshot: Snapshot, weights: Sequence[Path] | None) -> dict[str, str]:
    source = str(snapshot.attributes["digests"].get("source", ""))
    if weights is None:
        return {"its checkpoint": "not known: the recipe kept with the pairs cannot be read"}
    if not weights:
        return {"no checkpoint": training_history(None, source)}
    return {str(place): _history(place, source) for place in weights}


def _history(place: Path, source: str) -> str:
    if not place.is_dir():
        return "not known: it is gone"
    from factory.models.checkpoints import read_card  # which loads torch

    return training_history(read_card(place), source)


def _scores(snapshot: Snapshot, lake: Lake, row: int) -> dict[str, float]:
    found = lake.read("pair_scores", subject=snapshot.pairs_id, row=row).sort_values("version")
    newest = found.drop_duplicates("metric", keep="last").sort_values("metric")
    return dict(zip(newest["metric"], newest["value"].astype(float), strict=True))


def _checksum(snapshot: Snapshot, row: int) -> str:
    written = int(snapshot.checksum[row])
    if written == UNKNOWN:
        return "none: an earlier release wrote the pair"
    at = np.array([row])
    try:
        same = checksums(snapshot.pixels(at, snapshot.facets(at)))[0] == written
    except DamagedError:
        same = False
    return f"{written:016x}, " + ("as written" if same else "and its bytes are DAMAGED")


def _command(version: str, row: int, settings: Settings) -> str:
    words = ["medpair", "datasets", "remake", version, str(row), f"pair-{row}"]
    return shlex.join([*words, "--home", str(settings.home)])
