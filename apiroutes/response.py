"""The response as a handler sees it: status, headers, cookies and content. It does no I/O.

In: calls named as in Express and Next.js. Out: state that `apiroutes.wsgi` sends. Raises ValueError or
TypeError when a value is set that HTTP cannot carry, and ResponseSentError when a handler changes a response
that it has sent. Middleware may change a response until its first byte leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, ClassVar, Generic, Literal

from typing_extensions import TypeVar
from werkzeug.datastructures import Headers

from apiroutes.concurrency import coroutines
from apiroutes.errors import shown
from apiroutes.http import (
    BINARY,
    FIELD_KEYS,
    JSON,
    JSON_VALUE,
    REDIRECTS,
    TEXT,
    HeaderLines,
    HeaderValue,
    check_field_name,
    decode_field_value,
    encode_field_value,
    encode_json,
    encode_location,
    field_lines,
    is_local,
    refuse_unencodable,
)
from apiroutes.response_cookies import ResponseCookies
from apiroutes.response_head import HeadersView
from apiroutes.response_state import OPEN, SENT, STARTED, ResponseState
from apiroutes.stores import Mode
from apiroutes.streams import FileChunks, kind_of, remaining_size
from apiroutes.types import ASGIFunction, WSGIApplication

__all__ = ["Response"]

Data = TypeVar("Data", default=Any)

_NOTHING: Any = object()  # "no argument", where None is a value

_JSON_TYPES = frozenset((dict, list, bool, int, float))  # of most JSON responses


class Response(ResponseState, ResponseCookies, Generic[Data]):
    """The response. Setters return the response, so calls can be chained; methods that send it return None.

    With the annotation `Response[User]` on a handler's parameter, `json` sends a User. A `Response()` that
    you make yourself has no connection: it only holds what was set, and `write` raises RuntimeError.
    """

    # -- status ----------------------------------------------------------------------------

    @property
    def status_code(self) -> int:
        """The status code; 200 until it is set."""
        return self._status

    @status_code.setter
    def status_code(self, code: int) -> None:
        self.status(code)

    def status(self, code: int) -> Response:
        """Set the status code, an int from 200 to 599 (RFC 9110 section 15)."""
        if type(code) is not int:
            code = _as_int(code)
        if not 200 <= code <= 599:
            raise ValueError(f"a status must be an int from 200 to 599, not {shown(code)}")
        if self._state and not self._permit("set the status", "status", "", code):
            return self
        self._status = code
        self._status_was_set = True
        return self

    @property
    def headers_sent(self) -> bool:
        """Whether the response can no longer be changed.

        For a handler, this is so after `json`, `send`, `end`, `redirect` or the first `write`; for
        middleware, after the first byte has left.
        """
        return self._state > OPEN and not (self._in_middleware and self._write is None)

    @property
    def body(self) -> bytes | None:
        """The current content as bytes; None for a stream, and after some of the content has left."""
        is_in_memory = self._stream is None and self._application is None and self._write is None
        return self._content if is_in_memory else None

    # -- headers ---------------------------------------------------------------------------

    @property
    def headers(self) -> Headers:
        """A read-only view of the headers that were set and of the headers that describe the content.

        ETag and Content-Length are absent until the response is sent.
        """
        return HeadersView(self)

    def set_header(self, name: str, value: HeaderValue) -> Response:
        """Set a header, replacing its lines. Members of Vary are added to the existing ones (RFC 9110
        section 12.5.5).

        Raises ValueError and TypeError for a name or value that a header cannot have.

        Args:
            name: The header's name, in any case.
            value: A str, a number, or a list, which makes one line for each of its items.
        """
        key = FIELD_KEYS.get(name)
        if key is None or self._state:
            key = key or check_field_name(name)
            if self._state or key == "vary":
                return self._change("set", key, name, value)
        if type(value) is str:
            if not (value.isascii() and value.isprintable()):
                value = encode_field_value(name, value)
            self._headers[key] = (name, value)
            if self._repeated_headers is not None:
                self._repeated_headers.pop(key, None)
            return self
        self._apply("set", key, field_lines(key, name, value))
        return self

    def set_headers(self, headers: Mapping[str, HeaderValue]) -> Response:
        """Set several headers, each as `set_header` does."""
        for name, value in headers.items():
            self.set_header(name, value)
        return self

    def append_header(self, name: str, value: HeaderValue) -> Response:
        """Add a header line; existing lines are kept.

        Args:
            name: The header's name, in any case.
            value: As for `set_header`.
        """
        return self._change("append", FIELD_KEYS.get(name) or check_field_name(name), name, value)

    def before_head(self, function: Callable[..., object]) -> Response:
        """Call `function` once before the head leaves, and so before the first `write`.

        If the function has a parameter, it gets the response. It may change everything except the content.
        The function that was added last is called first, which is the order in which middleware returns.
        """
        if self._state and not self._can_change("call anything before the head"):
            return self
        if self._head_hooks is None:
            self._head_hooks = []
        self._head_hooks.append((function, self._in_middleware))
        self._is_unbuffered = True
        return self

    def get_header(self, name: str) -> str | list[str] | None:
        """Return the header's value; a list if it has several lines, and always for Set-Cookie.

        Args:
            name: The header's name, in any case.
        """
        key = name.lower()
        line = self._headers.get(key)
        if line is not None:
            repeated = (self._repeated_headers or {}).get(key, ())
            if repeated or key == "set-cookie":
                return [decode_field_value(value) for _, value in (line, *repeated)]
            return decode_field_value(line[1])
        return next((value for name, value in self._content_headers if name.lower() == key), None)

    def remove_header(self, name: str) -> Response:
        """Remove every line of a header, if it has any.

        Args:
            name: The header's name, in any case.
        """
        key = name.lower()
        if self._state and not self._permit(f"remove the header {name!r}", "remove", key, []):
            return self
        self._drop(key)
        return self

    def _change(self, change: str, key: str, name: str, value: HeaderValue) -> Response:
        lines = field_lines(key, name, value)
        if self._state and not self._permit(f"{change} the header {name!r}", change, key, lines):
            return self
        self._apply(change, key, lines)
        return self

    # -- the response cache ----------------------------------------------------------------

    # Begins a revalidation; the response class of each App has its own.
    _revalidate: ClassVar[Callable[[Any, str, Any, Any], Awaitable[None]] | None] = None

    def revalidate(
        self, path: str, *, type: Literal["page", "layout"] | None = None, mode: Mode = "expire"
    ) -> Awaitable[None]:
        """Invalidate the cached answers for a path, as `apiroutes.revalidate_path` does.

        Args:
            path: A path, or the pattern of a route.
            type: "page" for the path only, "layout" for the path and everything below it; None means "page".
            mode: With "stale", the old answer is served while a new one is made.
        """
        if self._revalidate is None:
            raise RuntimeError("this response belongs to no App, so there is no cache to revalidate")
        return self._revalidate(path, type, mode)

    # -- content ---------------------------------------------------------------------------

    def json(self, value: Data = _NOTHING) -> None:
        """Respond with JSON; without a value, with no content."""
        if self._state and not self._can_respond("send JSON"):
            return
        try:  # around the whole block, which costs one bytecode less
            if value is not _NOTHING:
                self._content = encode_json(value)
                self._etag_start = self._etag_prefix
            if "content-type" in self._headers:
                self._drop("content-type")  # it is JSON, whatever type was set
            self._content_headers = JSON
            self._state = SENT
        except Exception as error:
            refuse_unencodable(value, error)

    def send(self, body: Any = None) -> None:
        """Respond with `body`, according to its type.

        A str is sent as text/plain and bytes as application/octet-stream, unless a Content-Type was set; None
        sends no content. An iterator or async iterator of bytes or str, or a binary file, is streamed and
        closed. Everything else is sent as JSON.
        """
        if self._state and not self._can_respond("send"):
            return
        if type(body) in _JSON_TYPES:
            self._send_json(body)
        elif body is None:
            self._state = SENT
        elif isinstance(body, str):
            self._set_content(body.encode(), TEXT if body else ())
        elif isinstance(body, (bytes, bytearray, memoryview)):
            self._set_content(bytes(body), BINARY)
        else:
            self._send_by_type(body)

    def _send_by_type(self, body: Any) -> None:
        cls: Any = type(body)
        kind = kind_of(cls)
        if kind == "async":
            self._send_stream(coroutines.iterate(body))
        elif kind == "stream" or (kind == "unknown" and callable(getattr(body, "read", None))):
            self._send_stream(body)
        else:
            self._send_json(body)

    def _send_json(self, body: Any) -> None:
        try:
            self._content = encode_json(body)
        except Exception as error:
            refuse_unencodable(body, error)
        self._content_headers = JSON_VALUE
        self._etag_start = self._etag_prefix
        self._state = SENT
        if "content-type" in self._headers:
            self._drop("content-type")

    def _set_content(self, content: bytes, lines: HeaderLines) -> None:
        self._content = content
        self._content_headers = lines
        self._etag_start = self._etag_prefix
        self._state = SENT

    def _send_stream(self, body: Any) -> None:
        if hasattr(body, "__next__") and not hasattr(body, "read"):
            self._stream = body
        else:
            length = remaining_size(body)
            self._stream = FileChunks(body, length)
            self._sends_file = True
            if length is not None:
                self._drop("content-length")
                self._headers["content-length"] = ("Content-Length", str(length))
        self._content_headers = BINARY
        self._is_unbuffered = True
        self._state = SENT

    def _send_file(self, content: Iterator[bytes]) -> None:
        """Respond with an opened file; a request may ask for a part of it."""
        self.send(content)
        self._sends_file = True

    def delegate(self, application: WSGIApplication | ASGIFunction) -> None:
        """Let another WSGI or ASGI application respond; headers that were set are added to its headers."""
        if self._state and not self._can_respond("delegate"):
            return
        self._application = application
        self._is_unbuffered = True
        self._state = SENT

    def redirect(self, status: int | str, url: str = _NOTHING) -> Response:
        """Redirect: `redirect(url)`, which is a 307, or `redirect(status, url)`.

        Raises ValueError for a status other than 301, 302, 303, 307 and 308, and for a URL with CR, LF or
        NUL. Any host is allowed: use `safe_redirect` for a target that comes from a client.
        """
        if url is _NOTHING:
            status, url = 307, status  # type: ignore[assignment]
        if not isinstance(url, str):
            raise TypeError(
                f"call redirect(url) or redirect(status, url) with a str as the URL, not {shown(url)}"
            )
        if not isinstance(status, int) or status not in REDIRECTS:
            raise ValueError(
                f"the status of a redirect must be 301, 302, 303, 307 or 308, not {shown(status)}"
            )
        if self._state and not self._can_respond("redirect"):
            return self
        location = encode_location(url)
        self._status = int(status)
        self.set_header("Location", location)
        self._content = location.encode()
        self._content_headers = TEXT
        self._state = SENT
        return self

    def safe_redirect(self, status: int | str, url: str = _NOTHING) -> Response:
        """Redirect to a `url` that comes from a client, as `redirect` does, with or without a `status`.

        Raises ValueError for another host.
        """
        target = status if url is _NOTHING else url
        if not isinstance(target, str) or not is_local(target):
            raise ValueError(f"{target!r} is not a path on this host")
        return self.redirect(status, url)

    def end(self, data: bytes | str = b"") -> None:
        """Respond with `data`, or finish what `write` began."""
        content = _as_bytes(data)
        if self._state == STARTED:
            self._write_chunk(content)
            self._state = SENT
            return
        if self._state and not self._can_respond("end"):
            return
        self._content = content
        if content and isinstance(data, str):
            self._content_headers = TEXT
        self._state = SENT

    def write(self, chunk: bytes | str) -> bool:
        """Send a piece of the content at once; the first one sends the head as well.

        The response ends with `end`, or when the handler returns. Returns False if nothing more can be sent.

        Args:
            chunk: Bytes, or a str, which is encoded as UTF-8. Bytes beyond a Content-Length that was set are
                not sent.
        """
        content = _as_bytes(chunk)
        if self._state not in (OPEN, STARTED) and not self._can_respond("write"):
            return False
        if self._state == OPEN:
            self._run_head_hooks(is_written=True)
            self._write = self._begin()
            self._is_unbuffered = True
            self._state = STARTED
        self._write_chunk(content)
        return True

    def _write_chunk(self, content: bytes) -> None:
        length = self._announced_length()
        if length is not None:
            content = content[: max(0, length - self._written)]
        self._written += len(content)
        if content and self._write is not None:
            self._write(content)

    def _begin(self) -> Callable[[bytes], object]:
        """Send the head and return the function that writes content; `apiroutes.wsgi` knows how."""
        raise RuntimeError("this response has no connection to write to")


def _as_int(code: object) -> int:
    """Return a status of another class, such as http.HTTPStatus, as an int."""
    if isinstance(code, int) and not isinstance(code, bool):
        return int(code)
    raise TypeError(f"a status must be an int from 200 to 599, not {shown(code)}")


def _as_bytes(data: object) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"content must be bytes or str, not {shown(data)}")
