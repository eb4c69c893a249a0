"""What verifies the token of a request and finds its user, and the step for keys that an issuer publishes.

In: tokens as strings. Out: users, with the scopes of their tokens. None for an invalid token: the log says
why, at the level debug, and no client learns it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from apiroutes.concurrency import coroutines, is_async
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.security.schemes import AuthScheme, Scoped
from apiroutes.security.sign_in import NOBODY, AsyncSignIn, User
from apiroutes.security.token_keys import Verify
from apiroutes.security.tokens import InvalidToken, TokenRules, read_token, verified_claims
from apiroutes.threads import waiting

__all__ = ["PublishedKeysSignIn", "TokenVerifier"]

_log = logging.getLogger("apiroutes")

_Claims = Mapping[str, Any]
# RFC 8693 section 4.2, and other common names.
_SCOPES = ("scope", "scp", "scopes")


class KeySource(Protocol):
    """Where keys come from: `find` returns None if the caller has to `wait` for them."""

    def find(self, algorithm: str, name: str | None) -> Sequence[Verify] | None: ...
    def wait(self, algorithm: str, name: str | None) -> Sequence[Verify]: ...


class TokenVerifier:
    """Finds the user of a token: what `user_of(claims, request)` returns, or else the claims."""

    def __init__(
        self, rules: TokenRules, keys: KeySource, user_of: Callable[[_Claims, Request], Any] | None
    ) -> None:
        self._rules = rules
        self._keys = keys
        self._user_of = user_of

    def verify(self, text: str, request: Request) -> Any:
        """Return the user, or a coroutine if that is what `user_of` returns. It may wait for keys."""
        try:
            token = read_token(text, self._rules)
            keys = self._keys.find(token.algorithm, token.key_name)
            if keys is None:
                keys = self._keys.wait(token.algorithm, token.key_name)
            claims = verified_claims(token, keys, self._rules)
            scopes = _scopes_of(claims)
        except InvalidToken as error:
            return _refuse(error)
        read_only = MappingProxyType(claims)
        if self._user_of is None:
            return Scoped(read_only, scopes)
        user = self._user_of(read_only, request)
        return _later(user, scopes) if hasattr(user, "__await__") else _with_scopes(user, scopes)

    async def verify_on_loop(self, text: str, request: Request) -> Any:
        """Return the user. What would block the event loop runs in the request's thread."""
        try:
            token = read_token(text, self._rules)
            keys = self._keys.find(token.algorithm, token.key_name)
            if keys is None:
                call = coroutines.thread_caller()
                keys = await call(self._keys.wait, token.algorithm, token.key_name)
            claims = verified_claims(token, keys, self._rules)
            scopes = _scopes_of(claims)
        except InvalidToken as error:
            return _refuse(error)
        user = MappingProxyType(claims)
        if self._user_of is not None:
            if is_async(self._user_of):
                user = await self._user_of(user, request)
            else:
                user = await coroutines.thread_caller()(self._user_of, user, request)
                user = await user if hasattr(user, "__await__") else user
        return _with_scopes(user, scopes)


def _refuse(error: InvalidToken) -> None:
    # Record: `jwt` refuses a token; the record says why, and never contains the token.
    _log.debug("a token was refused: %s", error)


def _scopes_of(claims: _Claims) -> tuple[str, ...]:
    """Return the scopes: strings with spaces between them, or lists. Raises InvalidToken for others."""
    scopes: list[str] = []
    for name in _SCOPES:
        claim = claims.get(name)
        if isinstance(claim, str):
            scopes += claim.split()
        elif isinstance(claim, list) and all(isinstance(scope, str) for scope in claim):
            scopes += claim
        elif claim is not None:
            raise InvalidToken(f"its {name!r} is neither a string nor a list of strings")
    return tuple(dict.fromkeys(scopes))


def _with_scopes(user: object, scopes: tuple[str, ...]) -> Scoped | None:
    return None if user is None or user is False else Scoped(user, scopes)


async def _later(user: Any, scopes: tuple[str, ...]) -> Scoped | None:
    return _with_scopes(await user, scopes)


class PublishedKeysSignIn(AsyncSignIn[User]):
    """A step whose keys may have to be fetched first: a coroutine on an event loop, and plain in a thread.

    So the loop never waits for keys, and no thread waits for the loop. `user` is the project's own plain
    function.
    """

    def __init__(self, scheme: AuthScheme, verifier: TokenVerifier, is_optional: bool, user: object) -> None:
        super().__init__("jwt", [scheme], is_optional)
        self.never_waits = True
        self._verify_here = verifier.verify
        if user is not None:
            self.__wrapped__ = user

    def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        """Sign in, and continue."""
        if waiting.is_on_loop():
            return super().__call__(req, res, next)
        if req._instead_of_steps is None:
            self._sign_in_here(req, res)
        else:
            result = self.sign_in(req, res)
            if hasattr(result, "__await__"):
                coroutines.run(result)
        return next()

    def _sign_in_here(self, req: Request, res: Response) -> None:
        """Do what `make_value` does, without the event loop."""
        known = req._signed_in
        if known is not None and self in known:
            return
        came = self._begin(req, res)
        if came is None:
            self._remember(req, NOBODY)
            return
        scheme, credentials = came
        found = self._verify_here(credentials, req)
        found = coroutines.run(found) if hasattr(found, "__await__") else found
        self._end(req, scheme, credentials, found)
