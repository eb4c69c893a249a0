"""What the handler said: a status, headers and content. No I/O.

In: calls in Express's and Next.js's spelling. Out: state that `apiroutes.wsgi` sends. Raises
ValueError or TypeError for what HTTP cannot carry, where it is set, and ResponseSentError for
anything said after the answer.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Generic, Union
from urllib.parse import quote

from typing_extensions import TypeVar

from apiroutes import coroutines
from apiroutes.cookies import dump_cookie
from apiroutes.errors import ResponseSentError
from apiroutes.jsonout import encode_json

__all__ = [
    "JSON",
    "JSON_VALUE",
    "OPEN",
    "SENT",
    "STARTED",
    "TEXT",
    "Lines",
    "Response",
    "is_local",
    "kind_of",
]

Data = TypeVar("Data", default=Any)
HeaderValue = Union[str, int, float, Iterable[str]]
WSGIApplication = Callable[..., Iterable[bytes]]

_NOTHING: Any = object()  # "no argument", where None is a value
Lines = tuple[tuple[str, str], ...]
_JSON = ("Content-Type", "application/json; charset=utf-8")
# As recorded, a 304 keeps the type of `json` and not that of `send`.
JSON: Lines = (_JSON,)
JSON_VALUE: Lines = (_JSON,)
# A str that nobody gave a type is text, and no browser may think otherwise.
TEXT: Lines = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
_BINARY: Lines = (("Content-Type", "application/octet-stream"),)
_JSON_TYPES = frozenset((dict, list, bool, int, float))  # what most JSON answers are
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# PEP 3333: these describe the connection, which is the server's.
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_KNOWN_NAMES: dict[str, str] = {}  # checked header names and their lower case
_KNOWN_NAMES_MAX = 512
# Everything that may stand in a Location as it is; "%" too, what is encoded stays encoded.
_LOCATION = "!#$%&'()*+,-./:;=?@[]_~"


_Saved = tuple[int, bool, dict[str, tuple[str, str]], dict[str, list[tuple[str, str]]]]


# Where a response is: nothing said, content said, headers on the wire. Plain numbers, because
# the members of a class are found more slowly.
OPEN, SENT, STARTED = 0, 1, 2


class Response(Generic[Data]):
    """The response. Setters return it, so that they can be chained; what answers returns None.

    `req` is the request that it answers. `apiroutes.wsgi` gives a response its connection;
    without one it only holds what was said, and `write` has nowhere to go. `Response[User]`, as the
    annotation of a handler's parameter, sends a User by `json`.
    """

    # What few responses say; what every response is asked for is in the instance.
    _stream: Iterator[bytes | str] | None = None
    _sends_file = False  # whether the stream is a file, and no code of the handler's
    _application: WSGIApplication | None = None  # that answers instead
    _write: Callable[[bytes], object] | None = None
    _written = 0  # bytes
    _unwritten: Sequence[bytes] = ()  # what was written, where the server takes it at the end
    _before: _Saved = (200, False, {}, {})  # what was said before the handler

    def __init__(self, req: Any = None, start_response: Callable[..., Any] | None = None) -> None:
        self.req = req
        self._start_response = start_response
        self._status = 200
        self._said_status = False
        self._headers: dict[str, tuple[str, str]] = {}
        self._more: dict[str, list[tuple[str, str]]] | None = None  # further lines of a header
        self._content = b""
        self._lines: Lines = ()  # that the content brings along unless a Content-Type was set
        self._tagged = False  # whether the content gets an ETag
        self._is_special = False  # whether the answer is no content in memory
        self._state = OPEN

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
            raise ValueError(f"a status is an int from 200 to 599, not {code!r}")
        if self._state:
            self._refuse("set the status")
        self._status = code
        self._said_status = True
        return self

    @property
    def headers_sent(self) -> bool:
        """Whether the answer was given: by json, send, end, redirect or the first write."""
        return self._state != OPEN

    # -- headers ---------------------------------------------------------------------------

    def set_header(self, name: str, value: HeaderValue) -> Response:
        """Set a header, replacing what it had; a list makes one line for each value."""
        key = _KNOWN_NAMES.get(name) or _check_name(name)
        if self._state:
            self._refuse(f"set the header {name!r}")
        if type(value) is str:
            if not (value.isascii() and value.isprintable()):
                value = _check_value(name, value)
            self._headers[key] = (name, value)
            if self._more is not None:
                self._more.pop(key, None)
            return self
        lines = _check_values(name, value)
        if key == "set-cookie":  # as recorded: the same cookie line is sent once
            lines = list(dict.fromkeys(lines))
        self.remove_header(name)
        for line in lines:
            self._append(key, name, line)
        return self

    def append_header(self, name: str, value: HeaderValue) -> Response:
        """Add a header line, keeping those that are there."""
        key = _KNOWN_NAMES.get(name) or _check_name(name)
        if self._state:
            self._refuse(f"append the header {name!r}")
        for line in _check_values(name, value):
            self._append(key, name, line)
        return self

    def get_header(self, name: str) -> str | list[str] | None:
        """The header's value; a list when it has several lines, and always for Set-Cookie."""
        key = name.lower()
        line = self._headers.get(key)
        if line is not None:
            more = (self._more or {}).get(key, ())
            if more or key == "set-cookie":
                return [_unwire(value) for _, value in (line, *more)]
            return _unwire(line[1])
        return next((value for name, value in self._lines if name.lower() == key), None)

    def remove_header(self, name: str) -> Response:
        """Remove every line of a header; it need not be there."""
        if self._state:
            self._refuse(f"remove the header {name!r}")
        self._drop(name.lower())
        return self

    def _append(self, key: str, name: str, value: str) -> None:
        if self._headers.setdefault(key, line := (name, value)) is not line:
            if self._more is None:
                self._more = {}
            self._more.setdefault(key, []).append(line)

    def _drop(self, key: str) -> None:
        self._headers.pop(key, None)
        if self._more is not None:
            self._more.pop(key, None)

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: int | None = None,
        expires: datetime | int | float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = None,
        partitioned: bool = False,
    ) -> Response:
        """Add a Set-Cookie line. `max_age` is in seconds, `expires` a datetime or a timestamp.

        What a cookie cannot hold is percent-encoded in the value. Raises ValueError for a
        name, path, domain or samesite that is none.
        """
        line = dump_cookie(
            name,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        if self._state:
            self._refuse(f"set the cookie {name!r}")
        self._append("set-cookie", "Set-Cookie", line)
        return self

    def delete_cookie(self, name: str, *, path: str | None = "/", domain: str | None = None) -> Response:
        """Tell the client to forget a cookie; path and domain are those it was set with."""
        return self.set_cookie(name, "", max_age=0, expires=0, path=path, domain=domain)

    # -- answers ---------------------------------------------------------------------------

    def json(self, value: Data = _NOTHING) -> None:
        """Answer with JSON. Without a value there is no content."""
        if self._state:
            self._refuse("send JSON")
        if value is not _NOTHING:
            self._content = encode_json(value)
            self._tagged = True
        if self._headers:
            self._drop("content-type")  # JSON is called JSON, whatever type was set
        self._lines = JSON
        self._state = SENT

    def send(self, body: Any = None) -> None:
        """Answer with what `body` is.

        A str is text/plain and bytes are application/octet-stream unless a type was set; None
        is empty; an iterator of bytes or str, an async one, or a binary file, is streamed and
        closed; everything else is JSON.
        """
        if self._state:
            self._refuse("send")
        if type(body) in _JSON_TYPES:
            self._send_json(body)
        elif body is None:
            self._state = SENT
        elif isinstance(body, str):
            self._answer(body.encode(), TEXT if body else ())
        elif isinstance(body, (bytes, bytearray, memoryview)):
            self._answer(bytes(body), _BINARY)
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
        self._answer(encode_json(body), JSON_VALUE)
        if self._headers:
            self._drop("content-type")

    def _answer(self, content: bytes, lines: Lines) -> None:
        self._content = content
        self._lines = lines
        self._tagged = True
        self._state = SENT

    def _send_stream(self, body: Any) -> None:
        if hasattr(body, "__next__") and not hasattr(body, "read"):
            self._stream = body
        else:
            length = _remaining_size(body)
            self._stream = _FileChunks(body, length)
            self._sends_file = True
            if length is not None:
                self._drop("content-length")
                self._headers["content-length"] = ("Content-Length", str(length))
        self._lines = _BINARY
        self._is_special = True
        self._state = SENT

    def delegate(self, application: WSGIApplication) -> None:
        """Let another WSGI application answer; headers that were set are added to its own."""
        if self._state:
            self._refuse("delegate")
        self._application = application
        self._is_special = True
        self._state = SENT

    def redirect(self, status: int | str, url: str = _NOTHING) -> Response:
        """Answer with a redirect: `redirect(url)`, which is a 307, or `redirect(status, url)`.

        Raises ValueError for a status that is no redirect (301, 302, 303, 307, 308) and for a
        URL with CR, LF or NUL. Any host is allowed: for a target that a client gave see
        `safe_redirect`.
        """
        if url is _NOTHING:
            status, url = 307, status  # type: ignore[assignment]
        if not isinstance(url, str):
            raise TypeError(f"redirect(url) or redirect(status, url), and the URL is a str, not {url!r}")
        if not isinstance(status, int) or status not in _REDIRECTS:
            raise ValueError(f"a redirect has the status 301, 302, 303, 307 or 308, not {status!r}")
        if self._state:
            self._refuse("redirect")
        location = _location(url)
        self._status = int(status)
        self.set_header("Location", location)
        self._content = location.encode()
        self._lines = TEXT
        self._state = SENT
        return self

    def safe_redirect(self, status: int | str, url: str = _NOTHING) -> Response:
        """Like `redirect`, for targets that a client gave: raises ValueError for another host."""
        target = status if url is _NOTHING else url
        if not isinstance(target, str) or not is_local(target):
            raise ValueError(f"{target!r} is not a path on this host")
        return self.redirect(status, url)

    def end(self, data: bytes | str = b"") -> None:
        """Answer with `data`, or finish what `write` began."""
        if self._state == SENT:
            self._refuse("end")
        content = _as_bytes(data)
        if self._state == STARTED:
            self._put(content)
            self._state = SENT
            return
        self._content = content
        if content and isinstance(data, str):
            self._lines = TEXT
        self._state = SENT

    def write(self, chunk: bytes | str) -> bool:
        """Send a piece of the answer at once; the first one sends the headers as well.

        The answer ends with `end`, or when the handler returns.
        """
        if self._state == SENT:
            self._refuse("write")
        content = _as_bytes(chunk)
        if self._state == OPEN:
            self._write = self._begin()
            self._is_special = True
            self._state = STARTED
        self._put(content)
        return True

    def _put(self, content: bytes) -> None:
        self._written += len(content)
        if content and self._write is not None:
            self._write(content)

    def _begin(self) -> Callable[[bytes], object]:
        """Send the headers and give what writes content; `apiroutes.wsgi` knows how."""
        raise RuntimeError("this response has no connection to write to")

    # -- what the rest of the framework needs ----------------------------------------------

    def _refuse(self, what: str) -> None:
        raise ResponseSentError(f"cannot {what}: the response was sent already")

    def _refuse_all(self) -> None:
        """Let nothing more be said: another response has answered."""
        self._state = SENT

    def _saved(self) -> _Saved:
        """Status and headers as they are now, for `_restore`."""
        more = {key: list(lines) for key, lines in (self._more or {}).items()}
        return self._status, self._said_status, dict(self._headers), more

    def _restore(self) -> None:
        """Forget what the handler said. Only before headers are on the wire."""
        self._status, self._said_status, headers, more = self._before
        self._headers = dict(headers)
        self._more = {key: list(lines) for key, lines in more.items()} or None
        self._forget_answer()

    def _forget_answer(self) -> None:
        """Forget the content and all that it brings along, so that another answer can be given."""
        self._content, self._lines, self._tagged = b"", (), False
        self._stream = self._application = None
        self._is_special = False
        self._state = OPEN


class _FileChunks:
    """A file as an iterator of chunks, closed with it.

    `length` is how many bytes it was announced to have: one that grows meanwhile is sent as it
    was, and for one that shrinks reading raises EOFError.
    """

    def __init__(self, file: Any, length: int | None) -> None:
        self._file = file
        self._left = length

    def __iter__(self) -> _FileChunks:
        return self

    def __next__(self) -> bytes:
        chunk: bytes = self._file.read(2**16 if self._left is None else min(2**16, self._left))
        if not chunk:
            if self._left:
                raise EOFError(f"the file is {self._left} bytes too short for its Content-Length")
            raise StopIteration
        if self._left is not None:
            self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        close = getattr(self._file, "close", None)
        if close is not None:
            close()


@functools.lru_cache(maxsize=512)
def kind_of(cls: type) -> str:
    """Whether values of a class are streams; a field that is called `read` makes none."""
    if hasattr(cls, "__anext__"):
        return "async"
    if hasattr(cls, "__next__") or callable(getattr(cls, "read", None)):
        return "stream"
    # What hands on to a file, as temporary files and uploads do, says so only for each value.
    return "unknown" if hasattr(cls, "__getattr__") else "json"


def _remaining_size(file: Any) -> int | None:
    """How many bytes a binary file still has, None when it cannot tell."""
    try:
        if isinstance(file, io.TextIOBase) or not file.seekable():
            return None
        position = file.tell()
        size: int = max(0, file.seek(0, io.SEEK_END) - position)
        file.seek(position)
    except (AttributeError, OSError):
        return None
    return size


def _as_int(code: object) -> int:
    """A status of another class, such as http.HTTPStatus, as the int that it is."""
    if isinstance(code, int) and not isinstance(code, bool):
        return int(code)
    raise TypeError(f"a status is an int from 200 to 599, not {code!r}")


def _as_bytes(data: object) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"content is bytes or str, not {data!r}")


def _check_name(name: str) -> str:
    """The name's lower case, once it was seen to be a token (RFC 9110 section 5.1)."""
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is no header name")
    key = name.lower()
    if key in _HOP_BY_HOP:
        raise ValueError(f"the header {name!r} is the server's to set (PEP 3333)")
    if len(_KNOWN_NAMES) < _KNOWN_NAMES_MAX:
        _KNOWN_NAMES[name] = key
    return key


def _check_values(name: str, value: HeaderValue) -> list[str]:
    if isinstance(value, str):
        return [_check_value(name, value)]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [str(value)]
    if isinstance(value, (list, tuple)):
        return [_check_value(name, line) for line in value]
    raise TypeError(f"the header {name!r} is a str, a number or a list of str, not {value!r}")


def _check_value(name: str, value: str) -> str:
    """The value as it goes over the wire (RFC 9110 section 5.5): a str of bytes, PEP 3333."""
    if not isinstance(value, str):
        raise TypeError(f"the header {name!r} is a str, not {value!r}")
    if not _FIELD_VALUE.fullmatch(value):
        raise ValueError(f"the header {name!r} cannot have the value {value!r}")
    # As recorded: what is not ASCII is sent as UTF-8. A str of a class of its own, such as a
    # member of an Enum, is sent as its text: PEP 3333 wants a plain one.
    return str.__str__(value) if value.isascii() else value.encode().decode("latin-1")


def _unwire(value: str) -> str:
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "replace")


def _location(url: str) -> str:
    """The URL as a Location can hold it (RFC 3986 section 2.1)."""
    if any(character in url for character in "\r\n\0"):
        raise ValueError(f"{url!r} cannot be a Location")
    return quote(url, safe=_LOCATION)


def is_local(url: str) -> bool:
    """Whether a redirect to `url` stays on this host: a path that no browser reads otherwise.

    Browsers take a backslash for a slash and drop control characters and blanks before they
    look, so `//host`, `/\\\\host` and `/<TAB>/host` all lead away.
    """
    return url.startswith("/") and url[1:2] not in ("/", "\\") and url.isprintable() and "\\" not in url
