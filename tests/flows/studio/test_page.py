"""The studio as a visitor has it: its own process, a real browser; skipped where there is no Chromium."""

import base64
import io
import re
import shutil
import socket
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks.studio import browser, open_page, serious_in_tabs, served_studio
from flows.datasets import Version, datasets, show
from tasks.services.settings import load_settings

SECONDS = 90_000  # ms, on a busy machine


@pytest.fixture
def home(checkpoint, tmp_path):
    """A home with a tiny model."""
    shutil.copytree(checkpoint, tmp_path / "home" / "models" / "tiny")
    return tmp_path / "home"


@pytest.fixture
def page(home):
    """An open page; at the end nothing was wrong in its console, and nothing asked elsewhere."""
    if browser() is None:
        pytest.skip("no Chromium is installed")
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    said, asked = [], []
    with served_studio(home) as address, open_page("about:blank") as shown:
        shown.set_default_timeout(SECONDS)
        shown.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(address)
        yield shown
    assert said == []
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def make(page, button, pairs):
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_text(re.compile(rf"{pairs} of {pairs}, done")).wait_for()
    page.locator(f"article.card:nth-child({pairs})").wait_for()


def paint(page, label="Mask"):
    """A stroke by the mouse, and a dot by the keyboard."""
    canvas = page.get_by_role("application", name=label)
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.4, steps=4)
    page.mouse.up()
    canvas.press("ArrowDown")
    canvas.press(" ")


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_a_visitor_makes_a_pair_draws_a_mask_and_keeps_it(page, home):
    folder = page.get_by_label("Or the folder of another one")
    folder.fill(str(home / "models" / "tiny"))
    folder.press("Tab")
    page.get_by_text("breast ultrasound phantom").wait_for()
    page.get_by_role("spinbutton", name="Pairs").fill("2")
    page.get_by_role("spinbutton", name="Steps").fill("2")
    make(page, "Make pairs", 2)
    page.get_by_role("spinbutton", name="Pairs").fill("1")
    page.get_by_role("tab", name="From a mask").click()
    page.get_by_role("button", name="Make images", exact=True).click()
    page.get_by_role("alert").get_by_text(
        "mask is empty, and such an image shows lesion"
    ).wait_for()
    paint(page)
    make(page, "Make images", 1)
    page.get_by_role("checkbox", name="Keep pair 1").click()
    page.get_by_label("Name of the data set").fill("mine")
    page.get_by_role("button", name="Keep as a version").click()
    page.get_by_text("mine@v1 is out: 1 added, 1 in all").wait_for()
    page.get_by_role("tab", name="Versions").click()
    page.get_by_text("kept by hand in the studio: 1 of 1").wait_for()
    settings = load_settings(home)
    (found,) = datasets(settings)
    assert (found.name, found.version, found.pairs) == ("mine", "v1", 1)
    (chosen,) = show(Version("mine", "v1"), settings).fields["by_hand"]
    assert chosen["given"] == "mask"
    # What is ticked in one window is ticked in another; another version stands beside the one at hand.
    page.get_by_role("tab", name="Make pairs").click()
    page.get_by_role("spinbutton", name="Pairs").fill("2")
    make(page, "Make pairs", 2)
    other = page.context.browser.new_page()
    other.goto(page.url)
    page.get_by_role("checkbox", name="Keep pair 1").click()
    other.get_by_role("checkbox", name="Keep pair 1", checked=True).wait_for()
    other.close()
    page.get_by_role("button", name="Keep as a version").click()
    page.get_by_text("mine@v2 is out: 1 added, 2 in all").wait_for()
    page.get_by_role("tab", name="Versions").click()
    page.get_by_role("checkbox", name="Two versions side by side").click()
    page.get_by_label("The first version").get_by_text("mine@v1", exact=True).wait_for()
    page.get_by_label("The second version").get_by_text("mine@v2", exact=True).wait_for()
    # A file that is none is told in a line of the page.
    page.get_by_role("tab", name="From an image").click()
    bad = home / "bad.png"
    bad.write_text("hello")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose an image").click()
    chooser.value.set_files(bad)
    page.get_by_role("alert").get_by_text("bad.png: cannot be read as an image").wait_for()


def choose(page, button, file):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button).click()
    chooser.value.set_files(file)


def pixels(page, kind):
    """What the first card's link to its image or mask holds."""
    uri = page.get_by_role("link", name=f"save {kind}").first.get_attribute("href")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_a_visitor_fills_in_a_region_and_warps_masks(page, home):
    folder = page.get_by_label("Or the folder of another one")
    folder.fill(str(home / "models" / "tiny"))
    folder.press("Tab")
    page.get_by_text("breast ultrasound phantom").wait_for()
    page.get_by_role("spinbutton", name="Pairs").fill("1")
    page.get_by_role("spinbutton", name="Steps").fill("2")
    page.get_by_role("tab", name="From a mask").click()
    paint(page)
    make(page, "Warp this mask", 1)
    warped = pixels(page, "mask")
    assert 0 < (warped > 0).sum() < 200
    # A mark by the keyboard alone: one dot of the brush.
    page.get_by_role("button", name="Fill in a region of pair 1").click()
    before = pixels(page, "image")
    region = page.get_by_role("application", name="Region")
    region.press("Space")
    make(page, "Fill in", 1)
    page.get_by_text(re.compile("Filling in the region: 1 of 1, done")).wait_for()
    changed = np.argwhere(pixels(page, "image") != before)
    assert len(changed) > 50
    assert (abs(changed - 16) <= 6).all()  # the brush has a radius of 6 pixels
    page.get_by_role("checkbox", name="Keep pair 1").click()
    page.get_by_label("Name of the data set").fill("filled")
    page.get_by_role("button", name="Keep as a version").click()
    page.get_by_text(re.compile("filled@v1 is out|speak against")).wait_for()
    # An image of the visitor's is filled in, and cannot be kept.
    for name, grey in (("scan", 90), ("mask", 0)):
        Image.fromarray(np.full((32, 32), grey, np.uint8)).save(home / f"{name}.png")
    choose(page, "Choose an image to fill in", home / "scan.png")
    page.get_by_text("its mask is still to be chosen").wait_for()
    choose(page, "Choose its mask", home / "mask.png")
    page.get_by_text("not synthetic: it cannot be kept").wait_for()
    region.press("Space")
    make(page, "Fill in", 1)
    page.get_by_text("Filling in the region: 1 of 1, done").wait_for()
    assert (pixels(page, "image")[0] == 90).all()
    assert page.get_by_role("checkbox", name="Keep pair 1").count() == 0
    page.get_by_role("tab", name="From a mask").click()
    make(page, "Warp real masks", 1)
    page.get_by_text("Making images for warped real masks: 1 of 1, done").wait_for()


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_axe_finds_nothing_serious_in_any_tab(page, home, record_property):
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    found = serious_in_tabs(page)
    page.get_by_role("tab", name="Make pairs").click()
    folder = page.get_by_label("Or the folder of another one")
    folder.fill(str(home / "models" / "tiny"))
    folder.press("Tab")
    page.get_by_text("breast ultrasound phantom").wait_for()
    page.get_by_role("spinbutton", name="Pairs").fill("2")
    page.get_by_role("spinbutton", name="Steps").fill("2")
    make(page, "Make pairs", 2)
    page.get_by_role("checkbox", name="Keep pair 1").click()
    page.get_by_label("Name of the data set").fill("mine")
    page.get_by_role("button", name="Keep as a version").click()
    page.get_by_text("mine@v1 is out: 1 added, 1 in all").wait_for()
    page.get_by_role("tab", name="Make pairs").click()
    page.get_by_role("button", name="Fill in a region of pair 1").click()
    found += serious_in_tabs(page)
    record_property("axe_serious", len(found))
    assert found == []


def test_a_port_that_is_taken_is_told(medpair, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = medpair("studio", "--home", tmp_path, "--port", taken.getsockname()[1])
    assert said.code == 2
    assert "give another, or leave it out" in said.lines[0]


def test_without_nicegui_the_command_says_how_to_get_it(medpair, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nicegui", None)
    said = medpair("studio", "--home", tmp_path)
    assert said.code == 2
    (line,) = said.lines
    assert "needs NiceGUI" in line
    assert line.endswith("pip install 'medpair-factory[studio]'")
