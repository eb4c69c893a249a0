"""Pieces of the hints' sentences; code is in backticks."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable

__all__ = ["bare", "code", "key_code", "listed", "quoted"]

_MAX_CODE = 60  # characters
_MAX_NAMES = 8


def bare(node: ast.expr | None) -> str:
    """Return the text of an expression in one line, shortened."""
    return _short("it" if node is None else " ".join(ast.unparse(node).split()))


def code(node: ast.expr | None) -> str:
    """Return an expression as code."""
    return f"`{bare(node)}`"


def quoted(text: str) -> str:
    """Return a string literal in double quotes, shortened."""
    return json.dumps(_short(text), ensure_ascii=False)


def key_code(owner: ast.expr, key: str) -> str:
    """Return the code that reads a key of a dict."""
    return f"`{bare(owner)}[{quoted(key)}]`"


def listed(names: Iterable[str]) -> str:
    """Return names as a list, shortened."""
    found = list(names)
    more = len(found) - _MAX_NAMES
    shown = ", ".join(f"`{quoted(name)}`" for name in found[:_MAX_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def _short(text: str) -> str:
    text = text.replace("`", "'")
    return text if len(text) <= _MAX_CODE else text[:_MAX_CODE] + "…"
