"""The step of a cached route, inside all middleware and around body, dependencies and handler.

In: the response of a request. Out: the same response with an answer from this worker's memory, from the
store, or from the handler. Raises what the handler raises.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from apiroutes.body import has_content
from apiroutes.cache.answers import Answer
from apiroutes.cache.background import background
from apiroutes.cache.cached_routes import CachedRoute
from apiroutes.cache.computing import transfer
from apiroutes.cache.flight import Taken
from apiroutes.cache.headers import (
    BYPASSED,
    DRAFT,
    forwarded,
    hit_status,
    keep_from_others,
    set_control,
    set_default,
    set_status,
    vary_lines,
)
from apiroutes.cache.hot_answers import HotAnswer, Variants
from apiroutes.cache.narrowed import give_back, narrowed
from apiroutes.cache.rules import directives
from apiroutes.cache.targets import digest, header_values, listed_pairs, raw_target, target_of
from apiroutes.cache.visits import Visit
from apiroutes.chain import take_response
from apiroutes.drafts import draft_cookies, has_valid_draft_cookie
from apiroutes.http import HeaderLines
from apiroutes.stores import Entry, Lease, StoreError
from apiroutes.types import Environ

__all__ = ["CachedStep"]

_OBJECT = 50  # bytes that an object takes besides its content
_SMALL = 500  # bytes that a note of a URL's variants takes


class CachedStep:
    """Answers GET and HEAD of a cached route. `sends_status`: whether with Cache-Status."""

    def __init__(self, route: CachedRoute, *, sends_status: bool) -> None:
        self._route = route
        self._run = route.run
        self._sends_status = sends_status
        self._find_hot = route.cache.hot.entries.get
        self._store = route.cache.store
        config = route.config
        self._ignores_credentials = config.headers != "keyed"
        self._is_anonymous: Callable[[Environ], bool] = _is_anonymous
        if config.headers != "keyed":
            self._is_anonymous = _has_no_draft
        elif config.ignores_cookies:
            self._is_anonymous = _is_anonymous_beside_cookies
        if route.secret_headers and config.headers == "keyed":
            self._is_anonymous = _without(route.secret_headers, self._is_anonymous)

    def __call__(self, response: Any) -> None:
        """Answer a request."""
        if not self._answer_hot(response, self._store.generation):
            self._answer(response, response.req._environ)

    def answer_at_once(self, response: Any) -> bool:
        """Answer on an event loop, from this worker's memory; return False, and do nothing, if it cannot."""
        return self._answer_hot(response, self._store.known_generation)

    def _answer_hot(self, response: Any, generation: Callable[[], object]) -> bool:
        request = response.req
        environ = request._environ
        if not request._pending and request._body is None and self._is_anonymous(environ):
            raw = raw_target(environ)
            hot = self._find_hot(raw)
            if hot is not None and hot.value.__class__ is Variants:
                hot = self._find_hot((raw, hot.value.names, header_values(environ, hot.value.names)))
            if hot is not None:
                now = time.monotonic()
                if now < hot.until and hot.generation == generation():
                    answer = hot.value
                    age = now - answer.made
                    has_middleware = take_response(response)
                    answer.copy_to(response, age)
                    if self._ignores_credentials and "HTTP_AUTHORIZATION" in environ:
                        keep_from_others(response)
                    if self._sends_status:
                        set_status(response, hit_status(answer.fresh - age))
                    response._in_middleware = has_middleware
                    return True
        return False

    # -- what is not answered from the worker's memory -------------------------------------

    def _answer(self, response: Any, environ: Environ) -> None:
        reason = self._why_bypassed(response.req)
        if reason:
            control = DRAFT if reason == "draft" else BYPASSED
            self._call_handler(response, forwarded("bypass", detail=reason), control)
            return
        config = self._route.config
        target = target_of(environ, config.query)
        headers = environ if config.headers == "keyed" else {}
        visit = Visit(self._route, target, headers, response.req, response.__class__, response)
        has_middleware = take_response(response)
        response._when_late = partial(self._tell_of_error, visit)
        try:
            done = self._take(visit, response, _is_for_itself(environ))
        except BaseException as error:
            response._when_late = None
            self._tell_of_error(visit, response)
            if has_middleware:
                response._fail(error)
            raise
        response._when_late = None
        response._in_middleware = has_middleware
        if done is not None:
            self._call_handler(response, done)
        elif has_middleware and response._is_unbuffered:
            response._start_streaming()

    def _why_bypassed(self, request: Any) -> str:
        """Return why only its handler can answer a request; "" if the cache can too."""
        environ, config = request._environ, self._route.config
        if has_content(environ):
            return "body"
        if self._has_credential(environ):
            return "authorization"
        if "HTTP_COOKIE" in environ:
            if has_valid_draft_cookie(environ, request._secret_keys):
                return "draft"
            if not config.ignores_cookies:
                return "cookie"
        return ""

    def _has_credential(self, environ: Environ) -> bool:
        """Return whether a request's key would contain a credential, which the store would keep as it is."""
        keys, names = ("HTTP_AUTHORIZATION", *self._route.secret_headers), self._route.secret_query
        if self._route.config.headers == "keyed" and any(key in environ for key in keys):
            return True
        return bool(names) and listed_pairs(environ.get("QUERY_STRING") or "", names) != ""

    def _call_handler(self, response: Any, member: str, control: str = "") -> None:
        """Let the handler answer the request itself; its answer is not stored."""
        control = control or self._route.control_of_own
        if control:
            set_default(response, "cache-control", "Cache-Control", control)
        if self._sends_status:
            set_status(response, member)
        if response._write is None:
            response._add_to_vary(self._vary_of(self._route.vary))
        request = response.req
        response.req = own = narrowed(request, self._route.config)
        try:
            self._run(response)
        finally:
            response.req = request
            give_back(own, request)

    def _take(self, visit: Visit, response: Any, is_alone: bool) -> str | None:
        """Answer with what the store has, or what the handler has computed for it.

        Nothing is stored for a request that `is_alone`. If the handler has to be called with the real request
        instead, return what Cache-Status says then.
        """
        taken = self._look_alone(visit) if is_alone else self._look_or_compute(visit)
        if taken.entry is not None:
            answer = visit.answer_in(taken.entry)
            if answer is None:
                self._remove(visit, taken.lease)
                return forwarded("uri-miss", detail="store")
            self._serve(visit, response, taken.entry, answer, has_waited=taken.has_waited)
            if taken.lease is not None:
                self._compute_later(visit, response, taken.lease)
            return None
        computation = taken.computation
        assert computation is not None
        reason = computation.reason or ("request" if is_alone else "store" if taken.has_store_failed else "")
        member = partial(forwarded, visit.why_missing, has_waited=taken.has_waited)
        if computation.value is None:
            return member(detail=reason.rstrip("!"))
        transfer(computation.value.response, response)
        if taken.is_stored:
            set_control(response, self._route.control(computation.fresh, computation.stale))
            if "HTTP_AUTHORIZATION" in response.req._environ:
                keep_from_others(response)
        elif self._route.control_of_own:
            set_default(response, "cache-control", "Cache-Control", self._route.control_of_own)
        response._add_to_vary(self._vary_of(visit.read))
        if self._sends_status:
            set_status(response, member(is_stored=taken.is_stored, detail=reason))
        return None

    def _look_or_compute(self, visit: Visit) -> Taken:
        cache = self._route.cache
        try:
            key = visit.find_key()
            if visit.has_no_room and not visit.makes_room():
                return Taken(computation=visit.compute(cache.store.begin(key)))
        except StoreError:
            return Taken(computation=visit.compute(None), has_store_failed=True)
        return cache.flight.take(visit.find_key, visit.revalidated_by, visit.compute)

    def _look_alone(self, visit: Visit) -> Taken:
        """Return what the store has, as it is, or else what the handler makes for this request."""
        entry: Entry | None = None
        with contextlib.suppress(StoreError):
            entry = self._route.cache.store.get(visit.find_key())
        if entry is not None and visit.answer_in(entry) is not None:
            return Taken(entry=entry)
        return Taken(computation=visit.compute(None))

    def _remove(self, visit: Visit, lease: Lease | None) -> None:
        """Make room for an answer if the store has another one with the same digest, or something invalid."""
        with contextlib.suppress(StoreError):
            self._route.cache.store.remove(digest(visit.key))
        if lease is not None:
            self._route.cache.flight.give_up(lease)

    # -- answers ---------------------------------------------------------------------------

    def _serve(
        self, visit: Visit, response: Any, entry: Entry, answer: Answer, has_waited: bool = False
    ) -> None:
        """Answer with what the store has; keep it in this worker's memory while it is fresh.

        Without a Host header, the host is the server's, by which hot answers are not found.
        """
        control = self._route.control(answer.fresh, answer.stale)
        hot = HotAnswer(answer, entry.age, self._vary_of(visit.names), control)
        left = answer.fresh - entry.age
        if entry.is_revalidated:
            left = min(left, -1.0)
        elif left > 0 and "HTTP_HOST" in response.req._environ:
            key: tuple[Any, ...] = raw_target(response.req._environ)
            memory, size = self._route.cache.hot, hot.size + _size_of(key) + _size_of(visit.values)
            if visit.names:
                variants = Variants(visit.names)
                memory.put(key, variants, _SMALL + _size_of(key), visit.generation, math.inf)
                key = key, visit.names, visit.values
            memory.put(key, hot, size, visit.generation, left)
        hot.copy_to(response, entry.age)
        if "HTTP_AUTHORIZATION" in response.req._environ:
            keep_from_others(response)
        if entry.is_revalidated:
            response._apply("set", "cache-control", [("Cache-Control", "no-cache")])
        if self._sends_status:
            set_status(response, hit_status(left, has_waited))

    def _vary_of(self, names: Iterable[str]) -> HeaderLines:
        config = self._route.config
        return vary_lines(names, config.vary, config.ignores_cookies)

    def _tell_of_error(self, visit: Visit, response: Any) -> None:
        """Note in the error response that its request was not answered from the store."""
        if self._sends_status and response._write is None:
            member = forwarded(visit.why_missing, detail="error")
            hooks = response._head_hooks or []
            response._head_hooks = [*hooks, (lambda sent: set_status(sent, member), True)]
            response._is_unbuffered = True

    def _compute_later(self, visit: Visit, response: Any, lease: Lease) -> None:
        """Recompute a stale answer once it has been sent."""
        later = visit.without_client()

        def submit(sent: object) -> None:
            if not background.submit(partial(later.refresh, lease)):
                self._route.cache.flight.give_up(lease)

        response._call_at_end(submit)
        response._ends_when_closed = True


def _size_of(texts: Iterable[str | None]) -> int:
    """Return approximately how many bytes strings take in memory."""
    return sum(len(text) + _OBJECT for text in texts if text is not None)


def _is_anonymous(environ: Environ) -> bool:
    return "HTTP_COOKIE" not in environ and "HTTP_AUTHORIZATION" not in environ


def _is_anonymous_beside_cookies(environ: Environ) -> bool:
    return "HTTP_AUTHORIZATION" not in environ and _has_no_draft(environ)


def _without(keys: Iterable[str], is_anonymous: Callable[[Environ], bool]) -> Callable[[Environ], bool]:
    """Return a function that returns whether a request is anonymous and has none of the headers."""
    return lambda environ: is_anonymous(environ) and not any(key in environ for key in keys)


def _has_no_draft(environ: Environ) -> bool:
    return "HTTP_COOKIE" not in environ or not draft_cookies(environ["HTTP_COOKIE"])


def _is_for_itself(environ: Environ) -> bool:
    """Return whether nothing is stored for a request (RFC 9110 section 14.2, RFC 9111 section 5.2.1.5)."""
    if "HTTP_RANGE" in environ:
        return True
    control: str | None = environ.get("HTTP_CACHE_CONTROL")
    if control is None:
        return False
    found = directives([control])
    return "no-store" in (control.lower() if found is None else found)
