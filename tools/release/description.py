"""The long description of the package: the README, with links that work on the page of an index.

In: the README and the repository's address. Out: its text. Raises: nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

__all__ = ["ADDRESS", "describe", "relative_links"]

ADDRESS = "<address of this repository>"  # what the documents say until there is an address

_FENCE = re.compile(r"^(```|~~~).*?^\1[^\S\n]*$", re.MULTILINE | re.DOTALL)
# [text](target) and ![text](target), in whose text may be code; or code, in which there is no link.
_LINK = re.compile(r"(!?)\[((?:`[^`]*`|[^\]`])*)\]\(([^()\s]+)\)|`[^`]*`")
_OUTWARD = re.compile(r"[a-z][a-z0-9+.-]*:|//|#", re.IGNORECASE)


def describe(readme: str, address: str | None, version: str) -> str:
    """Return `readme` with its relative links made absolute, to the files at the tag of `version`.

    The address is that of a repository on a site with GitHub's or Codeberg's paths. Without one, the texts of
    the links stay, and the links go: an index would resolve them against its own pages.
    """

    def rewrite(link: re.Match[str]) -> str:
        image, text, target = link.groups()
        if target is None or _OUTWARD.match(target):
            return link[0]
        if address is None:
            return text
        kind = "raw" if image else "blob"
        return f"{image}[{text}]({address}/{kind}/v{version}/{target.removeprefix('./')})"

    described = "".join(part if is_code else _LINK.sub(rewrite, part) for is_code, part in _parts(readme))
    return described if address is None else described.replace(ADDRESS, address)


def relative_links(html: str) -> list[str]:
    """Return the targets in HTML that depend on the page that they stand on."""
    reader = _Links()
    reader.feed(html)
    return [target for target in reader.targets if not _OUTWARD.match(target)]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for name, value in attrs if name in ("href", "src") and value]


def _parts(markdown: str) -> Iterator[tuple[bool, str]]:
    """Yield the parts of a text, and whether they are fenced code."""
    end = 0
    for fence in _FENCE.finditer(markdown):
        yield False, markdown[end : fence.start()]
        yield True, fence[0]
        end = fence.end()
    yield False, markdown[end:]
