"""The journey of a pair in pictures: from its prompt to an export.

python -m benchmarks.journey --out docs/pictures

The first half is drawn by the chest X-ray model whose weights are recorded here; the second is the
shipped recipe `demo`, made shorter, since the X-rays that would judge the first are not distributed.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn

from evaluation.report.gallery import class_colour
from factory.generators.medsegfactory import MedSegFactory
from factory.models.autoencoders.coarse import CoarseAutoencoder
from factory.pairs import Images, Masks, PairBatch
from factory.prompts.prompt import Prompt
from factory.store.checks import names
from factory.store.shards import Status
from flows import api, datasets
from flows.asking.asked_pairs import generator_named
from flows.datasets import Version
from flows.planning.recipe import load_recipe
from flows.upkeep.pair_origin import origin_of
from tasks.services.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[1]
XRAYS = ROOT / "benchmarks" / "recorded" / "cxr-lungs"
LEVELS = 6  # of all noise levels that are shown
SEED = 11
TILE, DPI = 1.3, 100  # inches; pixels an inch
COLOURS = 64  # of the palette of a picture
SHORTER = (
    "source.domains=[phantom-chest-xray]",
    "grid.facets={finding: [normal, pneumonia]}",
    "grid.replicates=4",
    "generator.sample.batch=8",
    "evaluate.finding_classifier_steps=0",
    "evaluate.tstr=false",
    "utility=null",
)
EDGES = {Status.ACCEPTED: "#2e7d32", Status.REJECTED: "#c62828"}


def main() -> None:
    """Draws the pictures, and prints what a page says beside them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="of the pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    draw_pair(options.out)
    with tempfile.TemporaryDirectory() as folder:
        judge_and_export(options.out, Path(folder))


def draw_pair(out: Path) -> None:
    """Prompt, noise levels, coarse pair and pair, of the model of chest X-rays."""
    generator = generator_named(str(XRAYS), {"steps": 20, "batch": 1})
    domain = generator.domains["chest-xray-lungs"]
    prompt = Prompt.about(domain, domain.shown("normal"), "normal")
    print(f"text of the image: {prompt.image_text}")
    print(f"text of the mask: {prompt.mask_text}")
    pair, seen = drawn_watched(generator, prompt)
    shown = [seen[i] for i in np.linspace(0, len(seen) - 1, LEVELS).round().astype(int)]
    coarse = [[coarse_picture(generator, x) for x in latents] for _, latents in shown]
    print(f"noise levels: {', '.join(str(level) for level, _ in shown)} of 1000")
    titles = [f"level {level}" for level, _ in shown]
    save(tiles(list(zip(*coarse, strict=True)), titles), out / "journey-noise.png")
    level = shown[-1][0]
    mask = in_colours(pair.masks[0])
    whole = [[*coarse[-1], in_grey(pair.images[0]), mask]]
    names_of = [f"coarse image, level {level}", f"coarse mask, level {level}", "image", "mask"]
    save(tiles(whole, names_of), out / "journey-pair.png")


def drawn_watched(
    generator: MedSegFactory, prompt: Prompt
) -> tuple[PairBatch, list[tuple[int, list[Tensor]]]]:
    """The pair of a prompt, and of every step the noise level and the latents of both streams."""
    seen: list[tuple[int, list[Tensor]]] = []

    def watch(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        # Of guided calls the first half has the prompt.
        seen.append((int(inputs[2][0]), [x[:1].clone() for x in inputs[:2]]))

    handle = generator.components.unet.register_forward_pre_hook(watch)
    pair = generator.generate([prompt], [SEED])
    handle.remove()
    return pair, seen


def coarse_picture(generator: MedSegFactory, latents: Tensor) -> Images:
    """(h, w, 3) latents (1, C, h, w) of a coarse autoencoder as the small picture that they are."""
    autoencoder = generator.components.autoencoder
    if not isinstance(autoencoder, CoarseAutoencoder):
        raise TypeError("the journey shows coarse pictures, and this model has none")
    mean = torch.tensor(autoencoder.config.mean).view(1, -1, 1, 1)
    picture = (latents * autoencoder.config.std + mean).clamp(-1, 1)[0].movedim(0, -1)
    return np.asarray((picture + 1) * 127.5, np.uint8)


def judge_and_export(out: Path, folder: Path) -> None:
    """Verdicts, a row of the store and an export, of the recipe `demo`, made shorter."""
    settings = load_settings(folder / "home").enter()
    outcome = api.run(load_recipe("demo", SHORTER), settings)
    for verdict in outcome.gates.verdicts:
        print(f"gate: {verdict.reason}")
    version = Version("demo", outcome.version or f"run-{outcome.run}")
    snapshot = version.snapshot(settings)
    rows = snapshot.rows(Status.ACCEPTED, Status.REJECTED)
    pairs, status = snapshot.read(rows), [Status(int(x)) for x in snapshot.status[rows]]
    said = [" ".join(names(int(bits))) or "accepted" for bits in snapshot.reason[rows]]
    pictures = [list(map(in_grey, pairs.images)), list(map(in_colours, pairs.masks))]
    save(tiles(pictures, said, [EDGES[each] for each in status]), out / "journey-verdicts.png")
    for name, value in origin_of(version, int(rows[0]), settings).words().items():
        print(f"{name}: {value}".replace(f"{folder}/", "").replace(f"{ROOT}/", ""))
    show_export(version, settings, folder / "export", out)


def show_export(version: Version, settings: Settings, folder: Path, out: Path) -> None:
    """The files of an export, printed, and the first pair of it as its files hold it."""
    datasets.export(version, "folder", folder, settings)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for file in files:
        print(f"exported: {file.relative_to(folder)}")
    image, mask = (next(f for f in files if part in f.parts) for part in ("images", "masks"))
    shown = in_grey(np.asarray(Image.open(image))), in_colours(np.asarray(Image.open(mask)))
    save(
        tiles([list(shown)], [f"images/{image.name}", f"masks/{mask.name}"]),
        out / "journey-export.png",
    )


def in_grey(image: Images) -> Images:
    """(H, W, 3) of an image with one channel or none of its own."""
    flat = image if image.ndim == 3 else image[..., np.newaxis]
    return np.broadcast_to(flat, (*flat.shape[:2], 3))


def in_colours(mask: Masks) -> Images:
    """(H, W, 3) the colour of each pixel's class on black."""
    shown = np.zeros((*mask.shape, 3), np.uint8)
    for index in np.unique(mask[mask > 0]):
        shown[mask == index] = tuple(bytes.fromhex(class_colour(int(index)).removeprefix("#")))
    return shown


def tiles(
    rows: Sequence[Sequence[Images]], titles: Sequence[str], edges: Sequence[str] = ()
) -> Figure:
    """Rows of pictures; titles stand over the first row, edges frame the columns."""
    figure = Figure(figsize=(TILE * len(titles), TILE * len(rows) + 0.25), layout="constrained")
    axes = figure.subplots(len(rows), len(titles), squeeze=False)
    for row, pictures in zip(axes, rows, strict=True):
        for number, (ax, picture) in enumerate(zip(row, pictures, strict=True)):
            ax.imshow(picture, interpolation="nearest")
            _frame(ax, edges[number] if edges else "none")
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title.replace(" absent", "\nabsent"), fontsize=7)
    return figure


def _frame(ax: Axes, colour: str) -> None:
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(color=colour, linewidth=2.5)


def save(figure: Figure, file: Path) -> None:
    """Writes a picture with a palette, which keeps it small."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    picture = Image.open(buffer).convert("RGB").quantize(COLOURS)
    picture.save(file, optimize=True)


if __name__ == "__main__":
    main()
