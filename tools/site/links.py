"""Links in the text of a Markdown document.

In: the text, and what a destination becomes. Out: the text with other destinations. Code is left as it is.
Raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

__all__ = ["is_relative", "with_destinations", "without_blocks", "without_comments"]

_FENCE = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$\n?|\Z)", re.M | re.S
)
_CODE_SPAN = re.compile(r"(?<!`)(?P<ticks>`+)(?!`)(?:[^\n]|\n(?![ \t]*\n))+?(?<!`)(?P=ticks)(?!`)")
# The destination of `[text](destination "title")` and of `[label]: destination`.
_DESTINATION = re.compile(
    r"(?<=\]\()(?P<inline><[^>\n]+>|[^)\s]+)|^(?P<label>\[[^\]\n]+\]:[ \t]+)(?P<defined>\S+)", re.M
)
_COMMENT = re.compile(r"^<!--.*?-->[ \t]*\n\n?", re.M | re.S)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")


def is_relative(destination: str) -> bool:
    """Return whether it leads to another file, and not to an address or a place in the same document."""
    return not _SCHEME.match(destination) and not destination.startswith("#")


def without_blocks(text: str) -> str:
    """Return the text without its blocks of code."""
    return _FENCE.sub("", text)


def without_comments(text: str) -> str:
    """Return the text without comments that stand on lines of their own."""
    return "".join(_COMMENT.sub("", piece) if is_text else piece for is_text, piece in _pieces(_FENCE, text))


def _outside_code(text: str) -> Iterator[tuple[bool, str]]:
    """Divide the text into pieces: whether each is outside of code, and the piece."""
    for is_text, block in _pieces(_FENCE, text):
        if is_text:
            yield from _pieces(_CODE_SPAN, block)
        else:
            yield False, block


def _pieces(code: re.Pattern[str], text: str) -> Iterator[tuple[bool, str]]:
    end = 0
    for found in code.finditer(text):
        yield True, text[end : found.start()]
        yield False, found[0]
        end = found.end()
    yield True, text[end:]


def with_destinations(text: str, change: Callable[[str], str]) -> str:
    """Return the text with every link's and image's destination as `change` gives it."""

    def changed(found: re.Match[str]) -> str:
        if found["inline"] is not None:
            return change(found["inline"])
        return found["label"] + change(found["defined"])

    return "".join(
        _DESTINATION.sub(changed, piece) if is_text else piece for is_text, piece in _outside_code(text)
    )
