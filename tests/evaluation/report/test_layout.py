"""The page as a browser lays it out; skipped where there is no Chromium."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from benchmarks.studio import SCHEMES, axe_serious, open_page
from evaluation.gating.version_gates import Decision
from evaluation.metrics.registry import METRICS, Score
from evaluation.report.charts import utility_chart
from evaluation.report.gallery import Beside, accepted_shelves, rejected_shelf
from evaluation.report.image_sheets import contact_sheet
from evaluation.report.report import Report, render
from evaluation.statistics.bootstrap import Estimate

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
SCREEN, SCREENS = (1200, 900), 5
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
# What a reader of each width would have to know, written where the browser's dump shows it.
PROBE = """<script>addEventListener('load', () => {
  const page = document.documentElement, boxes = [...document.querySelectorAll('*')];
  const hidden = e => e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0
    && ['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX) && e.tagName != 'SPAN'
    && e.tagName != 'THEAD';
  const tiles = [...document.querySelectorAll('.tile img')].map(e => e.getBoundingClientRect().width);
  const told = {
    height: page.scrollHeight, width: page.scrollWidth, inner: page.clientWidth,
    answers: document.querySelector('.answers').getBoundingClientRect().bottom,
    tile: Math.floor(Math.min(...tiles)), unreachable: boxes.filter(hidden).length };
  for (const [name, value] of Object.entries(told)) page.setAttribute('data-' + name, value);
})</script>"""


def browse(*arguments):
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    return subprocess.run(
        [BROWSER, *flags, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    ).stdout


@pytest.fixture(scope="module")
def text(discs):
    pairs, domains = discs(16), ("left", "middle", "right")
    pairs.facets["row"] = np.arange(16)
    table = pd.DataFrame({"dice": np.linspace(0, 1, 16), "nearest": 0, "nearest_distance": 0.5})
    beside = Beside({"discs": ("disc",)}, table, discs(2))
    scores = [
        Score.of(name, Estimate(0.5, 0.4, 0.6, 40), **({"domain": domain} if domain else {}))
        for name in METRICS
        for domain in (*domains, "")
    ]
    ends = {f"{name}{end}": 0.5 for name in ("dice", "iou") for end in ("", "_low", "_high")}
    told = {"ratio": 0.0, "seeds": 3, "n": 40, "class": "macro", "segmenter": "unet"} | ends
    levels = pd.DataFrame(
        [told | {"kind": "real", "real": "8", "images": 8, "domain": domain} for domain in domains]
    )
    shelves = [*accepted_shelves(pairs, beside), rejected_shelf(pairs, ["near copy"] * 16, beside)]
    return render(
        Report(
            "lungs", "v1", 16, Decision(()), scores, {"run": "0"}, "name: lungs\n" * 60,
            {"utility": [utility_chart(levels)], "pairs": [contact_sheet(pairs, {})]},
            shelves=shelves, facts={"intended use": "research", "forbidden use": "diagnosis", "cost": "3 min"},
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def laid_out(text, tmp_path_factory):
    """What a reader of a width sees: the page in a frame that wide, measured after it is loaded."""
    if BROWSER is None:
        pytest.skip("no Chromium is installed")

    def measured(width):
        folder = tmp_path_factory.mktemp("page")
        (folder / "page.html").write_text(POLICY.sub(PROBE, text))
        frame = (folder / "page.html").read_text().replace("&", "&amp;").replace('"', "&quot;")
        copy = "frames[0].document.documentElement.dataset"
        outer = folder / "frame.html"
        outer.write_text(
            f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{frame}"></iframe>'
            "<script>addEventListener('load', () => setTimeout(() => Object.assign("
            f"document.documentElement.dataset, {copy}), 500))</script>"
        )
        dump = browse(
            "--window-size=1400,1000", "--virtual-time-budget=5000", "--dump-dom", outer.as_uri()
        )
        return {n: float(v) for n, v in re.findall(r'data-(\w+)="([\d.]+)"', dump[:1000])}

    return measured


def test_six_answers_are_on_the_first_screen_and_all_is_within_five(laid_out, record_property):
    found = laid_out(SCREEN[0])
    record_property("screens", found["height"] / SCREEN[1])
    assert found["answers"] <= SCREEN[1]
    assert found["height"] <= SCREENS * SCREEN[1]
    assert found["tile"] >= 128
    assert found["width"] <= found["inner"]


def test_nothing_is_out_of_reach_on_a_telephone(laid_out):
    found = laid_out(400)
    assert found["width"] <= found["inner"]
    assert found["tile"] >= 128
    assert found["unreachable"] == 0


@pytest.mark.integration
def test_axe_finds_nothing_serious_in_a_report(text, tmp_path, record_property):
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    file = tmp_path / "report.html"
    # The page lets no script run, which is what axe-core is.
    file.write_text(POLICY.sub("", text), encoding="utf-8")
    found = []
    with open_page(file.as_uri()) as page:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            folded = axe_serious(page)
            page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
            found += [f"{scheme}: {fault}" for fault in [*folded, *axe_serious(page)]]
    record_property("axe_serious", len(found))
    assert found == []


def test_a_print_has_three_pages_at_most(text, tmp_path):
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    page, printed = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(text)
    browse(f"--print-to-pdf={printed}", "--no-pdf-header-footer", page.as_uri())
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", printed.read_bytes())) <= 3


def test_a_print_says_what_it_leaves_out(text):
    assert "Left out in print" in text
    print_rules = text.split("@media print")[1].split("</style>")[0]
    assert "details, nav { display: none; }" in print_rules
    assert ".printed { display: block; }" in print_rules


def test_boxes_that_scroll_take_the_keyboard_and_header_cells_have_a_scope(text):
    assert all(
        'tabindex="0" role="region" aria-label=' in box
        for box in re.findall(r'<div class="scroll"[^>]*>', text)
    )
    assert text.count("<th") - text.count("<thead") == text.count("<th scope=")


def test_every_link_leads_somewhere_and_charts_have_labels(text):
    anchors = set(re.findall(r'href="#([^"]*)"', text)) - {""}
    drawn = set(re.findall(r'xlink:href="#([^"]*)"', text))
    assert anchors - drawn <= set(re.findall(r' id="([^"]*)"', text))
    assert {"pairs", "utility", "origin"} <= anchors
    assert text.count('<svg role="img" aria-label="Chart: ') == 1
    assert all(re.findall(r'<img[^>]* alt="([^"]+)"', text))


def test_words_stand_beside_colours_and_say_what_is_allowed(text):
    first = text.split('<ol class="answers">')[1].split("</ol>")[0]
    assert len(re.findall(r'class="verdict [\w-]+">. (good|mixed|bad|not measured)<', first)) == 6
    assert first.count('<abbr title="') == 6
    for words in ("intended use", "forbidden use", "prefers-color-scheme: dark"):
        assert words in text
