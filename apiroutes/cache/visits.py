"""One request's way through the cache, once its worker's own memory has no answer.

In: a cached route, a target, headers. Out: what the store has, or what the handler has computed for it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from functools import partial

from werkzeug.exceptions import HTTPException

from apiroutes.after_response import Work, current_work
from apiroutes.cache.answers import Answer, Directory, answer_of, decode, encode
from apiroutes.cache.cached_routes import CachedRoute
from apiroutes.cache.computing import Made, compute
from apiroutes.cache.flight import Computation
from apiroutes.cache.names import names_of_path
from apiroutes.cache.targets import Target, digest, header_key, header_values, variant_key
from apiroutes.errors import ApiError
from apiroutes.logs import current_fields, log_fault, route_of
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.stores import Entry, Lease, StoreError
from apiroutes.structs import replace
from apiroutes.wsgi import ServerResponse

__all__ = ["Visit"]

# Variants of one URL that are kept.
_MOST_VARIANTS = 32
# How many of them each request for another variant checks, to find some that are too old.
_LOOKED_AT = 4
# Headers that are not part of a key: a request with one of them is not answered from the store.
_UNKEYED = frozenset(("HTTP_COOKIE", "HTTP_HOST"))


def _do_nothing() -> None:
    """Give up nothing: there is no lease."""


class Visit:
    """A request for a target; `real` is the response of the client that waits, None in the background.

    `headers` are the request's by their keys in the environ, only those that are known.
    """

    def __init__(
        self,
        route: CachedRoute,
        target: Target,
        headers: Mapping[str, str],
        like: Request,
        response_class: type[ServerResponse],
        real: Response | None = None,
    ) -> None:
        self.route = route
        self.target = target
        self.headers = headers
        self._like = like
        self._response_class = response_class
        self._real = real
        self._base = target.key(route.cache.release)
        self.names = route.vary
        self.values: tuple[str | None, ...] = ()
        self.read: Sequence[str] = route.vary  # the headers that an answer depends on
        self.directory: Directory | None = None
        self._gone: set[bytes] = set()  # variants in it that are too old
        self.why_missing = "uri-miss"  # as Cache-Status says, if there is no answer
        self.key = b""
        self.generation: object = None  # of the store, before it was asked
        self.revalidated_by = names_of_path(target.segments, route.pattern, route.config.tags)

    def find_key(self) -> bytes:
        """Return the digest of the key that the request has, as far as the store knows. Raises StoreError."""
        store = self.route.cache.store
        self.generation = store.generation()
        found = store.get(digest(self._base))
        directory = None if found is None else decode(found.content, Directory, self._base)
        if directory is not None and self._gone:
            left = tuple(key for key in directory.variants if key not in self._gone)
            directory = replace(directory, variants=left)
        self.directory = directory
        names = self.route.vary if self.directory is None else self.directory.names
        has_others = self.directory is not None and self.directory.variants
        self.why_missing = "vary-miss" if has_others else "uri-miss"
        return self._key_of(names)

    def _key_of(self, names: Sequence[str]) -> bytes:
        self.names = self.read = tuple(names)
        self.values = header_values(self.headers, names)
        self.key = variant_key(self._base, names, self.values)
        return digest(self.key)

    @property
    def has_no_room(self) -> bool:
        """Whether the URL has as many variants as are kept, and the request's is not among them."""
        known = () if self.directory is None else self.directory.variants
        return len(known) >= _MOST_VARIANTS and digest(self.key) not in known

    def makes_room(self) -> bool:
        """Check a few variants, and forget those that are too old; return whether there were any."""
        directory, store = self.directory, self.route.cache.store
        assert directory is not None
        some = random.sample(directory.variants, _LOOKED_AT)
        self._gone = {key for key in some if store.get(key) is None}
        return bool(self._gone)

    def answer_in(self, entry: Entry) -> Answer | None:
        """Return the answer that an entry holds, if it is this request's."""
        return decode(entry.content, Answer, self.key)

    def compute(self, lease: Lease | None, reason: str = "") -> Computation:
        """Call the handler for the store, and return what it has made. Raises what the handler raises.

        With a `reason` why the handler cannot be called for the store, it is not called.
        """
        key = digest(self.key)
        if reason in ("context", "stream!"):
            return Computation(None, key, reason=reason, lets_wait=True)
        route = self.route
        params = route.params_of(self.target)
        if params is None:  # middleware has changed the path to that of another route
            return Computation(None, key, reason="context")
        made = compute(
            route,
            self.target,
            params,
            self.headers,
            self._like,
            self._response_class,
            self._real,
            partial(route.cache.flight.give_up, lease) if lease is not None else _do_nothing,
        )
        if made.reads.ended:
            if made.reads.touched:
                route.tell_of_context(made.reads.touched)
            return Computation(None, key, reason="context" if made.reads.touched else "stream!")
        return self._computation_of(made, lease)

    def _computation_of(self, made: Made, lease: Lease | None) -> Computation:
        """Return what to do with a complete response."""
        response, key = made.response, digest(self.key)
        self.read = self._names_of(made)
        has_failed = response._status >= 500
        if response._stream is not None or response._application is not None:
            return Computation(made, key, reason="stream", has_failed=has_failed)
        verdict = self.route.judge(response, len(response._content))
        reason = verdict.reason or ("client" if made.reads.client else "")
        if made.reads.client == "error":
            reason = "error"
        if not reason and lease is not None:
            reason = self._note_variant(self.read, lease)
        if reason or lease is None:
            is_own = reason in ("variants", "store")  # which says nothing about other requests
            return Computation(made, key, reason=reason, has_failed=has_failed, lets_wait=is_own)
        answer = answer_of(response, self.key, verdict.fresh, verdict.stale, response.appended)
        return Computation(
            made,
            digest(self.key),
            encode(answer),
            (*self.revalidated_by, *made.names),
            verdict.fresh,
            verdict.stale,
        )

    def _names_of(self, made: Made) -> list[str]:
        """Return the keys of all headers that the answer depends on."""
        for key in made.reads.headers - set(self.names):
            self.route.tell_of_header(key)
        own = {
            header_key(member)
            for _, value in made.response._lines_of("vary")
            for member in value.split(",")
            if member.strip()
        }
        return sorted({*self.names, *made.reads.headers, *own} - _UNKEYED)

    def _note_variant(self, names: Sequence[str], lease: Lease) -> str:
        """Note the variant in the URL's directory; return why it cannot be stored."""
        known = self.directory.variants if self.directory is not None and self.names == tuple(names) else ()
        key = self._key_of(names)
        if not names or key in known:
            return ""
        if len(known) >= _MOST_VARIANTS:
            return "variants"
        self.directory = Directory(self._base, tuple(names), (*known, key))
        entry = Entry(encode(self.directory), self.revalidated_by, math.inf)
        try:
            self.route.cache.store.put(digest(self._base), entry, lease)
        except StoreError:
            return "store"
        return ""

    # -- without a client ------------------------------------------------------------------

    def without_client(self) -> Visit:
        """Return the same visit for a computation that no client waits for: it knows only the key."""
        headers = {name: value for name, value in zip(self.names, self.values) if value is not None}
        route = self.route.in_background
        # A copy, as the request itself is revoked if its deadline passes before its response is sent.
        like = object.__new__(type(self._like))
        vars(like).update(vars(self._like))
        later = Visit(route, self.target, headers, like, self._response_class)
        later.directory, later.names, later.values, later.key = (
            self.directory,
            self.names,
            self.values,
            self.key,
        )
        return later

    def _compute_anew(self, lease: Lease | None, reason: str) -> Computation:
        """Return what the handler makes; a 4xx that it raises is an answer, which replaces the old one."""
        try:
            return self.compute(lease, reason)
        except (ApiError, HTTPException) as error:
            if _status_of(error) >= 500:
                raise
            return Computation(None, digest(self.key), reason="error")

    def refresh(self, lease: Lease) -> None:
        """Recompute a stale answer. An exception is logged, and the old answer is served for longer."""
        pool = self.route.cache.work_pool
        work = None if pool is None else Work(pool, {}, self.route.cache)
        if work is not None:
            current_work.set(work)  # for this computation, which has a context of its own
        current_fields.set({"route": route_of(self._like)})
        try:
            self.route.cache.flight.refresh(lease, self.revalidated_by, self._compute_anew)
        except Exception as error:
            if work is not None:
                work.has_failed = True
            # Record: The answer of a cached route was stale, and its handler raised in the background; the
            # stale answer stays.
            log_fault(self._like, route_of(self._like), error, "failed to recompute its stored answer")
        finally:
            if work is not None and not work.end():
                work.run()


def _status_of(error: ApiError | HTTPException) -> int:
    """Return the status of the answer to an error; werkzeug's may contain a response."""
    if isinstance(error, ApiError):
        return error.status
    return (error.code or 500) if error.response is None else error.response.status_code
