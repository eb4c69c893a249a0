"""What gunicorn's workers send is what gunicorn alone sends, in fewer pieces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser, wsgi
from gunicorn.http.unreader import SocketUnreader

from apiroutes.servers.gunicorn_transfer import send_and_receive_at_once

Headers = list[tuple[str, str]]

LENGTH = [("Content-Length", "5")]


class Failure(Exception):
    """What an application raises."""


class Pieces:
    """A connection that keeps each piece that is sent, and fails at the one with this number."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.sent: list[bytes] = []
        self._fails_at = fails_at

    def sendall(self, data: bytes) -> None:
        if len(self.sent) == self._fails_at:
            raise BrokenPipeError
        self.sent.append(bytes(data))

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)


@pytest.fixture
def _ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi, "Response", wsgi.Response)
    if hasattr(SocketUnreader, "max_body_chunk"):
        monkeypatch.setattr(SocketUnreader, "max_body_chunk", SocketUnreader.max_body_chunk)


def sent(
    response_class: Any,
    connection: Pieces,
    method: str,
    status: str,
    headers: Headers,
    items: Iterable[Any],
    version: str = "1.1",
) -> BaseException | None:
    """Send a response as gunicorn's workers do; return what was raised on the way."""
    head = f"{method} / HTTP/{version}\r\nHost: x\r\n\r\n".encode()
    request = next(get_parser(Config(), iter([head]), ("127.0.0.1", 1)))
    response = response_class(request, connection, Config())
    response.start_response(status, headers)
    try:
        for item in items:
            response.write(item)
        response.close()
    except (Failure, OSError, TypeError) as error:
        return error
    return None


def failing(*items: bytes) -> Callable[[], Iterator[bytes]]:
    def generate() -> Iterator[bytes]:
        yield from items
        raise Failure

    return generate


# The request's method and version, the response, and in how many pieces it leaves.
RESPONSES: dict[str, tuple[str, str, str, Headers, Callable[[], Iterable[Any]], int]] = {
    "content": ("GET", "1.1", "200 OK", LENGTH, lambda: [b"12345"], 1),
    "large content": ("GET", "1.1", "200 OK", [("Content-Length", "70000")], lambda: [b"x" * 70000], 2),
    "two pieces": ("GET", "1.1", "200 OK", LENGTH, lambda: [b"12", b"345"], 2),
    "an empty piece first": ("GET", "1.1", "200 OK", LENGTH, lambda: [b"", b"12345"], 2),
    "more than announced": ("GET", "1.1", "200 OK", LENGTH, lambda: [b"1234567", b"8"], 1),
    "less than announced": ("GET", "1.1", "200 OK", LENGTH, lambda: [b"123"], 1),
    "no content": ("GET", "1.1", "200 OK", [("Content-Length", "0")], lambda: [], 1),
    "nothing where something is announced": ("GET", "1.1", "200 OK", LENGTH, lambda: [], 1),
    "chunks": ("GET", "1.1", "200 OK", [], lambda: [b"12", b"", b"345"], 3),
    "no chunks": ("GET", "1.1", "200 OK", [], lambda: [], 2),
    "until the end": ("GET", "1.0", "200 OK", [], lambda: [b"12", b"345"], 2),
    "HEAD": ("HEAD", "1.1", "200 OK", LENGTH, lambda: [], 1),
    "204": ("GET", "1.1", "204 No Content", [], lambda: [], 1),
    "304": ("GET", "1.1", "304 Not Modified", LENGTH, lambda: [], 1),
    "a failure before the content": ("GET", "1.1", "200 OK", LENGTH, failing(), 0),
    "a failure within the content": ("GET", "1.1", "200 OK", LENGTH, failing(b"12"), 1),
    "text in place of bytes": ("GET", "1.1", "200 OK", LENGTH, lambda: ["12345"], 1),
    "a number in place of bytes": ("GET", "1.1", "200 OK", LENGTH, lambda: [12345], 1),
    "a view in place of bytes": ("GET", "1.1", "200 OK", LENGTH, lambda: [memoryview(b"12345")], 1),
}


def without_date(pieces: Iterable[bytes]) -> bytes:
    return re.sub(rb"Date: [^\r]+", b"Date:", b"".join(pieces))


@pytest.mark.usefixtures("_ours")
@pytest.mark.parametrize("name", RESPONSES)
def test_the_bytes_are_gunicorns_and_the_pieces_are_fewer(name: str) -> None:
    method, version, status, headers, items, count = RESPONSES[name]
    gunicorns, ours = Pieces(), Pieces()
    before = sent(wsgi.Response, gunicorns, method, status, headers, items(), version)
    send_and_receive_at_once()
    after = sent(wsgi.Response, ours, method, status, headers, items(), version)
    assert without_date(ours.sent) == without_date(gunicorns.sent)
    assert type(after) is type(before)
    assert len(ours.sent) == count


@pytest.mark.usefixtures("_ours")
@pytest.mark.parametrize("fails_at", [0, 1])
def test_a_client_that_left_is_an_os_error(fails_at: int) -> None:
    send_and_receive_at_once()
    error = sent(wsgi.Response, Pieces(fails_at), "GET", "200 OK", LENGTH, [b"12", b"345"])
    assert isinstance(error, BrokenPipeError)


@pytest.mark.usefixtures("_ours")
def test_what_is_sent_in_another_way_keeps_its_place() -> None:
    """Another gunicorn may do so; it then sends the same, in more pieces."""
    send_and_receive_at_once()

    class Response(wsgi.Response):  # type: ignore[misc]
        def send_headers(self) -> None:
            if not self.headers_sent:
                super().send_headers()
                self.sock.send(b"then ")

    connection = Pieces()
    assert sent(Response, connection, "GET", "200 OK", LENGTH, [b"12345"]) is None
    assert b"".join(connection.sent).endswith(b"\r\n\r\nthen 12345")
