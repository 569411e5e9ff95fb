"""The studio, and any other page, in a real browser: what a visitor does, and faults of accessibility.

It needs Chromium and the packages playwright and axe-playwright-python.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from factory.store.repository import Store

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Without the last five the browser itself would ask the network for something.
FLAGS = ("--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip
TABS = ("Make pairs", "From a mask", "From an image", "Fill in a region", "Versions")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SETTLED = 500  # ms, in which colours fade and a tab is filled
WIDTH, HEIGHT = 1280, 900
COLOURS = 256  # of the palette: the file stays small
SECONDS = 600_000  # ms, for pairs on a busy machine


def browser() -> str | None:
    """Path of Chromium; None where it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def served_studio(home: Path) -> Iterator[str]:
    """The address of `medpair studio`, which runs as a process of its own while the block does."""
    with served_page(home, "studio") as address:
        yield address


@contextmanager
def served_page(home: Path, *command: str) -> Iterator[str]:
    """The address of a page that a command serves while the block runs."""
    words = [sys.executable, "-m", "medpair", *command, "--no-browser", "--json"]
    words += ["--home", home.name]
    place = home.parent  # where the page names the home alone
    with subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, text=True) as process:
        try:
            (address,) = json.loads(process.stdout.readline()).values()  # type: ignore[union-attr]
            yield str(address)
        finally:
            process.send_signal(signal.SIGINT)


@contextmanager
def open_page(
    address: str, width: int = WIDTH, dark: bool = False, height: int = HEIGHT
) -> Iterator[Page]:
    """A page of Chromium at an address."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser(), args=list(FLAGS))
        page = chromium.new_page(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        page.set_default_timeout(SECONDS)
        page.goto(address)
        yield page
        chromium.close()


def make_pairs(page: Page, number: int) -> None:
    """Asks for some pairs, and waits until they are on the page."""
    page.get_by_role("spinbutton", name="Pairs").fill(str(number))
    page.get_by_role("spinbutton", name="Seed").fill("7")
    page.get_by_role("button", name="Make pairs", exact=True).click()
    page.get_by_text(re.compile(rf"{number} of {number}, done")).wait_for()


def axe_serious(page: Page) -> list[str]:
    """What axe-core finds wrong with a page, of serious or critical impact: rule and element each."""
    from axe_playwright_python.sync_playwright import Axe

    violations = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}"
        for rule in violations
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


def serious_in_tabs(page: Page) -> list[str]:
    """The same of every tab of the studio as it stands, by light and in the dark."""
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for tab in TABS:
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(SETTLED)
            found += [f"{tab}, {scheme}: {fault}" for fault in axe_serious(page)]
    return found


def write_small(png: bytes, file: Path) -> None:
    """Writes a picture with a palette."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS)
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file, optimize=True)


def first_pair_seconds(page: Page) -> float:
    """Asks for one pair; from the click until it is on the page, the reading of weights included."""
    page.get_by_role("spinbutton", name="Pairs").fill("1")
    began = time.monotonic()
    page.get_by_role("button", name="Make pairs", exact=True).click()
    page.locator("article.card").first.wait_for()
    return time.monotonic() - began


def stroke(page: Page, label: str) -> None:
    """Draws across the middle of a canvas by the mouse."""
    box = page.get_by_role("application", name=label).bounding_box()
    if box is None:
        raise RuntimeError(f"the canvas {label} is not on the page")
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=4)
    page.mouse.up()


def fill_in(page: Page) -> None:
    """Marks a region of the first pair, has it drawn anew twice, and waits for it."""
    page.get_by_role("button", name="Fill in a region of pair 1").click()
    page.get_by_role("spinbutton", name="Pairs").fill("2")
    stroke(page, "Region")
    page.get_by_role("button", name="Fill in", exact=True).click()
    page.get_by_text("Filling in the region: 2 of 2, done").wait_for()


def draw_and_keep(page: Page) -> None:
    """Draws a mask, has an image made for it, and keeps the pair as kept@v1."""
    page.get_by_role("tab", name="From a mask").click()
    page.get_by_role("spinbutton", name="Pairs").fill("1")
    stroke(page, "Mask")
    page.get_by_role("button", name="Make images").click()
    page.get_by_text("Making images for the mask: 1 of 1, done").wait_for()
    page.get_by_role("checkbox", name="Keep pair 1").click()
    page.get_by_role("button", name="Keep as a version").click()
    page.get_by_text(re.compile("kept@v1 is out")).wait_for()


def kept_from_a_mask(home: Path) -> bool:
    """Whether the store has kept@v1 with a pair whose mask was drawn in the studio."""
    snapshot = Store(str(home / "pairs"), "kept").snapshot("v1")
    return "drawn in the studio" in set(snapshot.read().facets["mask_from"])
