"""What the site's search reads: every section of every page, as a script, so that it also works from a disk.

In: the trees of the pages. Out: _static/search-data.js, a call that hands the sections to search.js.
Raises nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx

from tools.site.files import documents_of
from tools.site.navigation import entries_of
from tools.site.texts import FILES_HEADING

__all__ = ["write_search_data"]

_UNSEARCHED = (nodes.comment, nodes.Inline)  # what is inline is part of a block


class _Piece(NamedTuple):
    """What a search can find: a section, or a part of one that has an anchor of its own."""

    page: str
    anchor: str
    headings: list[str]  # of the page, and of the sections down to this one
    text: str
    names: list[str]  # of settings and options that it explains: `--port` as port
    about: str = ""  # what the index says of the page, for the beginning of the page
    weight: float = 1  # how much what is found here counts


def write_search_data(app: Sphinx) -> None:
    """Write the script into the site."""
    subjects = {entry.page: entry.subject for entry in entries_of(documents_of(app.env).navigation)}
    pieces = [
        piece._replace(
            about="" if piece.anchor else subjects.get(docname, ""),
            weight=_weight(docname, app.config.site_search_weights),
        )
        for docname in sorted(app.env.found_docs)
        for piece in _pieces_of(app, docname)
    ]
    data = json.dumps(pieces, ensure_ascii=False, separators=(",", ":"))
    Path(app.outdir, "_static", "search-data.js").write_text(f"startSearch({data});\n", encoding="utf-8")


def _weight(docname: str, weights: dict[str, float]) -> float:
    """Return the weight of the first pattern that the page's name fits."""
    return next((weight for pattern, weight in weights.items() if fnmatchcase(docname, pattern)), 1)


def _pieces_of(app: Sphinx, docname: str) -> Iterator[_Piece]:
    for section in app.env.get_doctree(docname).findall(nodes.section):
        headings = _headings(section)
        if headings[-1] == FILES_HEADING:
            continue
        anchor = "" if len(headings) == 1 else section.get("slug") or section["ids"][0]
        blocks: list[nodes.Node] = []
        for child in section.children:
            if isinstance(child, (nodes.section, nodes.title)) or "toctree-wrapper" in _classes(child):
                continue
            own = _own_anchor(child)
            if own is not None and blocks:
                yield _piece(app, docname, anchor, headings, blocks)
                blocks = []
            anchor = own or anchor
            blocks.append(child)
        yield _piece(app, docname, anchor, headings, blocks)


def _piece(app: Sphinx, docname: str, anchor: str, headings: list[str], blocks: list[nodes.Node]) -> _Piece:
    text = " ".join(_text(block) for block in blocks)
    is_searched = docname in app.config.site_search_names
    names = {name for block in blocks for name in _names_of_rows(block)} if is_searched else set()
    return _Piece(docname, anchor, headings, text, sorted(names))


def _names_of_rows(block: nodes.Node) -> Iterator[str]:
    for row in block.findall(nodes.row):
        yield from _names(row.children[0])


def _names(place: nodes.Node) -> Iterator[str]:
    """Find names in code: `--port` and `port` are port."""
    for literal in place.findall(nodes.literal):
        found = re.fullmatch(r"-*([\w-]*\w)", literal.astext())
        if found:
            yield found[1]


def _headings(section: nodes.section) -> list[str]:
    headings = []
    node: nodes.Node | None = section
    while isinstance(node, nodes.section):
        title = node.next_node(nodes.title)
        headings.append(_text(title) if title is not None else "")
        node = node.parent
    return headings[::-1]


def _classes(node: nodes.Node) -> list[str]:
    return list(node["classes"]) if isinstance(node, nodes.Element) else []


def _own_anchor(node: nodes.Node) -> str | None:
    """Return the anchor with which a paragraph begins, if it does."""
    first = node.children[0] if node.children else None
    return first["ids"][0] if isinstance(first, nodes.target) and first["ids"] else None


def _text(node: nodes.Node) -> str:
    """Return the words of a node, with a space between blocks."""
    blocks = [block for block in node.findall(nodes.TextElement) if not isinstance(block, _UNSEARCHED)]
    return re.sub(r"\s+", " ", " ".join(block.astext() for block in blocks)).strip()
