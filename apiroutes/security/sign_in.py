"""A step that knows who sends a request: both middleware and dependency.

In: authentication schemes. Out: the user in `req.context["user"]`, or as the value of a parameter. Raises
ApiError 401 for a request whose credentials are missing or wrong (RFC 9110 section 15.5.2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from apiroutes.concurrency import coroutines
from apiroutes.errors import ApiError
from apiroutes.handlers import (
    asks_optionally,
    reads_ambient_credentials,
    security_scheme,
    session_scheme,
)
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.security.schemes import MALFORMED, AuthScheme, Scoped
from apiroutes.structs import Struct

__all__ = [
    "NOBODY",
    "AsyncSignIn",
    "PlainSignIn",
    "SignIn",
    "SignedIn",
    "last_sign_in",
    "make_sign_in",
    "sign_in_by",
]

User = TypeVar("User", covariant=True)


class SignedIn(Struct, frozen=True):
    """Who has signed in, by which scheme; `scopes` are those of the credentials, None if they have none.

    `accepted` are the credentials as given to `verify`.
    """

    user: Any
    scopes: tuple[str, ...] | None = None
    scheme: AuthScheme | None = None
    accepted: Any = None

    def digest(self) -> bytes | None:
        """Return what distinguishes these credentials, in all processes; None if there were none."""
        if self.scheme is None:
            return None
        text = repr((self.scheme.header.lower(), self.scheme.name, self.accepted))
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


NOBODY = SignedIn(None)


class SignIn(Generic[User]):
    """What PlainSignIn and AsyncSignIn have in common.

    Of several schemes, the first whose credentials came decides. With `is_optional` a request without any is
    nobody's: its user is None. A request is checked once, wherever the step is used.
    """

    def __init__(self, name: str, schemes: Sequence[AuthScheme], is_optional: bool) -> None:
        self.__qualname__ = name  # the factory's, which messages and listings use
        self.__wrapped__: object  # the project's own function, for its file and line in messages
        self.schemes = tuple(schemes)
        self.is_optional = is_optional
        self._vary = [("Vary", name) for name in dict.fromkeys(scheme.header for scheme in schemes)]
        self.never_waits = all(scheme.never_waits for scheme in schemes)
        for scheme in reversed(self.schemes):  # each decorator puts its own first
            declare = session_scheme(scheme.name) if scheme.is_session else None
            (declare or security_scheme(scheme.name, scheme.described))(self)
        self.may_be_unavailable = any(scheme.may_be_unavailable for scheme in schemes)
        if any(scheme.is_ambient for scheme in schemes):
            reads_ambient_credentials(self)
        if is_optional:
            asks_optionally(self)

    def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        """Sign in, and continue."""
        raise NotImplementedError

    def make_value(self, req: Request, res: Response) -> User | Awaitable[User]:
        """Return the user, or a coroutine that does."""
        raise NotImplementedError

    def keep_value(self, req: Request, user: Any) -> None:
        """Sign a request in by what a test has put in the place of this step."""
        self._remember(req, SignedIn(user))

    def sign_in(self, req: Request, res: Response) -> Any:
        """Return what `make_value` does, or what a test has put in its place."""
        instead = req._instead_of_steps
        return (self.make_value if instead is None else instead.get(self, self.make_value))(req, res)

    def _begin(self, req: Request, res: Response) -> tuple[AuthScheme, Any] | None:
        """Return the credentials that came with their scheme; None without any. Raises ApiError 401.

        Other users get other responses. Shared caches reuse no response to a request with `Authorization`
        (RFC 9111 section 3.5), but they know no other header with credentials, and may send the anonymous
        response to a user.
        """
        res._add_to_vary(self._vary)
        for scheme in self.schemes:
            credentials = scheme.read(req)
            if credentials is MALFORMED:
                raise self.refusal(scheme)
            if credentials is not None:
                return scheme, credentials
        if self.is_optional:
            return None
        raise self.refusal(None)

    def _end(self, req: Request, scheme: AuthScheme, credentials: Any, found: Any) -> Any:
        """Remember what `verify` has found by credentials, and return the user. Raises ApiError 401.

        A browser keeps sending the session of a user who is gone, so such a session is nobody's.
        """
        if found is None or found is False:
            if scheme.is_session and self.is_optional:
                return self._remember(req, NOBODY)
            raise self.refusal(scheme)
        if type(found) is Scoped:
            return self._remember(req, SignedIn(found.user, found.scopes, scheme, credentials))
        return self._remember(req, SignedIn(found, None, scheme, credentials))

    def _remember(self, req: Request, signed_in: SignedIn) -> Any:
        known = req._signed_in
        if known is None:
            known = req._signed_in = {}
        known[self] = signed_in
        req.context["user"] = signed_in.user
        return signed_in.user

    def refusal(self, wrong: AuthScheme | None) -> ApiError:
        """Return the 401, with a challenge for each scheme; `wrong` is the scheme of wrong credentials."""
        challenges = [scheme.challenge(scheme is wrong) for scheme in self.schemes]
        message = "Credentials are missing" if wrong is None else "Credentials are not valid"
        return ApiError(401, message, {"WWW-Authenticate": challenges})


class PlainSignIn(SignIn[User]):
    """A step whose `verify` is a plain function."""

    def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        result = self.sign_in(req, res)
        if hasattr(result, "__await__"):  # of a test
            coroutines.run(result)
        return next()

    def make_value(self, req: Request, res: Response) -> User:
        """Return the user. Raises ApiError 401, and what `verify` raises."""
        known = req._signed_in
        if known is not None and self in known:
            return known[self].user  # type: ignore[no-any-return]
        came = self._begin(req, res)
        if came is None:
            return self._remember(req, NOBODY)  # type: ignore[no-any-return]
        scheme, credentials = came
        found = scheme.verify(credentials, req)
        if hasattr(found, "__await__"):  # a plain function that returned a coroutine
            found = coroutines.run(found)
        return self._end(req, scheme, credentials, found)  # type: ignore[no-any-return]


class AsyncSignIn(SignIn[User]):
    """A step that awaits `verify` of one of its schemes."""

    async def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        result = self.sign_in(req, res)
        if hasattr(result, "__await__"):  # not of each test
            await result
        return await next()

    async def make_value(self, req: Request, res: Response) -> User:
        """Return the user. Raises ApiError 401, and what `verify` raises."""
        known = req._signed_in
        if known is not None and self in known:
            return known[self].user  # type: ignore[no-any-return]
        came = self._begin(req, res)
        if came is None:
            return self._remember(req, NOBODY)  # type: ignore[no-any-return]
        scheme, credentials = came
        found = await self._verify(scheme, credentials, req)
        return self._end(req, scheme, credentials, found)  # type: ignore[no-any-return]

    async def _verify(self, scheme: AuthScheme, credentials: Any, req: Request) -> Any:
        if scheme.is_async or scheme.never_waits:
            found = scheme.verify(credentials, req)
        else:  # beside an async one in `any_of`
            found = await coroutines.thread_caller()(scheme.verify, credentials, req)
        return await found if hasattr(found, "__await__") else found


def make_sign_in(
    name: str,
    schemes: Sequence[AuthScheme],
    *,
    is_optional: bool = False,
    source: object = None,
) -> SignIn[Any]:
    """Return the step for schemes; an async one if any of them is.

    `name` is the factory's. `source` is what the project has given: messages give the place of a function.
    """
    kind: type[SignIn[Any]] = AsyncSignIn if any(scheme.is_async for scheme in schemes) else PlainSignIn
    step = kind(name, schemes, is_optional)
    if callable(source):
        step.__wrapped__ = source
    return step


def sign_in_by(req: Request, step: SignIn[Any]) -> SignedIn:
    """Return who has signed in by a step; nobody if it has not run."""
    known = req._signed_in
    return NOBODY if known is None else known.get(step, NOBODY)


def last_sign_in(req: Request) -> tuple[SignIn[Any] | None, SignedIn]:
    """Return the last step that has signed a request in, with the user; None if no step has run."""
    known = req._signed_in
    return (None, NOBODY) if known is None else next(reversed(known.items()))
