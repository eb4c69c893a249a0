"""The checks of the finished site: every link has a target, and no page fetches anything from elsewhere.

In: the directory of the site. Out: a line for each mistake. Raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["mistakes_of"]

# What a browser fetches by itself, by element and attribute.
_FETCHED = {
    ("audio", "src"),
    ("embed", "src"),
    ("iframe", "src"),
    ("img", "src"),
    ("input", "src"),
    ("link", "href"),
    ("object", "data"),
    ("script", "src"),
    ("source", "src"),
    ("track", "src"),
    ("video", "poster"),
    ("video", "src"),
    ("use", "href"),
}
_UNFETCHED = {"alternate", "canonical", "next", "prev"}  # relations of `<link>`
_CSS_URL = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


class _Page(HTMLParser):
    """What a page has: its anchors, its links, what it fetches, its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.headings: list[int] = []
        self.unnamed_images: list[str] = []
        self._is_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_style = tag == "style"
        if tag in _HEADINGS:
            self.headings.append(int(tag[1]))
        named = dict(attrs)
        if tag == "img" and not named.get("alt"):
            self.unnamed_images.append(named.get("src") or "")
        for name, value in attrs:
            if value is None:
                continue
            if name == "id":
                self.anchors.append(value)
            elif (tag, name) in _FETCHED:
                is_fetched = tag != "link" or not _UNFETCHED & set((named.get("rel") or "").split())
                (self.fetched if is_fetched else self.links).append(value)
            elif name == "href":
                self.links.append(value)
            elif name == "style":
                self.fetched.extend(_fetched_by_css(value))

    def handle_data(self, data: str) -> None:
        if self._is_style:
            self.fetched.extend(_fetched_by_css(data))


def _fetched_by_css(text: str) -> list[str]:
    return [first or second for first, second in _CSS_URL.findall(text)]


def mistakes_of(site: Path) -> Iterator[str]:
    """Find the mistakes of all pages and style sheets of a site."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site).as_posix()
        for address in page.fetched:
            if _is_elsewhere(address):
                yield f"{name} fetches {address}. The site needs its own copy of it."
        for address in [*page.fetched, *page.links]:
            if not _is_elsewhere(address) and not _leads_somewhere(address, path, site, pages):
                yield f"{name} links to {address}, which is not in the site."
        yield from _mistakes_of_structure(name, page)
    for path in sorted(site.rglob("*.css")):
        for address in _fetched_by_css(path.read_text(encoding="utf-8")):
            if _is_elsewhere(address):
                name = path.relative_to(site).as_posix()
                yield f"{name} fetches {address}. The site needs its own copy of it."


def _mistakes_of_structure(name: str, page: _Page) -> Iterator[str]:
    for before, after in zip([0, *page.headings], page.headings):
        if after > before + 1:
            yield f"{name} has a heading of level {after} below one of level {before}."
    if page.headings.count(1) != 1:
        yield f"{name} has {page.headings.count(1)} headings of level 1, but needs one."
    for anchor in sorted({anchor for anchor in page.anchors if page.anchors.count(anchor) > 1}):
        yield f"{name} has the anchor {anchor} more than once."
    for image in page.unnamed_images:
        yield f"{name} has no alternative text for the image {image}."


def _is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme not in ("", "data") or bool(parts.netloc)


def _leads_somewhere(address: str, path: Path, site: Path, pages: dict[Path, _Page]) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "data":
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file() or not target.is_relative_to(site.resolve()):
        return False
    anchor = unquote(parts.fragment)
    return not anchor or target not in pages or anchor in pages[target].anchors
