"""Sessions in a cookie of their own: signed, so that clients can read and not change them.

In: a cookie. Out: the session in it, and another cookie where it has changed. A cookie that is forged, cut,
expired or too long is as if it were not there.
"""

from __future__ import annotations

import math
import time
from typing import Any

from apiroutes.errors import ApiError
from apiroutes.http import decode_json
from apiroutes.secret_keys import SecretKeys
from apiroutes.session import MAX_DEPTH, SessionState, encode_value
from apiroutes.sessions.cookies import CookieOptions
from apiroutes.sessions.visits import Visit
from apiroutes.signing import sign, unsign
from apiroutes.stores import Lifetime
from apiroutes.types import Environ

__all__ = ["SignedVisit"]

# Bytes of a cookie, its name and its value, that browsers keep.
_MAX_COOKIE = 4096
# The share of the idle time after which it is noted that a session is used, and the fewest seconds.
_NOTED, _FEWEST = 0.1, 1.0
_DEEPEST = MAX_DEPTH + 2  # levels, of which two are around a value
_DECIMALS = 3  # of the seconds in a cookie


class SignedVisit(Visit):
    """A request's session in a signed cookie: a list of when it began and was used, its owner and values."""

    __slots__ = ("_begun", "_came", "_keys", "_lifetime", "_options", "_stamp", "_used")

    def __init__(
        self,
        environ: Environ,
        response: Any,
        options: CookieOptions,
        lifetime: Lifetime,
        keys: SecretKeys,
    ) -> None:
        super().__init__(environ, response)
        self._options = options
        self._lifetime = lifetime
        self._keys = keys
        self._came = b""

    def load(self) -> SessionState:
        self.cookie = self._options.of(self.environ)
        now = self._begun = self._used = time.time()
        value = self.cookie.find(self.environ)
        signed = None if value is None else unsign(self._purpose, self._keys, value)
        if signed is None:
            return SessionState({})
        try:
            content: Any = decode_json(signed, _DEEPEST)
            begun, used, owner, values = content
            last = begun if used is None else used
            has_ended = self._is_over(now - begun, now - last)
        except (ApiError, TypeError, ValueError):  # of another version
            return SessionState({})
        if has_ended:
            return SessionState({})
        self._came, self._stamp = signed, (begun, used)
        self._begun, self._used = begun, last
        return SessionState(values, owner, came=True)

    def _is_over(self, age: float, unused: float) -> bool:
        whole, idle = self._lifetime.whole, self._lifetime.idle
        return age >= whole or (idle is not None and unused >= idle)

    def keep(self, response: Any) -> None:
        state, now = self.state, time.time()
        if state.is_empty:
            if state.came or (state.is_ended and self.cookie.find(self.environ) is not None):
                self.set_cookie(response, self.cookie.line_of_deletion())
            return
        if state.is_rotated or state.is_ended or not state.came:
            self._begun = now
        elif self._encoded(*self._stamp) == self._came and not self._needs_note(now):
            return
        used = None if self._lifetime.idle is None else round(now, _DECIMALS)
        value = sign(self._purpose, self._keys, self._encoded(round(self._begun, _DECIMALS), used))
        size = len(self.cookie.name) + len(value)
        if size > _MAX_COOKIE:
            raise RuntimeError(
                f"the session takes {size} bytes as a cookie with its name, and browsers keep no more than "
                f'{_MAX_COOKIE}: keep less in it, or write `sessions(store="sqlite")`'
            )
        line = self.cookie.line(value, max(1, math.ceil(self._begun + self._lifetime.whole - now)))
        self.set_cookie(response, line)

    @property
    def _purpose(self) -> str:
        # What is signed under one name means nothing under another.
        return f"sessions.{self.cookie.name}"

    def _encoded(self, begun: float, used: float | None) -> bytes:
        return encode_value("session", [begun, used, self.state.owner, self.state.values], _DEEPEST)

    def _needs_note(self, now: float) -> bool:
        idle = self._lifetime.idle
        return idle is not None and now - self._used >= max(_FEWEST, _NOTED * idle)
