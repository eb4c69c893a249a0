"""Markdown as GitHub and MyST both read it: tables, code, and links that move with their page.

In: texts of docstrings, whose links are relative to docs/. Out: texts of a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["code", "fenced", "link_text", "one_line", "prose", "slug", "summary", "table"]

# What is left as it is: code, and the target of a link.
_LITERAL = re.compile(r"(``.+?``|`[^`]+`|\]\([^)\s]+\)|<https?://[^>]+>)", re.DOTALL)
_VALUE = re.compile(r'(?<!\w)"[^"\s`]+"(?!\w)')
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s]+)\)")


def code(text: str) -> str:
    """Return a code span."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def fenced(text: str, language: str = "python") -> str:
    """Return a block of code."""
    return f"```{language}\n{text}\n```"


def prose(text: str, up: str = "") -> str:
    """Return a docstring as Markdown; `up` leads from the page to docs/, such as "../".

    A value such as "sqlite", which docstrings write as Python does, is code.
    """
    parts = _LITERAL.split(_with_values_as_code(text))
    escaped = [part if index % 2 else _escaped(part) for index, part in enumerate(parts)]
    return _LINK.sub(lambda link: f"]({up}{link[1]})", "".join(escaped)).strip()


def _with_values_as_code(text: str) -> str:
    parts = _LITERAL.split(text)
    return "".join(part if index % 2 else _VALUE.sub(r"`\g<0>`", part) for index, part in enumerate(parts))


def _escaped(text: str) -> str:
    """Escape what Markdown would take for emphasis, or HTML."""
    return re.sub(r"(?<!\\)([*<]|(?<!\w)_|_(?!\w))", r"\\\1", text)


def one_line(text: str) -> str:
    """Return a text on one line, as a table needs it."""
    return " ".join(text.split())


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown, of any number of lines."""
    lines = [_row(head), "|" + "---|" * len(head)]
    return "\n".join([*lines, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |".replace("|  |", "| |")


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", one_line(text))


def summary(text: str) -> str:
    """Return the first sentence of a docstring."""
    first = one_line(text.strip().partition("\n\n")[0])
    sentence = re.match(r"(?:`[^`]*`|[^.`]|\.(?! |$))*\.(?= |$)", first)
    return sentence[0] if sentence else first


def link_text(text: str) -> str:
    """Return a text without its links, for places that link elsewhere."""
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text)


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
