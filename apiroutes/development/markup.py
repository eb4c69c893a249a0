"""The HTML of the development server's pages: one document each, which needs no network.

In: texts and lines of source, which may quote what a client sent. Out: HTML in which all of it is escaped,
and the headers of a response with it. The policy allows only the pages' own style and script, by hashes.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from apiroutes.development.sources import Excerpt, Line

__all__ = ["document", "escape", "headers", "inline", "listing", "place", "source", "table"]

_DIRECTORY = Path(__file__).parent / "page"


def escape(text: str) -> str:
    """Return text as HTML; half a surrogate pair, which UTF-8 has no bytes for, is written as an escape."""
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def inline(text: str) -> str:
    """Return a hint as HTML: text in backticks is code."""
    pieces = re.split(r"`([^`]*)`", text)
    return "".join(
        f"<code>{escape(piece)}</code>" if index % 2 else escape(piece) for index, piece in enumerate(pieces)
    )


@cache
def _asset(name: str) -> str:
    return (_DIRECTORY / name).read_text(encoding="utf-8")


def _hash(name: str) -> str:
    return base64.b64encode(hashlib.sha256(_asset(name).encode()).digest()).decode()


@cache
def _headers() -> tuple[tuple[str, str], ...]:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash('page.css')}'; script-src "
        f"'sha256-{_hash('page.js')}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors "
        f"'none'"
    )
    return (
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    )


def headers() -> list[tuple[str, str]]:
    """Return the headers that a response with one of the pages has, besides its Content-Type."""
    return list(_headers())


def document(title: str, bar: str, body: str, text: str, footer: str = "") -> str:
    """Return a page.

    `bar` and `body` are HTML, `bar` the content beside the button that copies `text`; `title`, `text` and
    `footer` are text.
    """
    foot = f"<footer>{escape(footer)}</footer>\n" if footer else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{_asset('page.css')}</style>\n</head>\n<body>\n<main>\n"
        f'<div class="bar"><p>{bar}</p><button id="copy" type="button" hidden>Copy as text</button></div>\n'
        f'{body}\n<details class="more" id="text"><summary>As text</summary>\n'
        # A line break right after the tag is not part of its text.
        f'<pre id="as-text" tabindex="0">\n{escape(text)}</pre></details>\n{foot}'
        '</main>\n<p id="said" role="status"></p>\n'
        f"<script>{_asset('page.js')}</script>\n</body>\n</html>\n"
    )


def place(file: str, line: int | None, function: str = "") -> str:
    """Return a place in a file as HTML."""
    shown = f'<span class="path">{escape(file if line is None else f"{file}:{line}")}</span>'
    return shown + (f' <span class="in">in <code>{escape(function)}</code></span>' if function else "")


def source(caption: str, shown: Excerpt, label: str, changed: str) -> str:
    """Return lines of source below a caption, which is HTML; `changed` is shown if the file was changed."""
    if shown.changed:
        content = f'<p class="empty">{escape(changed)}</p>'
    elif not shown.lines:
        return ""
    else:
        lines = "".join(map(_line, shown.lines))
        content = f'<pre tabindex="0" role="group" aria-label="{escape(label)}"><code>{lines}</code></pre>'
    head = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f"<figure>{head}{content}</figure>\n"


def _line(line: Line) -> str:
    text = escape(line.text)
    if line.mark is not None:
        start, end = line.mark
        whole = line.text.ljust(end)  # what is missing at the end of a line is marked there
        text = f"{escape(whole[:start])}<mark>{escape(whole[start:end])}</mark>{escape(whole[end:])}"
    number = f'<span class="n">{line.number or ""}</span>'
    return f'<span class="l{" current" if line.is_current else ""}">{number}{text}\n</span>'


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Return names, which are text, with their values, which are HTML."""
    found = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in rows)
    return f"<dl>{found}</dl>" if found else ""


def listing(items: Sequence[str]) -> str:
    """Return texts as an ordered list of code."""
    return "<ol>" + "".join(f"<li><code>{escape(item)}</code></li>" for item in items) + "</ol>"
