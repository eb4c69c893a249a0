"""The session of a client, as handlers and middleware see it: a mapping of JSON's values.

In: what the client's earlier requests have kept, if anything. Out: the session as it is now, and what is to
become of it. Raises TypeError and ValueError for values that JSON cannot represent, and RuntimeError for a
change that comes too late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, NoReturn

from apiroutes.errors import ApiError, shown
from apiroutes.http import decode_json, encode_json, refuse_unencodable

__all__ = ["MAX_DEPTH", "Session", "SessionState", "encode_value", "refuse_missing"]

# Levels of nesting: as many as JSON that is read may have.
MAX_DEPTH = 200

_MISSING = (
    "`req.session` needs `sessions()` around the route: write `middleware = [sessions()]`, with "
    "`from apiroutes.middleware import sessions`, into middleware.py at the project's root"
)
_LATE = (
    "the session cannot change any more: the head of the response, which contains its cookie, has been sent. "
    "Change it before the first chunk of a stream, and before what `after` calls"
)


def encode_value(name: str, value: Any, max_depth: int = MAX_DEPTH) -> bytes:
    """Return a value of a session as JSON. Raises TypeError, and ValueError for too deep nesting."""
    try:
        encoded = encode_json(value)
    except Exception as error:
        refuse_unencodable({name: value}, error)
    if len(encoded) > 2 * max_depth:
        try:
            decode_json(encoded, max_depth)
        except ApiError:
            raise ValueError(f"`{name}` nests deeper than {MAX_DEPTH} levels") from None
    return encoded


def refuse_missing() -> NoReturn:
    """Raise RuntimeError for a request without a session, which no middleware keeps."""
    raise RuntimeError(_MISSING)


class SessionState:
    """The state of a session, for the middleware that keeps it.

    `came`: whether the client sent a valid session. `is_rotated` and `is_ended` tell what is to become of
    that session; `values` that are set after its end belong to a new one. `is_signed_in`: whether `rotate`
    has named an owner. `is_closed`: whether it is too late to keep anything.
    """

    __slots__ = ("came", "is_closed", "is_ended", "is_rotated", "is_signed_in", "owner", "values")

    def __init__(self, values: dict[str, Any], owner: str | None = None, came: bool = False) -> None:
        self.values = values
        self.owner = owner
        self.came = came
        self.is_rotated = self.is_ended = self.is_signed_in = self.is_closed = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not self.values and self.owner is None


class Session(MutableMapping[str, Any]):
    """Named values that are kept for one client from request to request; `sessions()` keeps them.

    Values are JSON: they come back as dict, list, str, int, float, bool or None. Changes that are made before
    the response begins are kept, also those inside a list or dict of the session, unless the response is a
    server error (500 and above). Raises TypeError and ValueError for values that JSON cannot represent, and
    RuntimeError for a change after the head of the response has been sent.
    """

    __slots__ = ("_state",)

    def __init__(self, state: SessionState) -> None:
        self._state = state

    @property
    def is_new(self) -> bool:
        """Whether the client sent no session, or one that has ended."""
        return not self._state.came

    @property
    def owner(self) -> str | None:
        """The user who is signed in, as given to `rotate`."""
        return self._state.owner

    def rotate(self, owner: str | None = None) -> None:
        """Restart the session's lifetime and keep its values: at a sign-in, for `owner`.

        If the session belongs to another user, it ends and its values are lost. Without an `owner`, its owner
        stays the same. If a store keeps the sessions, the session gets a new id and the old id is void at
        once, so that nobody who planted an id on a user is signed in with it (session fixation).
        """
        if owner is not None and (not isinstance(owner, str) or not owner):
            raise TypeError(f"the owner of a session is a str, such as str(user.id), not {shown(owner)}")
        self._check_open()
        if owner is not None and self._state.owner not in (None, owner):
            self.clear()
        self._state.is_rotated = True
        if owner is not None:
            self._state.owner, self._state.is_signed_in = owner, True

    def clear(self) -> None:
        """End the session: the client's cookie is deleted, and a store forgets the session.

        Values that are set afterwards belong to a new session.
        """
        self._check_open()
        state = self._state
        state.values, state.owner = {}, None
        state.is_ended, state.is_rotated, state.is_signed_in = True, False, False

    def __getitem__(self, name: str) -> Any:
        return self._state.values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._check_open()
        if not isinstance(name, str):
            raise TypeError(f"the names in a session are str, not {shown(name)}")
        encode_value(name, value)
        self._state.values[name] = value

    def __delitem__(self, name: str) -> None:
        self._check_open()
        del self._state.values[name]

    def __ior__(self, others: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Session:
        self.update(others)
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(self._state.values)

    def __len__(self) -> int:
        return len(self._state.values)

    def __contains__(self, name: object) -> bool:
        return name in self._state.values

    def __repr__(self) -> str:
        # The values are private, and reprs get into logs.
        return f"<Session of {', '.join(map(repr, self)) or 'nothing'}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a session belongs to its request: copy it by `dict(session)`")

    def _check_open(self) -> None:
        if self._state.is_closed:
            raise RuntimeError(_LATE)
