"""The pages of the development server in a browser: readable at any width, in the dark, and by keyboard."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from tests.development_pages import BROKEN, application, serving
from tests.screenshots import show

pytestmark = pytest.mark.slow

WIDTHS = [1200, 420, 320]
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]


class Subject(NamedTuple):
    path: str
    method: str = "GET"
    is_broken: bool = False


PAGES = {
    "an error": Subject("/api/orders", "POST"),
    "an error with a cause": Subject("/api/orders/1"),
    "an error that quotes": Subject("/api/quotes?q=" + "wide" * 400 + "%3Cscript%3Ealert(1)%3C/script%3E"),
    "a group": Subject("/api/group"),
    "a near path": Subject("/api/user/7"),
    "an unknown path": Subject("/" + "long" * 200),
    "the root": Subject("/"),
    "a report": Subject("/", is_broken=True),
}
MORE = {
    "pages/api/quotes.py": "def GET(query):\n    raise ValueError(query['q'])\n",
    "pages/api/group.py": (
        "def GET():\n    errors = [ValueError('one'), KeyError('two')]\n"
        "    try:\n        raise KeyError('first')\n    except KeyError:\n"
        "        group = RuntimeError('no group before Python 3.11')\n"
        "        raise globals()['__builtins__'].get('ExceptionGroup', lambda *_: group)('both', errors)\n"
    ),
}

# The text nodes of a page whose colour has too little contrast (WCAG 2.2, 1.4.3).
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) =>
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const background = (element) => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility()) continue;
    seen += 1;
    const pair = [parse(getComputedStyle(element).color), background(element)].map(luminance);
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) poor.push([text.slice(0, 40), ratio]);
  }
  return seen > 3 ? poor : ["nothing was seen"];
}"""
# What a screen reader and a keyboard need, as a list of what is missing.
BASICS = """() => {
  const missing = [], all = (selector) => [...document.querySelectorAll(selector)];
  if (!document.documentElement.lang) missing.push("lang");
  if (!document.title) missing.push("title");
  if (all("main").length !== 1) missing.push("one main");
  if (all("h1").length !== 1) missing.push("one h1");
  let level = 1;
  for (const heading of all("h1, h2, h3")) {
    if (Number(heading.tagName[1]) > level + 1) missing.push("a level before " + heading.textContent);
    level = Number(heading.tagName[1]);
  }
  for (const control of all("button, a, summary"))
    if (!control.textContent.trim()) missing.push("a name of " + control.outerHTML);
  for (const block of all("pre"))
    if (block.scrollWidth > block.clientWidth && block.tabIndex !== 0)
      missing.push("a focus of " + block.outerHTML);
  const names = all("[id]").map((element) => element.id);
  if (new Set(names).size !== names.length) missing.push("unique ids");
  return missing;
}"""


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, str]]:
    """The URLs of a project that is served, and of one that is not."""
    root = tmp_path_factory.mktemp("pages")
    logging.getLogger("apiroutes").disabled = True
    with serving(application(root / "a", MORE)) as served, serving(application(root / "b", BROKEN)) as broken:
        yield {False: served, True: broken}
    logging.getLogger("apiroutes").disabled = False


@contextmanager
def shown(
    browser: Browser, urls: dict[bool, str], subject: Subject, width: int = 1200, **options: Any
) -> Iterator[Page]:
    """Open a page; it may request nothing and report nothing."""
    script = options.pop("script", None)
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page = context.new_page()
    if script is not None:
        page.add_init_script(script)
    errors: list[str] = []
    requested: list[str] = []
    # The status of the page itself is one, too.
    page.on("console", lambda line: errors.append(line.text) if "Failed to load" not in line.text else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.on("request", lambda request: requested.append(request.url))
    url = urls[subject.is_broken]
    show(page, url + subject.path, subject.method)
    yield page
    context.close()
    assert errors == []
    assert [each for each in requested if each not in (url + subject.path, "data:,")] == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_window_and_can_be_read(
    browser: Browser, urls: dict[bool, str], name: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    with shown(browser, urls, PAGES[name], width, color_scheme=scheme) as page:
        for details in page.locator("details").all():
            details.evaluate("element => { element.open = true; }")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate(BASICS) == []


def test_the_mark_is_the_expression(browser: Browser, urls: dict[bool, str]) -> None:
    with shown(browser, urls, PAGES["an error"]) as page:
        assert page.locator("mark").first.inner_text() == "request.json()"


def test_folded_calls_are_opened_by_the_keyboard(browser: Browser, urls: dict[bool, str]) -> None:
    with shown(browser, urls, PAGES["an error"]) as page:
        opened = page.locator(".foreign[open]")
        assert opened.count() == 0
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.parentElement.className") == "foreign":
                break
        page.keyboard.press("Enter")
        assert opened.count() == 1
        assert "apiroutes/" in opened.inner_text()
        page.keyboard.press("Space")
        assert opened.count() == 0


def copied(browser: Browser, urls: dict[bool, str], **options: Any) -> str:
    """What is in the clipboard when the button was pressed."""
    permissions = ["clipboard-read", "clipboard-write"]
    with shown(browser, urls, PAGES["an error"], permissions=permissions, **options) as page:
        button = page.get_by_role("button", name="Copy as text")
        button.focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Copied").wait_for()
        assert page.get_by_role("status").inner_text() == "Copied"
        other = page.context.new_page()
        other.goto(urls[False] + "/api/users")
        text = other.evaluate("navigator.clipboard.readText()")
        assert isinstance(text, str)
        return text


WITHOUT_CLIPBOARD = "Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined });"
REFUSING = "navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed'));"


@pytest.mark.parametrize("script", [None, REFUSING])
def test_the_page_is_copied_as_text(browser: Browser, urls: dict[bool, str], script: str | None) -> None:
    text = copied(browser, urls, script=script)
    assert text.startswith("TypeError: 'dict' object is not callable\n")
    assert "request.json()\n" in text
    assert "Hint: " in text


def test_a_page_without_scripts_shows_all_and_no_button(browser: Browser, urls: dict[bool, str]) -> None:
    with shown(browser, urls, PAGES["an error"], java_script_enabled=False) as page:
        assert not page.get_by_role("button").is_visible()
        page.get_by_text("As text", exact=True).click()
        assert page.locator("#as-text").is_visible()


def test_a_near_route_is_a_link_that_answers(browser: Browser, urls: dict[bool, str]) -> None:
    with browser.new_page() as page:
        page.goto(urls[False] + "/api/user/7")
        page.get_by_role("link", name="/api/users/7").click()
        assert page.inner_text("body") == "7"


def test_a_printed_page_has_no_button(browser: Browser, urls: dict[bool, str]) -> None:
    with shown(browser, urls, PAGES["an error"]) as page:
        page.emulate_media(media="print")
        assert not page.locator("#copy").is_visible()
        assert page.locator("mark").first.is_visible()


def test_the_pictures_of_the_documentation_are_small(tmp_path: Path) -> None:
    images = list((Path(__file__).parents[2] / "docs" / "images").glob("*.png"))
    assert images
    assert [image.name for image in images if image.stat().st_size > 150_000] == []
