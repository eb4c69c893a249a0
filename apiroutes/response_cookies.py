"""The cookies that a response sets: plain cookies, signed cookies, and the cookies of draft mode.

In: names, values and attributes. Out: Set-Cookie lines. Raises ValueError and TypeError for a cookie that
browsers would refuse, and RuntimeError for a signed cookie if no `secret_key` is set.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from typing_extensions import Self

from apiroutes.drafts import change_draft_mode, clear_preview_data, write_preview_data
from apiroutes.http import dump_cookie, needs_secure
from apiroutes.response_head import ResponseHead
from apiroutes.signed_cookies import sign_cookie

__all__ = ["ResponseCookies"]


class ResponseCookies(ResponseHead):
    """The part of a response that sets cookies. Each method returns the response."""

    req: Any
    _state: int

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: float | timedelta | None = None,
        expires: datetime | float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool | None = None,
        httponly: bool = True,
        samesite: str | None = "Lax",
        partitioned: bool = False,
    ) -> Self:
        """Set a cookie: by default hidden from scripts, not sent by other sites, and secure over https.

        Raises ValueError for an invalid attribute and for a cookie that browsers refuse: one that has more
        than 4096 bytes, must be secure but is not, or breaks the rule for its name's prefix, such as
        `__Host-` (draft-ietf-httpbis-rfc6265bis section 4.1.3).

        Args:
            name: The cookie's name.
            value: Its value; characters that a cookie cannot contain are percent-encoded.
            max_age: How long it lasts, in seconds or as a timedelta; without `max_age` and `expires`, until
                the browser's session ends.
            expires: When it ends, as a datetime or a timestamp.
            path: The path below which it is sent; None for the path of the request.
            domain: A domain; it and its subdomains get the cookie. None for this host only.
            secure: Whether it is sent only over https; None means yes if the request came over https.
            httponly: Whether to hide it from the page's scripts.
            samesite: With "Lax", requests from other sites do not send it, except for links to yours; with
                "Strict", not even links do. "None" is for pages of other sites that embed or call yours; None
                sets no attribute.
            partitioned: Whether each site that embeds yours gets its own cookie.
        """
        if secure is None:
            secure = self.req is not None and self.req.scheme == "https"
        line = dump_cookie(
            name,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        self._add_cookie(name, line)
        return self

    def delete_cookie(
        self,
        name: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool | None = None,
        httponly: bool = True,
        samesite: str | None = "Lax",
        partitioned: bool = False,
    ) -> Self:
        """Tell the client to forget a cookie. Raises ValueError as `set_cookie` does.

        Args:
            name: The cookie's name.
            path: As set with the cookie.
            domain: As set with the cookie.
            secure: As set with the cookie; with None, a cookie whose name begins with `__Host-` or
                `__Secure-` is secure, as browsers require.
            httponly: As set with the cookie.
            samesite: As set with the cookie.
            partitioned: As set with the cookie.
        """
        if secure is None and isinstance(name, str) and needs_secure(name):
            secure = True
        return self.set_cookie(
            name,
            max_age=0,
            expires=0,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )

    def set_signed_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: float | timedelta | None = None,
        expires: datetime | float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool | None = None,
        httponly: bool = True,
        samesite: str | None = "Lax",
        partitioned: bool = False,
    ) -> Self:
        """Set a cookie that the client can read but not change; `req.signed_cookies` returns its value.

        The value is signed with the project's `secret_key`, together with the cookie's name. Raises
        RuntimeError if no `secret_key` is set, TypeError for a value that is not a str, and ValueError as
        `set_cookie` does; about 3000 bytes fit.

        Args:
            name: The cookie's name.
            value: Its value, a str.
            max_age: How long it is valid, in seconds or as a timedelta. The expiry is signed too, and checked
                when the cookie is read, whatever the client does. Without `max_age` and `expires`, the value
                is valid as long as the key.
            expires: When it expires, as a datetime or a timestamp, if `max_age` is None.
            path: As for `set_cookie`.
            domain: As for `set_cookie`.
            secure: As for `set_cookie`.
            httponly: As for `set_cookie`.
            samesite: As for `set_cookie`.
            partitioned: As for `set_cookie`.
        """
        return self.set_cookie(
            name,
            sign_cookie(self.req, name, value, max_age, expires),
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )

    def set_draft_mode(self, enabled: bool = True) -> Self:
        """Turn draft mode on or off: with it, `req.draft_mode` is True and no cache answers the client.

        The cookie is signed. Raises RuntimeError if no `secret_key` is set.

        Args:
            enabled: Whether to turn draft mode on; False turns it off.
        """
        return change_draft_mode(self, enabled)

    def set_preview_data(self, data: Any, *, max_age: float | None = None) -> Self:
        """Turn draft mode on with `data`, which the client's later requests find in `req.preview_data`.

        The client can read the data, but not change it. Raises ValueError for more than 2048 bytes of JSON,
        TypeError for a value that JSON cannot represent, and RuntimeError if no `secret_key` is set.

        Args:
            data: A JSON value.
            max_age: How many seconds both last; None for until the browser's session ends.
        """
        return write_preview_data(self, data, max_age)

    def clear_preview_data(self) -> Self:
        """End draft mode and its data. Raises RuntimeError if no `secret_key` is set."""
        return clear_preview_data(self)

    def _add_cookie(self, name: str, line: str) -> None:
        lines = [("Set-Cookie", line)]
        if not self._state or self._permit(f"set the cookie {name!r}", "append", "set-cookie", lines):
            self._append("set-cookie", "Set-Cookie", line)

    def _permit(self, action: str, change: str, key: str, value: Any) -> bool:
        """Return whether a change can be made after the response was given."""
        raise NotImplementedError
