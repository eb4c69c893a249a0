"""The names of headers in the source of the package, and the files that have them.

In: the source. Out: names in lower case, each with its files. A name is a text in the form of a header, such
as "Content-Type", one of the words that are headers, or a key of WSGI's environ, such as "HTTP_ACCEPT". Files
that only know of headers, and neither read nor send one, are left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.reference.source import PACKAGE, files_of

__all__ = ["header_names"]

_HYPHENATED = re.compile(r"(?!UTF-)[A-Z][A-Za-z]*(?:-[A-Z0-9][A-Za-z0-9]*)+")
_WORDS = {
    "Accept",
    "Age",
    "Allow",
    "Authorization",
    "Cookie",
    "ETag",
    "Host",
    "Location",
    "Origin",
    "RateLimit",
    "Vary",
}
_KEY = re.compile(r"HTTP_([A-Z_]+[A-Z])|(CONTENT_(?:TYPE|LENGTH))")
# The development server's pages, the documents, advice, and the test client.
_LEFT_OUT = ("development/", "openapi/", "clients/", "handlers/", "testing.py")


@cache
def header_names(package: Path = PACKAGE) -> dict[str, set[str]]:
    """Return the names of headers with the files that have them, relative to the package."""
    found: dict[str, set[str]] = {}
    for file, text in files_of(package):
        if not file.startswith(_LEFT_OUT):
            for name in _names_in(ast.parse(text)):
                found.setdefault(name.lower(), set()).add(file)
    return found


def _names_in(tree: ast.Module) -> Iterator[str]:
    exported = {
        id(item)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for item in ast.walk(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in exported:
            key = _KEY.fullmatch(node.value)
            if key is not None:
                yield (key[1] or key[2]).replace("_", "-")
            elif node.value in _WORDS or _HYPHENATED.fullmatch(node.value):
                yield node.value
