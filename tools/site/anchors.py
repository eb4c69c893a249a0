"""What Sphinx makes of a page besides MyST: anchors in HTML, blocks of code that name their file, addresses.

In: the tree of a page. Out: targets that links are checked against, for anchors as GitHub needs them,
`<a id="5.4"></a>`; a class for the blocks. Raises nothing: mistakes are warnings.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

__all__ = ["CheckedAddresses", "NamedAnchors", "NamedCode"]

_log = logging.getLogger(__name__)

_ANCHOR = re.compile(r'<a id="(?P<name>[^"]+)">(?P<end></a>)?\s*')
# A comment that is a path or a file's name, alone; "Flask: app.py" is a file for comparison.
_FILE_NAME = re.compile(
    r"(?:#|//|--|<!--|/\*) (?:[\w.]+: )?(?:(?=\S*[/.])[\w./$()\[\]{}@~+-]*\w|[A-Z]\w+file)(?: -->| \*/)?$"
)


class NamedAnchors(SphinxTransform):
    """Makes targets of anchors in HTML."""

    default_priority = 800  # after the headings have their anchors, before links look for them

    def apply(self, **kwargs: Any) -> None:
        anchors: dict[str, tuple[int | None, str, str]] = getattr(self.document, "myst_slugs", {})
        for raw in list(self.document.findall(nodes.raw)):
            found = _ANCHOR.fullmatch(raw.astext())
            if found is None:
                continue
            name = found["name"]
            if name in anchors:
                _log.warning("The page has two anchors %r. Rename one.", name, location=raw)
            anchors[name] = (raw.line, name, "")
            _take_end(raw)
            raw.replace_self(nodes.target("", "", ids=[name]))


def _take_end(raw: nodes.raw) -> None:
    """Remove the end tag of an anchor inside of a paragraph or a heading, which is a node of its own."""
    parent = raw.parent
    assert parent is not None
    after = parent[parent.index(raw) + 1 :]
    if after and isinstance(after[0], nodes.raw) and after[0].astext() == "</a>":
        parent.remove(after[0])


class NamedCode(SphinxTransform):
    """Marks the blocks whose first line names their file, for the style sheet."""

    default_priority = 800

    def apply(self, **kwargs: Any) -> None:
        for block in self.document.findall(nodes.literal_block):
            if _FILE_NAME.match(block.astext().partition("\n")[0]):
                block["classes"].append("named")


class CheckedAddresses(SphinxTransform):
    """Warns of addresses of other sites that no browser could open. `make docs-links` opens them."""

    default_priority = 800

    def apply(self, **kwargs: Any) -> None:
        for link in self.document.findall(nodes.reference):
            address = link.get("refuri", "")
            if address.startswith(("http:", "https:")) and not _is_address(address):
                _log.warning("%r is not the address of a page.", address, location=link)


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    is_local = host in ("localhost", "127.0.0.1")
    return (is_local or "." in host) and not re.search(r'[\s<>"{}|\\^`]', address)
