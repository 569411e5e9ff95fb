"""The built documentation in a real browser: tables that a page of 1 200 pixels does not hold.

make docs
python -m benchmarks.studio.documentation --json

It needs Chromium and the package playwright.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.figures import Bar, Figure, show, verdicts
from benchmarks.studio import open_page

BARS = (Bar("docs_wide_tables", "<=", 0),)
WIDTH = 1200
# A table is too wide where it, or what scrolls it, holds more than it shows.
WIDE = """() => [...document.querySelectorAll('article table')].filter((table) =>
    [table, table.parentElement, table.closest('.md-typeset__scrollwrap')].some(
        (box) => box && box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).display !== 'inline'
    ) || table.getBoundingClientRect().right > innerWidth
).map((table) => table.innerText.slice(0, 60))"""


def wide_tables(site: Path) -> list[str]:
    """The first words of each table that is too wide, after the name of its page."""
    found = []
    with open_page("about:blank", width=WIDTH) as page:
        for file in sorted(site.rglob("index.html")):
            page.goto(file.absolute().as_uri())
            name = file.parent.relative_to(site)
            found += [f"{name}: {words}" for words in page.evaluate(WIDE)]
    return found


def main() -> None:
    """Counts them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, default=Path("site"), help="as make docs leaves it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found = wide_tables(options.site)
    figures = {"docs_wide_tables": Figure(len(found), "1")}
    show("documentation", figures, {"tables": found}, options.json, verdicts(BARS, figures))


if __name__ == "__main__":
    main()
