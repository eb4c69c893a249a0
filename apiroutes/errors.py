"""Both families of errors: the project is wrong (stops the start), the request is wrong (4xx).

In: errors as data. Out: exceptions and `Problem` records, and the reason phrases of status codes. Nothing
else here knows HTTP or a terminal: `apiroutes.error_responses` turns request errors into responses; the
servers and the command line print reports of problems.
"""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

__all__ = [
    "ApiError",
    "BodyCutOff",
    "HandlerTimeout",
    "InvalidRequest",
    "JSONTypeError",
    "LifespanError",
    "MaxDurationExceeded",
    "NestedAppError",
    "NoResponseError",
    "Problem",
    "Problems",
    "ProjectError",
    "ResponseAborted",
    "ResponseSentError",
    "shown_kind",
    "listed",
    "one_line",
    "phrase",
    "readable_path",
    "report",
    "shown",
    "suggest",
]


@dataclass(frozen=True)
class Problem:
    """One mistake in the project, found before the first request.

    Args:
        file: The file, relative to the project directory.
        message: What is wrong.
        remedy: What to do about it.
        line: The line, counted from 1.
        source: The text that contains the `span`.
        span: The start and end of the marked part of `source`, in characters; None if nothing is marked.
        importers: The places that import the file and cannot work without it, such as `pages/api/a.py:1`.
    """

    file: str
    message: str
    remedy: str
    line: int | None = None
    source: str | None = None
    span: tuple[int, int] | None = None
    importers: tuple[str, ...] = ()


class Problems(list[Problem]):
    """Collects the problems of a project, so that all are reported together."""

    def add(
        self,
        file: str,
        message: str,
        remedy: str,
        *,
        line: int | None = None,
        source: str | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        """Add one problem; the parameters are those of `Problem`."""
        self.append(Problem(file, message, remedy, line, source, span))

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Add the problems of a ProjectError that the block raises, each once, and suppress the error."""
        try:
            yield
        except ProjectError as error:
            for problem in error.problems:
                self.merge(problem)

    def merge(self, problem: Problem) -> None:
        """Add a problem; a file that fails to import is one problem, whatever imports it."""
        for index, known in enumerate(self):
            if replace(known, importers=()) == replace(problem, importers=()):
                importers = (*known.importers, *problem.importers)
                self[index] = replace(known, importers=tuple(dict.fromkeys(importers)))
                return
        self.append(problem)

    def raise_any(self) -> None:
        """Raise ProjectError with all of them, if there are any."""
        if self:
            raise ProjectError(self)


class ProjectError(Exception):
    """The project cannot be served; the text of the exception reports all mistakes."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        """Every mistake that was found."""
        super().__init__(report(self.problems))


class LifespanError(ProjectError):
    """An App did not start, or did not end as it should; the log has the traceback.

    `register` in the project's instrumentation.py has raised an exception, taken too long, or yielded or
    created something that it may not.
    """


class NestedAppError(RuntimeError):
    """A file of a project makes an App of the project that is loading it."""


class ApiError(Exception):
    """An error response to raise: the client gets this status and message.

    Its arguments are its attributes. Raises ValueError for a status outside 400 to 599.

    Args:
        status: The status code, an int from 400 to 599.
        message: The text for the client; None for the status's reason phrase, such as "Not Found".
        headers: Further headers by name; a list makes one line for each of its items.
    """

    def __init__(
        self,
        status: int,
        message: str | None = None,
        headers: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:
            raise ValueError(
                f"the status of an ApiError must be from 400 to 599, not {shown(status)}: "
                "write ApiError(status, message)"
            )
        if message is None:
            message = phrase(status)
        super().__init__(status, message)
        self.status = int(status)
        self.message = message
        self.headers = dict(headers) if headers else {}


class ExplainedRefusal(ApiError):
    """A refusal with a `remedy`, what the project can write; only responses in development include it."""

    def __init__(self, status: int, message: str, remedy: str | None = None) -> None:
        super().__init__(status, message)
        self.remedy = remedy


# RFC 9110's reason phrases (section 15); older versions of Python have the phrases of earlier RFCs.
_PHRASES = {
    **{status.value: status.phrase for status in HTTPStatus},
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


def phrase(status: int) -> str:
    """Return the reason phrase of a status code, "Unknown" for a code without one."""
    return _PHRASES.get(status, "Unknown")


class InvalidRequest(ApiError):
    """A request that does not fit: a 422 that lists what is wrong, and where.

    apiroutes raises it for a request that does not fit the types of its handler. Raise it for rules that
    types cannot express: `raise InvalidRequest([("body.name", "is taken")])`. Its argument is an attribute, a
    tuple; `status` is 422. Raises TypeError for anything but pairs.

    Args:
        errors: Pairs of a place, such as `body.items[3].price`, and a message. The client gets all of them:
            as `errors` of a problem document (RFC 9457), or as lines of text if it prefers text.
    """

    def __init__(self, errors: Iterable[tuple[str, str]]) -> None:
        errors = tuple(errors)
        if any(isinstance(error, str) or len(error) != 2 for error in errors):
            raise TypeError("InvalidRequest takes pairs: write InvalidRequest([(place, message)])")
        super().__init__(422, "\n".join(f"{place}: {message}" for place, message in errors))
        self.errors = errors


class BodyCutOff(ApiError):
    """The body ended too early: 400, though in most cases the client has left."""


class MaxDurationExceeded(BaseException):
    """Raised by `req`, `res` and `next` in a handler whose `maxDuration` has passed.

    It is not an Exception, so a handler's `except Exception` does not catch it. The client has already
    received a 504; `finally` and `with` clean up as they do for any exception.
    """

    code = 504  # for an access log


class NoResponseError(ApiError):
    """A handler has returned None and not responded: a 500, which gives this reason only in development."""

    def __init__(self, explanation: str) -> None:
        super().__init__(500)
        self.explanation = explanation

    def __str__(self) -> str:
        return self.explanation


class JSONTypeError(TypeError):
    """A value that JSON cannot represent. `place` is the faulty part of the value, "" for the whole value."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place = place
        self.reason = reason
        self.sent_by = ""  # the handler, with its file and line

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.sent_by, self.place and f"`{self.place}`", self.reason)))


class HandlerTimeout(TimeoutError):
    """A handler did not finish within its `maxDuration`: 504 for the client."""


class ResponseSentError(RuntimeError):
    """The response has already been sent."""


class ResponseAborted(ConnectionResetError):
    """A started response cannot be finished; the server must drop the connection.

    It is a ConnectionResetError, because servers close the connection then without a second traceback: the
    cause has already been logged.
    """


def report(problems: Iterable[Problem]) -> str:
    """Return all problems as text: file and line, the marked name, the message, and the remedy."""
    listed = list(problems)
    count = "1 problem" if len(listed) == 1 else f"{len(listed)} problems"
    return "\n\n".join([f"{count} in this project:", *map(_paragraph, listed)])


def _paragraph(problem: Problem) -> str:
    lines = [problem.file if problem.line is None else f"{problem.file}:{problem.line}"]
    if problem.source is not None and problem.span is not None:
        start, end = problem.span
        lines += [f"    {problem.source}", "    " + " " * start + "^" * max(1, end - start)]
    lines.append(f"  {problem.message}")
    if problem.importers:
        lines.append(f"  Imported by {listed(problem.importers)}.")
    lines.append(f"  {problem.remedy}")
    return "\n".join(lines)


def listed(names: Sequence[str]) -> str:
    """Return the names joined for a sentence: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def readable_path(filename: str) -> str:
    """Return the path of a file for a person to read: relative, unless it is outside the directory."""
    path = os.path.relpath(filename)
    return filename if path.startswith(os.pardir) else path


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown name: the name that was probably meant, or all names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return "Expected one of " + ", ".join(map(repr, names)) + "."


def one_line(error: BaseException) -> str:
    """Return the type of an exception and the first line of its text; the place, too, for a SyntaxError."""
    name = type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{name}: {error.msg} ({os.path.basename(error.filename)}, line {error.lineno})"
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{name}: {lines[0]}" if lines else name


# What a message may show as it is written: no object of these types holds anything else.
_PLAIN = (type(None), bool, int, float, complex, str, timedelta)
_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)
_LONGEST_SHOWN = 60  # characters


def shown(value: object) -> str:
    """Return a value for a message: a number, a text or a short list of these, and the kind of all else.

    What an object of the project holds, such as its configuration, may be secret.
    """
    if type(value) is str:
        return repr(value) if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]!r}..."
    parts: Any = value if type(value) in (list, tuple) else [value]
    if all(type(part) in _PLAIN for part in parts):
        try:
            text = repr(value)
        except ValueError:  # an int of thousands of digits
            return shown_kind(value)
        if len(text) <= _LONGEST_SHOWN:
            return text
    return shown_kind(value)


def shown_kind(value: Any) -> str:
    """Return what kind of object a value is, for messages: "a list", "a `Config`", "the module `config`"."""
    kind = type(value)  # of a proxy its own, since one that is bound to nothing fails when asked for more
    if value is None:
        return "None"
    if issubclass(kind, type):
        return f"the class `{_name_of(value)}`"
    if kind is ModuleType:
        return f"the module `{value.__name__}`"
    if kind in _FUNCTIONS:
        return f"the function `{_name_of(value)}`"
    name = _name_of(kind)
    article = "an" if name[0] in "AEIOaeio" else "a"
    return f"{article} {name}" if kind.__module__ == "builtins" else f"{article} `{name}`"


def _name_of(named: Any) -> str:
    name: str = named.__qualname__
    return name.rpartition("<locals>.")[2]
