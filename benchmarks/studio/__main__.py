"""The studio in a real browser: its pictures in the documentation, a visit, faults of accessibility.

python -m benchmarks.studio --out docs/pictures

`first_pair_seconds` is what a visitor waits for the first pair, weights being read. A visit makes
pairs, fills in a region, draws a mask and keeps an image for it: `make_draw_keep_find` is 1 where
the store has that pair then. `axe_serious` counts what axe-core finds wrong in the tabs, light and
dark, of serious or critical impact. It needs Chromium and the packages playwright and
axe-playwright-python.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.figures import Bar, Figure, show, verdicts
from benchmarks.studio import (
    draw_and_keep,
    fill_in,
    first_pair_seconds,
    kept_from_a_mask,
    make_pairs,
    open_page,
    serious_in_tabs,
    served_studio,
    write_small,
)

BARS = (
    Bar("make_draw_keep_find", ">=", 1),
    Bar("first_pair_seconds", "<=", 10),
    Bar("axe_serious", "<=", 0),
)


def main() -> None:
    """Takes the pictures, does what a visitor does, and counts the faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="of the pictures")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / ".medpair"
        with served_studio(home) as address, open_page(address) as page:
            seconds = first_pair_seconds(page)
            make_pairs(page, 4)
            page.get_by_role("checkbox", name="Keep pair 1").click()
            page.get_by_text("1 of 4 ticked").wait_for()
            write_small(page.screenshot(), options.out / "studio.png")
            fill_in(page)
            write_small(page.screenshot(), options.out / "studio-fill.png")
            draw_and_keep(page)
            faults = serious_in_tabs(page)
        found = kept_from_a_mask(home)
    figures = {
        "make_draw_keep_find": Figure(int(found), "1"),
        "first_pair_seconds": Figure(seconds, "s"),
        "axe_serious": Figure(len(faults), "1"),
    }
    show("studio", figures, {"faults": faults}, options.json, verdicts(BARS, figures))


if __name__ == "__main__":
    main()
