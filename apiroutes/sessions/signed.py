"""Sessions in a cookie of their own: signed, so that clients can read but not change them.

In: a cookie. Out: the session in it, and a new cookie if it has changed. A cookie that is forged, truncated,
expired or too long is ignored.
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
from apiroutes.types import Environ

__all__ = ["SignedVisit"]

# Bytes of a cookie, its name and its value, that browsers keep.
_MAX_COOKIE = 4096
_DEEPEST = MAX_DEPTH + 2  # levels, two of them around a value
_DECIMALS = 3  # of the seconds in a cookie


class SignedVisit(Visit):
    """A request's session in a signed cookie: a list of when it began, its owner and its values.

    Nothing in it says when it was last used: a request that only reads it would have to write that, and could
    undo what another request has just changed.
    """

    __slots__ = ("_begun", "_came", "_keys", "_max_age", "_options")

    def __init__(
        self,
        environ: Environ,
        response: Any,
        options: CookieOptions,
        max_age: float,
        keys: SecretKeys,
    ) -> None:
        super().__init__(environ, response)
        self._options = options
        self._max_age = max_age
        self._keys = keys
        self._begun = 0.0
        self._came = b""

    def load(self) -> SessionState:
        self.cookie = self._options.of(self.environ)
        value = self.cookie.find(self.environ)
        signed = None if value is None else unsign(self._purpose, self._keys, value)
        if signed is None:
            return SessionState({})
        try:
            content: Any = decode_json(signed, _DEEPEST)
            begun, owner, values = content
            has_ended = time.time() - begun >= self._max_age
        except (ApiError, TypeError, ValueError):  # of another version
            return SessionState({})
        if has_ended:
            return SessionState({})
        self._came, self._begun = signed, begun
        return SessionState(values, owner, came=True)

    def keep(self, response: Any) -> None:
        state, now = self.state, time.time()
        if state.is_empty:
            if state.came or (state.is_ended and self.cookie.find(self.environ) is not None):
                self.set_cookie(response, self.cookie.line_of_deletion())
            return
        if state.is_rotated or state.is_ended or not state.came:
            self._begun = round(now, _DECIMALS)
        encoded = self._encoded()
        if encoded == self._came:
            return
        value = sign(self._purpose, self._keys, encoded)
        size = len(self.cookie.name) + len(value)
        if size > _MAX_COOKIE:
            raise RuntimeError(
                f"the session takes {size} bytes as a cookie with its name, and browsers keep no more than "
                f'{_MAX_COOKIE}: keep less in it, or write `sessions(store="sqlite")`'
            )
        left = min(self._max_age, self._begun + self._max_age - now)
        self.set_cookie(response, self.cookie.line(value, max(1, math.ceil(left))))

    def _encoded(self) -> bytes:
        state = self.state
        try:
            return encode_value("session", [self._begun, state.owner, state.values], _DEEPEST)
        except (TypeError, ValueError):
            for name, value in state.values.items():
                encode_value(name, value)  # its error says which value it is
            raise

    @property
    def _purpose(self) -> str:
        # What is signed under one name means nothing under another.
        return f"sessions.{self.cookie.name}"
