"""What a user must have: scopes, or whatever a function of the project checks.

In: the user that an earlier step has signed in. Out: the same user. Raises ApiError 403 for a user who is not
allowed, and 401 without a user; and RuntimeError if no step has signed anybody in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Annotated, Any, Generic, TypeVar

from apiroutes.concurrency import coroutines, is_async
from apiroutes.errors import ApiError
from apiroutes.handlers import Depends, needs_user, same_credentials
from apiroutes.places import name_of
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.security.schemes import AuthScheme, challenge_of
from apiroutes.security.scopes import read_scopes, scopes_of
from apiroutes.security.sign_in import AsyncSignIn, SignIn, last_sign_in, sign_in_by
from apiroutes.security.verifying import verifier_of

__all__ = ["Requirement", "require"]

User = TypeVar("User")

_MISSING = object()


def require(
    check: Callable[..., Any] | None = None,
    *,
    scope: str | Sequence[str] | None = None,
    user: SignIn[User] | None = None,
) -> Requirement[User]:
    """Refuse users without permission with 403: `require(scope="notes:write")` after the step that signs in.

    It is middleware, or a dependency, whose value is the user: `Depends(require(scope="notes:write",
    user=current_user))`. Raises TypeError and ValueError for arguments that check nothing.

    Args:
        check: A function: `check(user)`, or `check(user, req)`, returns whether the user is allowed; it may
            be a coroutine function.
        scope: A scope, or a list of scopes that are all needed. A user's scopes are its attribute or key
            `scopes` or `scope`, a string with spaces between them or a collection, or else the token's.
        user: The step whose user is meant; None for `req.context["user"]`.
    """
    if check is None and scope is None:
        raise TypeError('require has nothing to check: write require(scope="notes:write"), or require(check)')
    if user is not None and not isinstance(user, SignIn):
        raise TypeError(f"`user` is `{name_of(user)}`, not a step that signs in, such as bearer(...)")
    if isinstance(check, (str, list, tuple)):
        written = repr(check) if isinstance(check, str) else "[...]"
        raise TypeError(f"write require(scope={written})")
    asked = None if check is None else verifier_of(check, ("user",))
    is_async_step = isinstance(user, AsyncSignIn) or (check is not None and is_async(check))
    kind = _AsyncRequirement if is_async_step else _PlainRequirement
    return kind(asked, () if scope is None else read_scopes(scope), user, check)


class Requirement(Generic[User]):
    """What plain and async requirements have in common. `sign_in` is the step that it was given."""

    def __init__(
        self,
        check: Callable[[Any, Request], Any] | None,
        scopes: tuple[str, ...],
        sign_in: SignIn[User] | None,
        source: Callable[..., Any] | None,
    ) -> None:
        self.__qualname__ = "require"
        self.sign_in = sign_in
        self._check = check
        self._scopes = scopes
        self.never_waits = check is None and (sign_in is None or sign_in.never_waits)
        if source is not None:
            self.__wrapped__ = source
        needs_user(self, scopes)
        if sign_in is not None:
            same_credentials(self, sign_in)
            # The value of that dependency comes as an argument, so that tests can replace it.
            self.make_value: Any = MethodType(self._with_user(sign_in), self)

    def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        """Let allowed users pass."""
        raise NotImplementedError

    def _with_user(self, sign_in: SignIn[User]) -> Any:
        raise NotImplementedError

    def _refuse_missing(self, req: Request, user: Any) -> None:
        """Raise ApiError without a user, and for a user without the scopes."""
        step, known = last_sign_in(req)
        if self.sign_in is not None:
            step, known = self.sign_in, sign_in_by(req, self.sign_in)
        if user is None:
            raise _nobody(step)
        if not self._scopes:
            return
        owned = scopes_of(user, known.scopes)
        if any(scope not in owned for scope in self._scopes):
            raise self._lacks_scope(known.scheme)

    def _lacks_scope(self, scheme: AuthScheme | None) -> ApiError:
        """Return the 403 (RFC 9110 section 15.5.4), with the challenge of the scheme if it has one."""
        if scheme is None or scheme.scope_challenge is None:
            return ApiError(403)
        return ApiError(403, headers={"WWW-Authenticate": scheme.scope_challenge(" ".join(self._scopes))})


def _nobody(step: SignIn[Any] | None) -> ApiError:
    """Return the 401 without a user: credentials are optional, or middleware has signed nobody in."""
    if step is not None:
        return step.refusal(None)
    return ApiError(401, headers={"WWW-Authenticate": challenge_of("Session", realm="api")})


class _PlainRequirement(Requirement[User]):
    def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        user = _current(req) if self.sign_in is None else self.sign_in.sign_in(req, res)
        self._pass(req, coroutines.run(user) if hasattr(user, "__await__") else user)
        return next()

    def make_value(self, req: Request) -> Any:
        """Return the user."""
        return self._pass(req, _current(req))

    def _with_user(self, sign_in: SignIn[User]) -> Any:
        def make_value(self: _PlainRequirement[User], req: Request, user: Any) -> Any:
            return self._pass(req, user)

        make_value.__annotations__["user"] = Annotated[Any, Depends(sign_in)]
        return make_value

    def _pass(self, req: Request, user: Any) -> Any:
        self._refuse_missing(req, user)
        if self._check is not None:
            allowed = self._check(user, req)
            if hasattr(allowed, "__await__"):  # a plain function that returned a coroutine
                allowed = coroutines.run(allowed)
            if not allowed:
                raise ApiError(403)
        return user


class _AsyncRequirement(Requirement[User]):
    async def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        sign_in = self.sign_in
        user = _current(req) if sign_in is None else await _sign_in(sign_in, req, res)
        await self._pass(req, user)
        return await next()

    async def make_value(self, req: Request) -> Any:
        """Return the user."""
        return await self._pass(req, _current(req))

    def _with_user(self, sign_in: SignIn[User]) -> Any:
        async def make_value(self: _AsyncRequirement[User], req: Request, user: Any) -> Any:
            return await self._pass(req, user)

        make_value.__annotations__["user"] = Annotated[Any, Depends(sign_in)]
        return make_value

    async def _pass(self, req: Request, user: Any) -> Any:
        self._refuse_missing(req, user)
        if self._check is not None and not await _call(self._check, user, req):
            raise ApiError(403)
        return user


async def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Await a function; a plain one runs in a thread, because it may wait."""
    if is_async(function):
        return await function(*arguments)
    result = await coroutines.in_request_thread(function, *arguments)
    return await result if hasattr(result, "__await__") else result


async def _sign_in(step: SignIn[Any], req: Request, res: Response) -> Any:
    if isinstance(step, AsyncSignIn) or step.never_waits:
        user = step.sign_in(req, res)
    else:
        user = await coroutines.in_request_thread(step.sign_in, req, res)
    return await user if hasattr(user, "__await__") else user


def _current(req: Request) -> Any:
    """Return who has signed in, by whatever step. Raises RuntimeError if no step has run."""
    user = req.context.get("user", _MISSING)
    if user is _MISSING:
        raise RuntimeError(
            "require has run before any step has signed the user in: put one before it, such as "
            "`middleware = [current_user, require(...)]`, or write `require(..., user=current_user)`"
        )
    return user
