"""What handlers and middleware may return instead of using `res`: `json`, `text`, `html`, `redirect`,
`stream`, `event_stream` and `file`, values, and WSGI applications.

In: content, a status, headers. Out: a Result, which `apply_result` puts into the response.
Raises nothing until it is put there.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union

from apiroutes.concurrency import coroutines
from apiroutes.files import FileContent, disposition_of, type_of, with_charset
from apiroutes.http import Event, HeaderValue, comment
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.streams import close

__all__ = ["Result", "apply_result", "event_stream", "file", "html", "json", "redirect", "stream", "text"]

Headers = Union[Mapping[str, HeaderValue], None]
Chunks = Union[Iterable[Union[bytes, str]], AsyncIterable[Union[bytes, str]]]


@dataclass(frozen=True)
class Result:
    """An answer that is not given yet: `content` says it on the response."""

    content: Callable[[Request, Response], object]
    status: int | None = None
    headers: Headers = None

    def apply_to(self, request: Request, response: Response) -> None:
        """Put it into the response."""
        if self.status is not None:
            response.status(self.status)
        for name, value in (self.headers or {}).items():
            response.set_header(name, value)
        self.content(request, response)


def apply_result(result: Any, place: str, request: Request, response: Response) -> None:
    """Answer with what the function at `place` returned. Raises TypeError for what is no answer."""
    if isinstance(result, Result):
        result.apply_to(request, response)
    elif isinstance(result, tuple):
        raise TypeError(
            f"{place} returned a tuple; return the content alone, "
            "and set the status with res.status() or json(..., status=...)"
        )
    elif callable(result):
        response.delegate(result)
        request._rewind_body()
    else:
        response.send(result)


def json(value: Any, status: int | None = None, headers: Headers = None) -> Result:
    """JSON, as `res.json` writes it; a Content-Type among `headers` is kept."""

    def content(request: Request, response: Response) -> None:
        media_type = response.get_header("Content-Type")
        response.json(value)
        if isinstance(media_type, str):
            response._headers["content-type"] = ("Content-Type", media_type)

    return Result(content, status, headers)


def text(content: str, status: int | None = None, headers: Headers = None) -> Result:
    """text/plain in UTF-8."""
    return Result(lambda request, response: response.send(str(content)), status, headers)


def html(content: str, status: int | None = None, headers: Headers = None) -> Result:
    """text/html in UTF-8. What a client sent must be escaped in it (`html.escape`)."""
    return Result(
        lambda request, response: response.send(str(content)),
        status,
        {"Content-Type": "text/html; charset=utf-8", **(headers or {})},
    )


def redirect(url: str, status: int = 307, headers: Headers = None) -> Result:
    """A redirect; `res.redirect` says which statuses and URLs it takes."""
    return Result(lambda request, response: response.redirect(status, url), None, headers)


def stream(chunks: Chunks, status: int | None = None, headers: Headers = None) -> Result:
    """Bytes or str as they come, from an iterable or an async one, which is closed at the end."""
    return Result(lambda request, response: response.send(_iterator(chunks)), status, headers)


def event_stream(
    events: Iterable[Event | str | None] | AsyncIterable[Event | str | None],
    status: int | None = None,
    headers: Headers = None,
) -> Result:
    """Server-sent events: an Event as it is, a str as the data of one, None as a keep-alive.

    The iterable is closed when the client leaves, which a server sees when it writes: one that
    waits long between events yields None now and then.
    """
    lines = _EventLines(_iterator(events))
    return Result(
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
    """Events as text, closed with what they come from."""

    def __init__(self, events: Iterator[Event | str | None]) -> None:
        self._events = events

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
    """A file from disk, with Range, conditional requests and a Content-Disposition that holds
    any name.

    The type is guessed by the name unless `media_type` has it; text is said to be UTF-8. Browsers ask
    each time whether the file is still the same, or not before `max_age` seconds have passed. The ETag
    is that of this copy, which another machine's does not share. A header among `headers` takes the
    place of the file's own.

    When the handler returns it, this raises FileNotFoundError, IsADirectoryError or another OSError for
    what cannot be read, and ValueError for a `max_age` that is no number of seconds. Conditions and
    ranges count for GET (conditions for HEAD as well) and the status 200 (RFC 9110 sections 13.2.1 and 14.2).

    `path` is trusted: for one that a client gave see `werkzeug.utils.safe_join`.
    """

    def content(request: Request, response: Response) -> None:
        name = os.fsdecode(download_name or os.path.basename(path))
        guessed, encoding = type_of(name, as_attachment)
        opened = FileContent(path)
        try:
            # What this call says goes before what was said around it, and that before what is usual.
            said = {header.lower() for header in headers or ()}
            chosen = {
                "Content-Type": media_type and with_charset(media_type),
                "Content-Disposition": disposition_of(name, as_attachment),
                "Cache-Control": None if max_age is None else _cache_control(max_age),
            }
            for header, value in chosen.items():
                if value is not None and header.lower() not in said:
                    response.set_header(header, value)
            usual = {
                # A type that was given is that of the file as it is.
                "Content-Encoding": encoding if response.get_header("Content-Type") is None else None,
                "Content-Type": guessed,
                "Cache-Control": "no-cache",
                "ETag": opened.etag,
                "Last-Modified": opened.last_modified,
                "Accept-Ranges": "bytes",
            }
            for header, value in usual.items():
                if value is not None and response.get_header(header) is None:
                    response.set_header(header, value)
            response.set_header("Content-Length", str(opened.size))
            response.send(opened)
            response._sends_file = True
        except BaseException:
            opened.close()
            raise

    return Result(content, None, headers)


def _cache_control(max_age: int) -> str:
    if isinstance(max_age, bool) or not isinstance(max_age, int) or max_age < 0:
        raise ValueError(f"max_age is a number of seconds, an int from 0, not {max_age!r}")
    return f"public, max-age={max_age}" if max_age else "no-cache, max-age=0"


def _iterator(chunks: Any) -> Iterator[Any]:
    if hasattr(chunks, "__aiter__"):
        return coroutines.iterate(chunks)
    return iter(chunks)
