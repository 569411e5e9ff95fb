"""The studio in a real browser: its picture in the documentation, and faults of accessibility.

python -m benchmarks.studio --out docs/pictures/studio.png

`axe_serious` counts what axe-core finds wrong in the tabs, light and dark, of serious or critical
impact. It needs Chromium and the packages playwright and axe-playwright-python.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from benchmarks.figures import Bar, Figure, show, verdicts

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Without the last five the browser itself would ask the network for something.
FLAGS = ("--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip
BARS = (Bar("axe_serious", "<=", 0),)
TABS = ("Make pairs", "From a mask", "From an image", "Versions")
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
    picture.save(file, optimize=True)


def main() -> None:
    """Takes the picture, and counts the faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/studio.png"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        served_studio(Path(folder) / ".medpair") as address,
        open_page(address) as page,
    ):
        make_pairs(page, 4)
        page.get_by_role("checkbox", name="Keep pair 1").click()
        page.get_by_text("1 of 4 ticked").wait_for()
        write_small(page.screenshot(), options.out)
        faults = serious_in_tabs(page)
    figures = {"axe_serious": Figure(len(faults), "1")}
    show("studio", figures, {"faults": faults}, options.json, verdicts(BARS, figures))


if __name__ == "__main__":
    main()
