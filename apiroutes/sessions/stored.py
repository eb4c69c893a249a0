"""Sessions in a store: the client has 32 random bytes, and the store their digest.

In: a cookie, a store. Out: the session that the cookie stands for, and a request's changes of it in the
store. Raises ApiError 503 if the store fails. An id that the store does not know is ignored: a new session
always has a new id, which nobody can have chosen.
"""

from __future__ import annotations

import base64
import logging
import math
import re
import secrets
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any

from apiroutes.errors import ApiError
from apiroutes.http import decode_json
from apiroutes.response_hooks import at_once
from apiroutes.session import MAX_DEPTH, SessionState, encode_value
from apiroutes.sessions.cookies import CookieOptions
from apiroutes.sessions.opening import OpenedSessions
from apiroutes.sessions.visits import Visit
from apiroutes.stores import Lifetime, SessionStore, StoredSession, StoreError
from apiroutes.structs import Struct
from apiroutes.types import Environ

__all__ = ["Keeping", "StoredVisit", "unavailable"]

_log = logging.getLogger("apiroutes")

_ID_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9_-]{43}")


class Keeping(Struct, frozen=True):
    """How the sessions of a step are kept."""

    options: CookieOptions
    lifetime: Lifetime
    opened: OpenedSessions

    @property
    def store(self) -> SessionStore:
        return self.opened.store

    @property
    def waits(self) -> bool:
        """Whether the store may keep a thread waiting."""
        return not self.opened.is_memory


class StoredVisit(Visit):
    """A request's session in a store."""

    __slots__ = ("_came", "_error", "_key", "_keeping", "_line", "_stored", "_job")

    def __init__(self, environ: Environ, response: Any, keeping: Keeping) -> None:
        super().__init__(environ, response)
        self._keeping = keeping
        self._key: bytes | None = None
        self._stored: StoredSession | None = None
        self._came: bool | None = None  # None until it is known
        self._error: StoreError | None = None
        self._line = ""
        self._job: Callable[[Any], object] | None = None

    @property
    def may_wait(self) -> bool:
        """Whether there is something to load, for which a thread may have to wait."""
        self._find_key()
        return self._keeping.waits and self._key is not None

    def _find_key(self) -> None:
        self.cookie = self._keeping.options.of(self.environ)
        value = self.cookie.find(self.environ)
        if value is not None and _ID.fullmatch(value):
            self._key = self._key_of(value)

    def fetch(self) -> None:
        """Load the session from the store, before it is touched. An error is raised when it is touched."""
        self._find_key()
        try:
            if self._key is not None:
                self._stored = self._keeping.store.load(self._key, self._keeping.lifetime)
            self._came = self._stored is not None
        except StoreError as error:
            self._error = error

    def load(self) -> SessionState:
        if self._came is None and self._error is None:
            self.fetch()
        error, self._error = self._error, None  # the next touch tries again
        if error is not None:
            raise unavailable() from error
        return self._state_of(self._stored)

    def _state_of(self, stored: StoredSession | None) -> SessionState:
        if stored is None:
            return SessionState({})
        try:
            values = {name: decode_json(value, MAX_DEPTH) for name, value in stored.values.items()}
        except ApiError:  # of another version
            return SessionState({})
        return SessionState(values, stored.owner, came=True)

    # -- what is decided without the store -------------------------------------------------

    def keep(self, response: Any) -> None:
        state = self.state
        values = {name: encode_value(name, value) for name, value in state.values.items()}
        if state.came and not state.is_ended:
            assert self._stored is not None
            before = self._stored.values
            changed = {name: value for name, value in values.items() if before.get(name) != value}
            removed = [name for name in before if name not in values]
            if state.is_rotated:
                self._job = partial(self._rename, self._new_key(response), changed, removed)
            elif changed or removed:
                self._job = partial(self._merge, changed, removed)
        elif not state.is_empty:
            self._job = partial(self._begin, self._new_key(response), values)
        elif state.is_ended and self.cookie.find(self.environ) is not None:
            self._put_cookie(response, self.cookie.line_of_deletion())
            self._job = self._end

    def _new_key(self, response: Any) -> bytes:
        """Return the key of a new id, which the response's cookie has."""
        value = base64.urlsafe_b64encode(secrets.token_bytes(_ID_BYTES)).rstrip(b"=").decode("ascii")
        self._put_cookie(response, self.cookie.line(value, math.ceil(self._keeping.lifetime.whole)))
        return self._key_of(value)

    def _key_of(self, value: str) -> bytes:
        """Return the key of an id, which differs for each cookie that a project has named."""
        identifier = base64.urlsafe_b64decode(f"{value}=")
        return sha256(identifier + self._keeping.options.own_name.encode()).digest()

    def _put_cookie(self, response: Any, line: str) -> None:
        self._line = line
        self.set_cookie(response, line)

    # -- what the store does ---------------------------------------------------------------

    @property
    def write(self) -> Callable[[Any], None]:  # type: ignore[override]
        return self._write if self._keeping.waits else self._write_at_once

    def _write(self, response: Any) -> None:
        """Write the changes to the store. Raises ApiError 503, and SessionTooLarge."""
        job, self._job = self._job, None
        if job is None:
            return
        try:
            job(response)
        except BaseException as error:
            self._take_back_cookie(response)
            if isinstance(error, StoreError):
                raise unavailable() from error
            raise

    @at_once
    def _write_at_once(self, response: Any) -> None:
        self._write(response)

    def _end(self, response: Any) -> None:
        if self._key is not None:
            self._keeping.store.end(self._key)

    def _begin(self, key: bytes, values: dict[str, bytes], response: Any) -> None:
        if self.state.is_ended:
            self._end(response)
        self._keeping.store.begin(key, values, self._keeping.lifetime, self.state.owner)

    def _merge(self, changed: dict[str, bytes], removed: list[str], response: Any) -> None:
        assert self._key is not None
        if not self._keeping.store.merge(self._key, changed, removed, self._keeping.lifetime):
            self._note_end()

    def _rename(self, key: bytes, changed: dict[str, bytes], removed: list[str], response: Any) -> None:
        """Move the session to its new key, and write what has changed only under that key.

        If another request has ended the session meanwhile, nothing of it comes back: a user who signs in now
        has only what this request has set.
        """
        assert self._key is not None
        store, lifetime = self._keeping.store, self._keeping.lifetime
        owner = self.state.owner if self.state.is_signed_in else None
        if store.rename(self._key, key, owner, lifetime):
            if changed or removed:
                store.merge(key, changed, removed, lifetime)
        elif owner is not None:
            store.begin(key, changed, lifetime, owner)
        else:
            self._take_back_cookie(response)
            self._note_end()

    def _note_end(self) -> None:
        # Record: A sign-out or `end_all` ended a session while this request had it.
        _log.debug("A session was ended by another request, so what this one has changed is not kept")

    def _take_back_cookie(self, response: Any) -> None:
        if response._write is None:
            others = [line for line in response._lines_of("set-cookie") if line[1] != self._line]
            response._apply("set", "set-cookie", others)


def unavailable() -> ApiError:
    """Return the answer while a store fails."""
    return ApiError(503, headers={"Retry-After": "1"})
