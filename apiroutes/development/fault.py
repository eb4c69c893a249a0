"""A failed request as data: the exception, the request, the route and a hint, for a page, a text or JSON.

In: an exception, its request and its route. Out: a `Fault`. Local variables, the body, cookies and
credentials are left out: a page is shown to others, in a bug report or on a screen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qsl

from apiroutes.development.fault_route import FaultRoute
from apiroutes.development.frames import Failure, Frame, read_failure
from apiroutes.development.hints import hint_for
from apiroutes.development.refused_results import handler_frame, refused_result
from apiroutes.development.secret_names import HIDDEN, is_secret
from apiroutes.request import Request
from apiroutes.structs import Struct

__all__ = ["Fault", "RequestLines", "printable", "read_fault"]

_MAX_FIELDS = 60
_MAX_VALUE = 600  # characters

Pairs = tuple[tuple[str, str], ...]


class RequestLines(Struct, frozen=True):
    """What is shown of a request; values that may be secret are replaced by `HIDDEN`."""

    method: str
    path: str
    params: Pairs
    query: Pairs
    headers: Pairs


class Fault(Struct, frozen=True):
    """A failed request. `result` is the place of a refused result, at which there is no frame."""

    failure: Failure
    hint: str | None
    request: RequestLines
    route: FaultRoute
    result: Frame | None

    @property
    def frame(self) -> Frame | None:
        """The frame to look at first."""
        return self.result or self.failure.frame


def read_fault(error: BaseException, request: Request, route: FaultRoute, root: Path) -> Fault:
    """Return a failed request as data. `root` is the project's directory, which paths are shown below."""
    failure = read_failure(error, root)
    result = refused_result(error, route, root)
    if result is None and failure.frame is None:
        result = handler_frame(route, root)
    hint = hint_for(error, request, route, root)
    return Fault(failure, hint, _request_lines(request), route, result)


def _request_lines(request: Request) -> RequestLines:
    """Return what is shown of a request; handlers and middleware may have put any value into it."""
    return RequestLines(
        method=_short(request.method),
        path=_short(_path(request)),
        params=_pairs(lambda: ((name, _short(_joined(value))) for name, value in request.params.items())),
        query=_pairs(lambda: (_shown(name, value) for name, value in _query(request))),
        headers=_pairs(lambda: (_shown_header(name, _text(value)) for name, value in request.headers)),
    )


def _query(request: Request) -> list[tuple[str, str]]:
    query = request.environ.get("QUERY_STRING") or ""
    return parse_qsl(query.encode("latin-1", "replace").decode("utf-8", "replace"), True)


def _joined(value: object) -> object:
    return "/".join(map(_text, value)) if isinstance(value, list) else value


def _pairs(read: Callable[[], Iterable[tuple[str, str]]]) -> Pairs:
    """Return the first pairs that can be read."""
    pairs: list[tuple[str, str]] = []
    with contextlib.suppress(Exception):
        pairs.extend(islice(read(), _MAX_FIELDS))
    return tuple(pairs)


def _path(request: Request) -> str:
    try:
        return request.root_path + request.path
    except Exception:
        return _text(request.environ.get("PATH_INFO"))


def _text(value: object) -> str:
    """Return a value of any type as text."""
    try:
        return str(value)
    except Exception:
        return f"an object of the class {type(value).__name__}"


def _shown(name: str, value: str) -> tuple[str, str]:
    return _short(name), HIDDEN if is_secret(name) else _short(value)


def _shown_header(name: str, value: str) -> tuple[str, str]:
    """Return a header; of a secret one, only what identifies it: a scheme, the names of cookies."""
    lower = name.lower()
    if lower in ("authorization", "proxy-authorization"):
        scheme, space, _ = value.partition(" ")
        return name, f"{_short(scheme)} {HIDDEN}" if space and scheme.isalnum() else HIDDEN
    if lower == "cookie":
        names = [pair.partition("=")[0].strip() for pair in value.split(";") if "=" in pair]
        return name, _short("; ".join(f"{cookie}={HIDDEN}" for cookie in names)) or HIDDEN
    if lower in ("referer", "referrer"):
        value = value.partition("?")[0]
    return _shown(name, value)


def _short(value: object) -> str:
    text = _text(value)
    return (
        text
        if len(text) <= _MAX_VALUE
        else f"{text[:_MAX_VALUE]}… ({len(text) - _MAX_VALUE} more characters)"
    )


def printable(text: str) -> str:
    """Escape what could move a terminal's cursor or hide text; lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
