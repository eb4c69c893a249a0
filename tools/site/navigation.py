"""The navigation of the site, which is docs/index.md itself: its sections, and the pages that each links.

In: the text of the index. Out: sections of pages, each with what is said of it; a toctree for Sphinx. Raises
nothing: Sphinx warns of a page that is in no section.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from tools.site.links import without_blocks

__all__ = ["Entry", "Section", "sections_of", "toctrees", "without_markup"]

_HEADING = re.compile(r"^## (?P<title>.+)$", re.M)
# `| [Routes](routes.md) | which file answers |` and `- [Routes](routes.md): which file answers`
_ROW = re.compile(
    r"^(?:\| |- )\[(?P<title>[^\]]+)\]\((?P<target>[^)\s]+)\)(?: \| |: )(?P<subject>[^|\n]*)", re.M
)


class Entry(NamedTuple):
    """A page in the navigation."""

    title: str
    page: str
    subject: str


class Section(NamedTuple):
    """Pages below one heading."""

    title: str
    entries: list[Entry]


def sections_of(index: str, page_of: Callable[[str], str | None]) -> list[Section]:
    """Read the sections of the index. `page_of` gives the page that a link leads to, if it leads to one.

    A page belongs to the first section that has a row for it.
    """
    parts = _HEADING.split(without_blocks(index))
    seen: set[str] = set()
    sections = []
    for title, content in zip(parts[1::2], parts[2::2]):
        entries = []
        for row in _ROW.finditer(content):
            page = page_of(row["target"])
            if page is not None and page not in seen:
                seen.add(page)
                entries.append(Entry(without_markup(row["title"]), page, without_markup(row["subject"])))
        if entries:
            sections.append(Section(title.strip(), entries))
    return sections


def without_markup(text: str) -> str:
    """Return one line of Markdown as plain text."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", lambda found: found[1] or "", text).strip()


def toctrees(sections: list[Section]) -> str:
    """Return the sections as MyST's toctrees, which show in the navigation alone."""
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {section.title}\n\n"
        + "".join(f"{entry.title} </{entry.page}>\n" for entry in section.entries)
        + "```\n"
        for section in sections
    )
