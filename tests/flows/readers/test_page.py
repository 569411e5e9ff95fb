"""The page as readers have it: a real browser of a phone's size, by keyboard alone; several at once."""

import json
import re
import sys

import pytest

from benchmarks.studio import browser, open_page, served_page
from flows.readers.answer_book import AnswerBook
from flows.readers.frozen_list import open_key

SECONDS = 90_000  # ms, on a busy machine
PHONE = {"width": 390, "height": 844}
# Whatever the page was sent, as text: its elements, and what its server said over the socket.
HELD = "JSON.stringify([document.documentElement.outerHTML, window.heard])"
LISTEN = """window.heard = []; const Plain = window.WebSocket;
window.WebSocket = class extends Plain { constructor(...all) { super(...all);
  this.addEventListener('message', (e) => window.heard.push(String(e.data))); } };"""


@pytest.fixture
def address(settings):
    """The page of "first", served by a process of its own."""
    if browser() is None:
        pytest.skip("no Chromium is installed")
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with served_page(settings.home, "readers", "serve", "first") as found:
        yield found


@pytest.fixture
def page(address):
    """An open page; at the end nothing was wrong in its console, and nothing asked elsewhere."""
    said, asked = [], []
    with open_page("about:blank", **PHONE) as shown:
        shown.set_default_timeout(SECONDS)
        shown.add_init_script(LISTEN)
        shown.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(address)
        yield shown
    assert said == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def begin(page, name):
    """By keyboard: the name's field has the focus."""
    page.get_by_role("button", name="Begin").wait_for()
    page.wait_for_function("document.activeElement.tagName == 'INPUT'")
    page.keyboard.type(name)
    page.keyboard.press("Enter")


def at(page, number):
    """Waits for an image of twelve to be shown, and returns its id."""
    page.get_by_text(f"Image {number} of 12", exact=True).wait_for()
    form = page.locator("form.reading-form[data-shown]:not([data-shown=''])")
    form.wait_for()
    return form.get_attribute("data-shown")


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_a_reading_by_keyboard_alone_on_a_phone(page, reading, settings):
    begin(page, "Anna")
    first = at(page, 1)
    told = page.get_by_role("status").filter(has_text="Say first")
    press(page, "Enter")  # nothing was said yet
    told.wait_for()
    press(page, "s", "4", "c")
    page.keyboard.type("rare, s 1 r")  # letters of a comment are no answers
    press(page, "Enter")
    at(page, 2)
    (answer,) = AnswerBook(reading).answers()
    assert (answer.reader, answer.item, answer.answer) == ("anna", first, "synthetic")
    assert (answer.grade, answer.comment) == (4, "rare, s 1 r")
    assert 0 < answer.seconds < 60
    # With the tabulator and arrows, as without a pointer or shortcuts.
    press(page, "Tab", "Space", "Tab", "ArrowRight", "Tab", "Tab", "Enter")
    at(page, 3)
    assert AnswerBook(reading).answers()[1].answer == "real"
    # Nothing is cut off or scrolled sideways at this width.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # Stopped and opened again it goes on.
    page.reload()
    at(page, 3)
    for number in range(3, 13):
        at(page, number)
        press(page, "r", "5", "Enter")
    page.get_by_text("All 12 images are answered. Thank you, anna.").wait_for()
    press(page, "r", "5", "Enter")
    assert len(AnswerBook(reading).answers()) == 12
    assert [each.item for each in AnswerBook(reading).answers()] == reading.order("anna")


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_what_a_page_is_sent_tells_no_truth(page, reading, settings):
    """No word of the key, and no name of a file, in any element or message of the first images."""
    key = json.loads((settings.reading_keys / "first.json").read_text())
    begin(page, "anna")
    at(page, 1)
    press(page, "r", "3", "Enter")
    at(page, 2)
    held = page.evaluate(HELD)
    assert len(held) > 5000
    for word in (key["salt"], key["snapshot"], "reading-keys", ".png", "patient", "val-", "truth"):
        assert word not in held
    shown = set(re.findall(r"[0-9a-f]{8}", held)) & set(reading.items)
    assert shown == set(reading.order("anna")[:2])
    assert {truth.synthetic for truth in open_key(reading, settings).truths.values()} == {0, 1}


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_readers_at_once_and_a_second_answer(page, address, reading):
    begin(page, "anna")
    at(page, 1)
    other, third = (page.context.browser.new_page() for _ in range(2))
    for window in (other, third):
        window.set_default_timeout(SECONDS)
    other.goto(f"{address}/?reader=bo")
    third.goto(f"{address}/?reader=anna")  # a second window of the same reader
    assert at(other, 1) == reading.order("bo")[0]
    at(third, 1)
    for window, answer in ((page, "s"), (other, "r"), (third, "r")):
        window.bring_to_front()
        press(window, answer, "3", "Enter")
        at(window, 2)
    third.get_by_role("alert").get_by_text("the first answer counts").wait_for()
    given = {(each.reader, each.answer) for each in AnswerBook(reading).answers()}
    assert given == {("anna", "synthetic"), ("bo", "real")}


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_a_list_that_changes_under_a_reader_is_one_clear_page(page, reading):
    begin(page, "anna")
    at(page, 1)
    following = reading.order("anna")[1]
    (reading.folder / "images" / f"{following}.png").write_bytes(b"")
    press(page, "r", "3", "Enter")
    page.get_by_role("alert").get_by_text("changed after it was frozen").wait_for()
    assert not page.locator("form.reading-form").is_visible()
    assert len(AnswerBook(reading).answers()) == 1


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_who_gives_no_name_is_told(page):
    begin(page, "   ")
    page.get_by_role("alert").get_by_text("no reader's name").wait_for()
    assert page.get_by_role("button", name="Begin").is_visible()


def test_without_nicegui_the_command_says_how_to_get_it(medpair, settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "nicegui", None)
    said = medpair("readers", "serve", "first", "--home", settings.home)
    assert said.code == 2
    (line,) = said.lines
    assert "the page for readers needs NiceGUI" in line
