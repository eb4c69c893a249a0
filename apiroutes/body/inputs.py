"""Inputs in place of `wsgi.input`: for content that was read, and for content that arrives in messages.

In: content. Out: an input that later readers can read, from its start or from its end.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from apiroutes.types import Environ

__all__ = [
    "NOT_KEPT",
    "ArrivingInput",
    "BodyInput",
    "KeptContent",
    "arriving_input",
    "end_input",
    "keep",
]


class BodyInput:
    """An input of the framework, in place of `wsgi.input`."""

    def whole(self) -> bytes:
        """Return the whole content.

        Raises the error that an earlier read raised, and RuntimeError if the content is not kept.
        """
        raise RuntimeError("the body is already being read from req.stream")


class KeptContent(BodyInput):
    """Content that was read, as an input for later readers."""

    _file: io.BytesIO | None = None

    def __init__(self, content: bytes) -> None:
        self.content: bytes | None = content

    def whole(self) -> bytes:
        return self.content or b""

    def rewind(self) -> None:
        """Go back to the start, so that the next reader gets the whole content."""
        self._file = None

    @property
    def file(self) -> io.BytesIO:
        """The content as a file, which is made at the first read."""
        if self._file is None:
            self._file = io.BytesIO(self.content or b"")
        return self._file

    def read(self, size: int | None = -1, /) -> bytes:
        return self.file.read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        return self.file.readline(size)

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        return self.file.readlines(hint)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)


class _NotKept(BodyInput):
    """The end of content that was read and not kept."""

    def read(self, size: int | None = -1, /) -> bytes:
        return b""

    readline = read

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        return []

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


NOT_KEPT = _NotKept()


def keep(environ: Environ, content: bytes) -> None:
    """Let later readers read the content too, from the start."""
    environ["wsgi.input"] = KeptContent(content)


class _Ended(BodyInput):
    """The input of a request that has ended: its connection is at the next request, which none may read."""

    def whole(self) -> bytes:
        raise RuntimeError(
            "the request has ended, and its content is gone: read what you need of it before the response"
        )

    def read(self, size: int | None = -1, /) -> bytes:
        return self.whole()

    readline = read

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        return [self.whole()]

    def __iter__(self) -> Iterator[bytes]:
        yield self.whole()


def end_input(environ: Environ) -> None:
    """Refuse later reads of content that is not in memory, when the request has ended."""
    if not isinstance(environ.get("wsgi.input"), (KeptContent, _NotKept)):
        environ["wsgi.input"] = _Ended()


class ArrivingInput:
    """An input whose content arrives on an event loop, in messages; ASGI's is one (`asgi_content`)."""

    is_complete = False  # whether all of it has arrived, so that reading it does not wait

    async def arrive(self, size: int = 1) -> None:
        """Wait until `size` bytes can be read, or the content has ended."""
        raise NotImplementedError


def arriving_input(environ: Environ) -> ArrivingInput | None:
    """Return the input from which an environ is read, if its content arrives in messages."""
    source = environ.get("wsgi.input")
    source = getattr(source, "source", source)  # of an input with a time limit
    return source if isinstance(source, ArrivingInput) else None
