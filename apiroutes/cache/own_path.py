"""The revalidation of a cached route's own path by its unsafe methods (RFC 9111 section 4.4).

In: a handler's step. Out: the same step, but after its answers nothing older is served. Raises what the
handler raises, and RevalidationError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiroutes.cache.names import path_name
from apiroutes.cache.response_cache import Cache
from apiroutes.cache.revalidation import RevalidationError, revalidate_now
from apiroutes.http import read_path

__all__ = ["revalidating"]

# RFC 9110 section 9.2.1, and CONNECT, which has no path.
_SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"))


def revalidating(run: Callable[[Any], object], cache: Cache) -> Callable[[Any], None]:
    """Return a handler's step that revalidates the path of a request with an unsafe method.

    It does so if the answer is a 2xx or 3xx, either the handler's or the one that is sent: when the handler
    has answered, and again before the head leaves, since its changes may be committed in between.
    """

    def call(response: Any) -> None:
        environ = response.req._environ
        if environ["REQUEST_METHOD"] in _SAFE:
            run(response)
            return
        segments, _ = read_path(environ.get("PATH_INFO") or "", environ)
        name = path_name([segment for segment in segments if segment])

        def repeat(sent: Any) -> None:
            is_asked_for = (name, "expire") in (sent._departure_calls or ())  # and will be done
            # A failure around the handler may have come after a commit.
            if (answered or _has_succeeded(sent)) and not is_asked_for:
                revalidate_now(cache, name, "expire")

        answered: list[bool] = []
        response._call_at_departure(revalidating, repeat)
        run(response)
        if _has_succeeded(response):
            answered.append(True)
            _bump_once_answered(cache, name, response)

    return call


def _bump_once_answered(cache: Cache, name: str, response: Any) -> None:
    """Revalidate; ignore an error unless the head has left, because it is repeated before the head leaves."""
    try:
        revalidate_now(cache, name, "expire")
    except RevalidationError:
        if response._write is not None:
            raise


def _has_succeeded(response: Any) -> bool:
    return bool(200 <= response._status < 400)
