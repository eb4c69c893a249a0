"""The page of a project that has mistakes: each with its file, its marked source and the remedy.

In: problems. Out: HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apiroutes.development.fault import printable
from apiroutes.development.fault_text import CHANGED
from apiroutes.development.markup import document, escape, inline, place, source
from apiroutes.development.sources import Excerpt, Line, Position, excerpt, source_of
from apiroutes.errors import Problem, listed, report
from apiroutes.http import phrase

__all__ = ["report_page", "report_problem"]

_FOOTER = "This page is gone as soon as the mistakes are: the server starts again when a file changes."


def report_page(problems: Sequence[Problem], title: str, root: Path | None = None) -> str:
    """Return the page of these problems; `markup.headers` are its headers.

    With `root`, the project's directory, the lines around a problem that has no source itself are read from
    its file.
    """
    count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    body = [f"<header><h1>{escape(title)}</h1></header>\n"]
    body += [_problem(problem, root) for problem in problems]
    return document(title, f"<b>{count}</b>", "".join(body), report(problems) + "\n", _FOOTER)


def report_problem(problems: Sequence[Problem], title: str) -> dict[str, object]:
    """Return these problems as a problem document (RFC 9457)."""
    mistakes = [
        {"file": problem.file, "line": problem.line, "message": problem.message, "remedy": problem.remedy}
        for problem in problems
    ]
    return {"type": "about:blank", "title": phrase(500), "status": 500, "detail": title, "mistakes": mistakes}


def _problem(problem: Problem, root: Path | None) -> str:
    importers = f"<p>Imported by {escape(listed(problem.importers))}.</p>\n" if problem.importers else ""
    return (
        f'<section class="problem">\n<h2>{place(problem.file, problem.line)}</h2>\n'
        f"<p>{_sentence(problem.message)}</p>\n{importers}"
        f'<p class="remedy">{_sentence(problem.remedy)}</p>\n{_source(problem, root)}</section>\n'
    )


def _sentence(text: str) -> str:
    shown = printable(text)
    is_word = shown.partition(" ")[0].isalpha()
    return inline(shown[:1].upper() + shown[1:] if is_word else shown)


def _source(problem: Problem, root: Path | None) -> str:
    lines = _lines_around(problem, root)
    if problem.source is not None and problem.span is not None:
        start, end = problem.span
        for index, line in enumerate(lines):
            # A problem's source has no indentation.
            indent = len(line.text) - len(line.text.lstrip())
            if line.number == problem.line and line.text[indent:].rstrip() == problem.source.rstrip():
                marked = Line(line.number, line.text, (start + indent, end + indent), is_current=True)
                lines = (*lines[:index], marked, *lines[index + 1 :])
                break
        else:
            lines = (Line(problem.line or 0, problem.source, problem.span, is_current=True),)
    return source("", Excerpt(lines), f"Source of {problem.file}", CHANGED)


def _lines_around(problem: Problem, root: Path | None) -> tuple[Line, ...]:
    """Return the lines around a problem, of a file below the project's directory that has no secrets."""
    if root is None or problem.line is None or Path(problem.file).name.startswith(".env"):
        return ()
    path = (root / problem.file).resolve()
    if not path.is_relative_to(root):
        return ()
    lines = source_of(str(path)).lines
    return excerpt(lines, Position(problem.line), 2, 2) if problem.line <= len(lines) else ()
