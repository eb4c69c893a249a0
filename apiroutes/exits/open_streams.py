"""Streams that end dependencies: generators stay open while a response is sent, and end with it.

In: a response, and open generators. Out: the response with a stream that ends them. Its iteration raises what
they raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiroutes.errors import MaxDurationExceeded
from apiroutes.exits.generators import END, Generators, leave, unwind, yielded_twice
from apiroutes.http import BODYLESS
from apiroutes.response import Response
from apiroutes.streams import Begun, close

__all__ = ["begin", "drop_unsent", "has_stream", "hold", "is_sent_later", "keep"]


def begin(response: Response) -> None:
    """Run an application that the handler returned to its first chunk."""
    if response._application is not None:
        response._start_streaming()


def keep(
    response: Response,
    generators: Generators,
    places: Sequence[str],
) -> bool:
    """Hand generators to the stream of a response, unless it is whole already; return whether it has them."""
    if not has_stream(response):
        drop_unsent(response)
        return False
    response._start_streaming()
    if not is_sent_later(response):
        return False
    hold(response, _Exits(generators, places, response.req))
    return True


def hold(response: Response, exits: Any) -> None:
    """Make a stream that has begun end dependencies. `exits` has `finish`, `fail` and `leave`.

    Dependencies that it ends already are inside these.
    """
    stream: Any = response._stream
    if isinstance(stream, OpenStream):
        stream.exits = _Nested(stream.exits, exits)
        return
    response._stream = OpenStream(stream, response, exits)
    response._sends_file = False  # there is more to do at its end


def has_stream(response: Response) -> bool:
    """Return whether the response is more than content in memory, and is sent."""
    if response._application is not None:
        return True
    return response._stream is not None and not _is_bodyless(response)


def drop_unsent(response: Response) -> None:
    """Close a stream that is not sent: middleware would begin it when its dependencies have ended."""
    if response._stream is not None and response._can_begin():
        stream, nothing = response._stream, Begun(())
        nothing.is_empty = False  # which says nothing about the response to a GET
        response._stream = nothing
        close(stream)


def is_sent_later(response: Response) -> bool:
    """Return whether code of the project still produces a part of a response that has begun.

    A file needs no code, and an application may have sent all that it has announced.
    """
    stream = response._stream
    if not isinstance(stream, Begun) or stream.is_empty or stream.is_whole or _is_bodyless(response):
        return False
    length = response._announced_length()
    return not (stream.is_application and length is not None and length <= stream.ready)


def _is_bodyless(response: Response) -> bool:
    return response._status in BODYLESS or response.req._environ.get("REQUEST_METHOD") == "HEAD"


class _Exits:
    """Open generators, which are ended once."""

    def __init__(self, generators: Generators, places: Sequence[str], request: Any) -> None:
        self._open = [*generators]
        self._places = places
        self._request = request

    def finish(self) -> None:
        """Resume the generators. Raises what the first one raises, which is thrown into the others."""
        try:
            while self._open:
                generator = self._open.pop()
                if next(generator, END) is not END:
                    yielded_twice(generator, self._places[len(self._open)])
        except BaseException as error:
            self.fail(error)
            raise

    def fail(self, error: BaseException) -> None:
        """Throw the exception that ended the stream into the generators."""
        generators, self._open = self._open, []
        unwind(generators, error, self._request)

    def leave(self) -> None:
        """Close the generators: the client has left."""
        generators, self._open = self._open, []
        leave(generators, self._request)


class _Nested:
    """The ends of a handler's dependencies, then the ends of the dependencies around it."""

    def __init__(self, inner: Any, outer: Any) -> None:
        self._inner = inner
        self._outer = outer

    def finish(self) -> None:
        """Resume the inner ones, then the outer ones, which get what the inner ones raise."""
        try:
            self._inner.finish()
        except BaseException as error:
            self._outer.fail(error)
            raise
        self._outer.finish()

    def fail(self, error: BaseException) -> None:
        """Throw an exception into all of them; one that replaces it is thrown into the outer ones."""
        try:
            self._inner.fail(error)
        except BaseException as other:
            self._outer.fail(other)
            raise
        self._outer.fail(error)

    def leave(self) -> None:
        try:
            self._inner.leave()
        finally:
            self._outer.leave()


class OpenStream(Begun):
    """A stream whose dependencies end with it: after its last chunk, at its error, or when the client leaves.

    They end before the last chunk of an announced length is handed over, so that a failure then cuts off the
    response.
    """

    def __init__(self, stream: Begun, response: Response, exits: Any) -> None:
        vars(self).update(vars(stream))
        self.exits = exits
        self._left = response._announced_length()

    def __next__(self) -> bytes:
        try:
            chunk = super().__next__()
            if self.is_late:
                raise MaxDurationExceeded("maxDuration has passed, and the response was cut off")
        except StopIteration:
            self._finish()
            raise
        except BaseException as error:
            self.exits.fail(error)
            raise
        if self._left is not None:
            self._left -= len(chunk)
            if self._left <= 0:
                self._close_stream()
                self._finish()
        return chunk

    def _finish(self) -> None:
        if self.is_late:
            error = MaxDurationExceeded("maxDuration has passed, and the response was cut off")
            self.exits.fail(error)
            raise error
        self.exits.finish()

    def _close_stream(self) -> None:
        try:
            super().close()
        except BaseException as error:
            self.exits.fail(error)
            raise

    def close(self) -> None:
        """Close the stream, and the generators that it still holds open."""
        try:
            super().close()
        finally:
            self.exits.leave()
