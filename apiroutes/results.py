"""Results, which handlers and middleware return instead of using `res`: `json`, `text`, `html`, `redirect`,
`stream`, `event_stream` and `file`, values, and WSGI applications.

In: content, a status, headers. Out: a Result, which `apply_result` puts into the response; invalid arguments
raise errors only then.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, Union

from apiroutes.concurrency import coroutines
from apiroutes.errors import shown
from apiroutes.files import FileContent, disposition_of, type_of, with_charset
from apiroutes.http import Event, HeaderValue, comment
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.streams import close
from apiroutes.structs import Struct

__all__ = [
    "EventStream",
    "Result",
    "apply_result",
    "event_stream",
    "file",
    "html",
    "json",
    "redirect",
    "stream",
    "text",
]

_FEWEST_ARGUMENTS = 2  # of an application: environ and start_response

Headers = Union[Mapping[str, HeaderValue], None]
Data = TypeVar("Data")
Chunks = Union[Iterable[Union[bytes, str]], AsyncIterable[Union[bytes, str]]]


class Result(Struct, frozen=True):
    """A response that has not been sent yet: `content` puts its content into the response."""

    content: Callable[[Request, Response], object]
    status: int | None = None
    headers: Headers = None

    def apply_to(self, request: Request, response: Response) -> None:
        """Put status, headers and content into the response."""
        if self.status is not None:
            response.status(self.status)
        for name, value in (self.headers or {}).items():
            response.set_header(name, value)
        self.content(request, response)


class EventStream(Result, Generic[Data], frozen=True):
    """Server-sent events, each with data of one type: `def GET() -> EventStream[Progress]`.

    As a return annotation, it declares the data of the events for the OpenAPI document: text, or the JSON of
    a type.
    """


def apply_result(result: Any, place: str, request: Request, response: Response) -> None:
    """Respond with the result of the function at `place`. Raises TypeError for a tuple."""
    if isinstance(result, Result):
        result.apply_to(request, response)
    elif isinstance(result, tuple):
        raise TypeError(
            f"{place} returned a tuple; return the content alone, "
            "and set the status with res.status() or json(..., status=...)"
        )
    elif callable(result):
        _check_application(result, place)
        response.delegate(result)
        request._rewind_body()
    else:
        response.send(result)


def _check_application(result: Any, place: str) -> None:
    """Raise TypeError for a class, or a function that cannot be an application: a call is missing."""
    if _takes_too_few(result) or _is_pythons(result) or isinstance(result, type):
        kind = "class" if isinstance(result, type) else "function"
        name = result.__qualname__.rpartition(".")[2]
        raise TypeError(f"{place} returned the {kind} `{name}`: write `{name}()`, or return a value of it")


def _takes_too_few(result: Any) -> bool:
    code = getattr(result, "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS:
        return False
    given = 1 if inspect.ismethod(result) else 0  # its object
    return bool(code.co_argcount - given < _FEWEST_ARGUMENTS)


def _is_pythons(result: Any) -> bool:
    """Return whether this is a built-in function, such as `print`, or a method of a list or str."""
    if not inspect.isbuiltin(result):
        return False
    module = result.__module__ or type(result.__self__).__module__
    return module.partition(".")[0] in sys.stdlib_module_names  # a library's may be compiled


def json(value: Any, status: int | None = None, headers: Headers = None) -> Result:
    """Return a response of JSON, as `res.json` writes it.

    Args:
        value: JSON values, dataclasses, models, dates, UUIDs and so on.
        status: The status, an int from 200 to 599; None for 200, or the one that `res.status` has set.
        headers: Further headers by name; a list makes a line for each of its values. A Content-Type is kept.
    """

    def content(request: Request, response: Response) -> None:
        media_type = response.get_header("Content-Type")
        response.json(value)
        if isinstance(media_type, str):
            response._append("content-type", "Content-Type", media_type)

    return Result(content, status, headers)


def text(content: str, status: int | None = None, headers: Headers = None) -> Result:
    """Return a response of text/plain in UTF-8.

    Args:
        content: The text.
        status: The status, an int from 200 to 599; None for 200, or the one that `res.status` has set.
        headers: Further headers by name; a list makes a line for each of its values.
    """
    return Result(lambda request, response: response.send(str(content)), status, headers)


def html(content: str, status: int | None = None, headers: Headers = None) -> Result:
    """Return a response of text/html in UTF-8. Escape whatever a client sent (`html.escape`).

    Args:
        content: The HTML.
        status: The status, an int from 200 to 599; None for 200, or the one that `res.status` has set.
        headers: Further headers by name; a list makes a line for each of its values.
    """
    return Result(
        lambda request, response: response.send(str(content)),
        status,
        {"Content-Type": "text/html; charset=utf-8", **(headers or {})},
    )


def redirect(url: str, status: int = 307, headers: Headers = None) -> Result:
    """Return a redirect, as `res.redirect` makes it.

    Any host is allowed: check a target that comes from a client with `is_local`. Raises ValueError, when the
    handler returns the result, for another status and for a URL with CR, LF or NUL.

    Args:
        url: The target; characters that a header cannot contain are percent-encoded.
        status: 301, 302, 303, 307 or 308.
        headers: Further headers by name; a list makes a line for each of its values.
    """
    return Result(lambda request, response: response.redirect(status, url), None, headers)


def stream(chunks: Chunks, status: int | None = None, headers: Headers = None) -> Result:
    """Return a response that sends pieces as they are produced.

    Args:
        chunks: An iterable or async iterable of bytes or str, which is closed at the end.
        status: The status, an int from 200 to 599; None for 200, or the one that `res.status` has set.
        headers: Further headers by name; a list makes a line for each of its values.
    """
    return Result(lambda request, response: response.send(_iterator(chunks)), status, headers)


def event_stream(
    events: Iterable[Event | str | None] | AsyncIterable[Event | str | None],
    status: int | None = None,
    headers: Headers = None,
) -> EventStream[Any]:
    """Return server-sent events (WHATWG HTML section 9.2).

    The iterable is closed when the client leaves. A server notices that only when it writes, so an iterable
    that waits a long time between events should yield None now and then.

    Args:
        events: An iterable or async iterable of events: an Event, a str as the data of an event, or None for
            a keep-alive.
        status: The status, an int from 200 to 599; None for 200, or the one that `res.status` has set.
        headers: Further headers by name; a list makes a line for each of its values.
    """
    lines = _EventLines(_iterator(events))
    return EventStream(
        lambda request, response: response.send(lines),
        status,
        {
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-cache, no-transform",
            "X-Accel-Buffering": "no",  # nginx would collect events before it sends them
            **(headers or {}),
        },
    )


class _EventLines:
    """The text of events; closing it closes their iterator."""

    def __init__(self, events: Iterator[Event | str | None]) -> None:
        self._events = events
        # The async iterable that the events come from; an iterator around one has the same attribute.
        self.async_chunks = getattr(events, "async_chunks", None)

    def __iter__(self) -> _EventLines:
        return self

    def __next__(self) -> str:
        event = next(self._events)
        if event is None:
            return comment("keep-alive")
        return str(event if isinstance(event, Event) else Event(event))

    def close(self) -> None:
        close(self._events)


def file(
    path: str | os.PathLike[str],
    *,
    download_name: str | None = None,
    as_attachment: bool = False,
    media_type: str | None = None,
    max_age: int | None = None,
    headers: Headers = None,
) -> Result:
    """Return a file from disk, with Range, conditional requests and a Content-Disposition for any name.

    The ETag identifies this copy of the file; a copy on another machine has another ETag. When the handler
    returns the result, a file that cannot be read raises FileNotFoundError, IsADirectoryError or another
    OSError, and a `max_age` that is not a number of seconds raises ValueError. Anything but a path raises
    TypeError at once. Conditions and ranges apply to GET (conditions also to HEAD) with the status 200 (RFC
    9110 sections 13.2.1 and 14.2).

    Args:
        path: The path of the file. It is trusted: use `werkzeug.utils.safe_join` for a path that comes from a
            client.
        download_name: The name under which a client saves the file; None for the file's own name.
        as_attachment: Whether a browser saves the file instead of showing it.
        media_type: The media type; None to guess it from the name. Text is sent as UTF-8.
        max_age: How many seconds browsers may use the file without revalidating it; with None they revalidate
            it each time.
        headers: Further headers by name, which replace the file's own.
    """
    _check_path(path)

    def content(request: Request, response: Response) -> None:
        name = os.fsdecode(download_name or os.path.basename(path))
        opened = FileContent(path)
        try:
            # Arguments replace headers that were set before, and both replace the usual headers.
            own = {header.lower() for header in headers or ()}
            chosen = {
                "Content-Type": media_type and with_charset(media_type),
                "Content-Disposition": disposition_of(name, as_attachment),
                "Cache-Control": None if max_age is None else _cache_control(max_age),
            }
            for header, value in chosen.items():
                if value is not None and header.lower() not in own:
                    response.set_header(header, value)
            _set_usual_headers(response, opened, *type_of(name, as_attachment))
            response._send_file(opened)
        except BaseException:
            opened.close()
            raise

    return Result(content, None, headers)


def _check_path(path: object) -> None:
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(
            f"file() takes the path of a file, not {shown(path)}: return content in memory as bytes, such as "
            "`data.getvalue()`, and set its type with `res.set_header('Content-Type', ...)`"
        )


def _set_usual_headers(
    response: Response, opened: FileContent, media_type: str, encoding: str | None
) -> None:
    """Set the headers of a file that nothing else has set."""
    usual = {
        # A Content-Type that was set describes the file as it is, not its decoded content.
        "Content-Encoding": encoding if response.get_header("Content-Type") is None else None,
        "Content-Type": media_type,
        "Cache-Control": "no-cache",
        "ETag": opened.etag,
        "Last-Modified": opened.last_modified,
        "Accept-Ranges": "bytes",
    }
    for header, value in usual.items():
        if value is not None and response.get_header(header) is None:
            response.set_header(header, value)
    response.set_header("Content-Length", str(opened.size))


def _cache_control(max_age: int) -> str:
    if isinstance(max_age, bool) or not isinstance(max_age, int) or max_age < 0:
        raise ValueError(f"max_age must be a number of seconds, an int from 0, not {shown(max_age)}")
    return f"public, max-age={max_age}" if max_age else "no-cache, max-age=0"


def _iterator(chunks: Any) -> Iterator[Any]:
    if hasattr(chunks, "__aiter__"):
        return coroutines.iterate(chunks)
    return iter(chunks)
