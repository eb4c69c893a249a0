"""How gunicorn's connections send and receive: in fewer and larger pieces than by default.

In: gunicorn's connections. Out: the same bytes. The head of a response leaves with the first piece of its
content, and the content of a request comes in pieces of 64 KB.
"""

from __future__ import annotations

from typing import Any

from gunicorn.http import wsgi
from gunicorn.http.unreader import SocketUnreader

__all__ = ["send_and_receive_at_once"]

# Bytes of content up to which joining it to the head costs less than another system call.
_SMALL = 2**16
# Bytes of one receive. gunicorn's default of 1 MB is more than we read at a time: each read copies the rest.
_RECEIVED = 2**16


def send_and_receive_at_once() -> None:
    """Let gunicorn's workers in this process send and receive like this."""
    wsgi.Response = _Response  # gunicorn has no setting for it, and takes it from there
    if hasattr(SocketUnreader, "max_body_chunk"):  # gunicorn 25 and 26 receive 8 KB
        SocketUnreader.max_body_chunk = _RECEIVED


class _Response(wsgi.Response):  # type: ignore[misc]
    """gunicorn's response. It sends the head and the first piece of content with one call."""

    sock: Any

    def write(self, arg: bytes) -> None:
        if self.headers_sent or type(arg) is not bytes or len(arg) > _SMALL:
            super().write(arg)
            return
        connection = self.sock
        self.sock = gathering = _Gathering(connection)
        try:
            super().write(arg)
        finally:  # what was sent before a failure has been sent
            self.sock = connection
            gathering.flush()


class _Gathering:
    """Stands in for a connection, and sends all data that it is given in one piece."""

    __slots__ = ("_connection", "_pieces")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._pieces: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self._pieces.append(data)

    def flush(self) -> None:
        if self._pieces:
            content = b"".join(self._pieces)
            self._pieces = []
            self._connection.sendall(content)

    def __getattr__(self, name: str) -> Any:
        """Forward everything else to the connection, after sending what was gathered."""
        self.flush()
        return getattr(self._connection, name)
