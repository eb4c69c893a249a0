"""The navigation of the site, which is docs/index.md itself: its sections, and the pages that each links.

In: the text of the index, and of the pages that it links. Out: sections of pages, each with what is said of
it; toctrees for Sphinx. Raises nothing: Sphinx warns of a page that is in no section.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tools.site.links import without_blocks

__all__ = ["Entry", "Section", "entries_of", "navigation", "toctree", "toctrees"]

_INDEX = "index"
_HEADING = re.compile(r"^## (?P<title>.+)$", re.M)
# `| [Routes](routes.md) | which file answers |` and `- [Routes](routes.md): which file answers`
_ROW = re.compile(
    r"^(?:\| |- )\[(?P<title>[^\]]+)\]\((?P<target>[^)\s]+)\)(?: \| |: )(?P<subject>[^|\n]*)", re.M
)


class Entry(NamedTuple):
    """A page in the navigation, and the pages that it lists itself."""

    title: str
    page: str
    subject: str
    below: list[Entry]


class Section(NamedTuple):
    """Pages below one heading of the index."""

    title: str
    entries: list[Entry]


def navigation(text_of: Callable[[str], str], page_of: Callable[[str, str], str | None]) -> list[Section]:
    """Read the navigation.

    `text_of` gives the text of a page by its name, and `page_of` the name of the page that a link of a page
    leads to, if it leads to a whole one. A page belongs to the first section that has a row for it. One that
    the index does not list is below the page that does, as an example is below the list of examples.
    """
    index = without_blocks(text_of(_INDEX))
    parts = _HEADING.split(index)
    seen = {_INDEX}
    sections = []
    for title, content in zip(parts[1::2], parts[2::2]):
        entries = list(_rows(content, partial(page_of, _INDEX), seen))
        if entries:
            sections.append(Section(title.strip(), entries))
    for entry in [entry for section in sections for entry in section.entries]:
        text = without_blocks(text_of(entry.page))
        entry.below.extend(_rows(text, partial(page_of, entry.page), seen))
    return sections


def _rows(text: str, page_of: Callable[[str], str | None], seen: set[str]) -> Iterator[Entry]:
    """Find the rows with pages that have not been seen."""
    for row in _ROW.finditer(text):
        page = page_of(row["target"])
        if page is not None and page not in seen:
            seen.add(page)
            yield Entry(_without_markup(row["title"]), page, _without_markup(row["subject"]), [])


def _without_markup(text: str) -> str:
    """Return one line of Markdown as plain text."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", lambda found: found[1] or "", text).strip()


def entries_of(sections: list[Section]) -> Iterator[Entry]:
    """All entries in their order, each before those below it."""
    for section in sections:
        for entry in section.entries:
            yield entry
            yield from entry.below


def toctrees(sections: list[Section]) -> str:
    """Return the sections as MyST's toctrees, which show in the navigation alone."""
    return "".join(toctree(section.entries, f":caption: {section.title}\n") for section in sections)


def toctree(entries: list[Entry], options: str = "") -> str:
    """Return pages as one of MyST's toctrees."""
    rows = "".join(f"{entry.title} </{entry.page}>\n" for entry in entries)
    return f"\n```{{toctree}}\n:hidden:\n{options}\n{rows}```\n"
