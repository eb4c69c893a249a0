"""A document of another server, read within a time and a size that hold for all of it.

In: a URL. Out: the content of a 200, and for how long it may be kept. Raises FetchError for everything else.
A socket's own time-out restarts with each byte, so each step here gets what is left of the time. Only what
precedes the connection may take longer: the look-up of a name, as long as the system's resolver waits, and a
server with several addresses, each of which is tried for the whole time.
"""

from __future__ import annotations

import functools
import http.client
import io
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from apiroutes.version import __version__

__all__ = ["Document", "FetchError", "fetch"]

_MOST_REDIRECTS = 2
_PIECE = 65536  # bytes
_HEADERS = {
    "Accept": "application/jwk-set+json, application/json",
    "User-Agent": f"apiroutes/{__version__}",
}
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|[,\s])(?:no-store|no-cache)(?:$|[,\s=])", re.IGNORECASE)


class FetchError(Exception):
    """A document that could not be read; the text is the reason."""


class Document(NamedTuple):
    """The content of a response. `max_age`: seconds for which it is fresh, None if it does not say."""

    content: bytes
    max_age: float | None


def fetch(url: str, seconds: float, max_bytes: int) -> Document:
    """Read a document, which takes at most so many seconds and bytes. Raises FetchError."""
    deadline = time.monotonic() + seconds
    opener = urllib.request.build_opener(
        _TimedHTTP(deadline), _TimedHTTPS(deadline), _SameOriginRedirects(deadline)
    )
    request = urllib.request.Request(url, headers=_HEADERS)
    try:
        with opener.open(request, timeout=_left(deadline)) as response:
            if response.status != 200:
                raise FetchError(f"its status is {response.status}")
            return Document(_read(response, deadline, max_bytes), _max_age(response.headers))
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(f"its status is {error.code}") from None
    except TimeoutError:
        raise FetchError(f"it has not arrived within {seconds:g} s") from None
    except urllib.error.URLError as error:
        late = isinstance(error.reason, TimeoutError)
        raise FetchError(f"it has not arrived within {seconds:g} s" if late else str(error.reason)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(f"{type(error).__name__}: {error}") from None


def _read(response: Any, deadline: float, max_bytes: int) -> bytes:
    pieces = bytearray()
    while piece := response.read1(_PIECE):
        pieces += piece
        if len(pieces) > max_bytes:
            raise FetchError(f"it has more than {max_bytes} bytes")
        _left(deadline)
    if response.length:  # bytes that were announced, but are missing
        raise FetchError("it ended too early")
    return bytes(pieces)


def _max_age(headers: Any) -> float | None:
    """Return for how many seconds a response is fresh (RFC 9111 section 4.2.1), less its age so far."""
    control = ", ".join(headers.get_all("Cache-Control", []))
    if _NOT_KEPT.search(control):
        return 0
    found = _MAX_AGE.search(control)
    if found is None:
        return None
    age = headers.get("Age", "0")
    return max(0, int(found[1]) - (int(age) if age.isdecimal() and len(age) < 10 else 0))


def _left(deadline: float) -> float:
    """Return how many seconds are left. Raises TimeoutError if there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time limit has passed")
    return left


# -- connections with a deadline -----------------------------------------------------------------


class _TimedHTTP(urllib.request.HTTPHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._connection = functools.partial(_timed(http.client.HTTPConnection), deadline)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, req)


class _TimedHTTPS(urllib.request.HTTPSHandler):
    def __init__(self, deadline: float) -> None:
        self._trust = ssl.create_default_context()
        super().__init__(context=self._trust)
        self._connection = functools.partial(_timed(http.client.HTTPSConnection), deadline)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, req, context=self._trust)


@functools.cache
def _timed(connection: type[http.client.HTTPConnection]) -> Callable[..., http.client.HTTPConnection]:
    """Return a class of connections whose sockets keep a deadline."""

    class TimedConnection(connection):  # type: ignore[misc,valid-type]
        def __init__(self, deadline: float, host: str, **options: Any) -> None:
            options["timeout"] = _left(deadline)
            super().__init__(host, **options)
            self._deadline = deadline

        def connect(self) -> None:
            super().connect()
            self.sock: Any = _TimedSocket(self.sock, self._deadline)

    return TimedConnection


class _TimedSocket:
    """The part of a socket that a connection needs; each call gets what is left of the time."""

    def __init__(self, sock: Any, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, content: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(content)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._deadline))

    def close(self) -> None:
        """Leave the socket to the file that reads from it, as a socket does."""


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: Any, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        return int(self._sock.recv_into(buffer))

    def close(self) -> None:
        if not self.closed:
            self._sock.close()
        super().close()


# -- redirects -----------------------------------------------------------------------------------


class _SameOriginRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to the same scheme, host and port: no other server was asked."""

    max_redirections = _MOST_REDIRECTS

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        fp.close()
        if _origin(urljoin(req.full_url, newurl)) != _origin(req.full_url):
            raise FetchError("it redirects to another host")
        req.timeout = _left(self._deadline)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
