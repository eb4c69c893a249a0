"""The cookies that a response sets: plain ones, signed ones, and those of draft mode.

In: names, values and attributes. Out: Set-Cookie lines. Raises ValueError and TypeError for a cookie that
browsers would refuse, and RuntimeError for a signed one where no `secret_key` is set.
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
        """Set a cookie, which scripts cannot read and other sites do not send, and over https is secure.

        Raises ValueError for an attribute that is not valid and for what browsers refuse: more than 4096
        bytes, a cookie that has to be secure and is not, and one that breaks the rule of its name's prefix,
        such as `__Host-` (draft-ietf-httpbis-rfc6265bis section 4.1.3).

        Args:
            name: The cookie's name.
            value: Its value; characters that a cookie cannot hold are percent-encoded.
            max_age: How long it lasts, in seconds or as a timedelta; without it and `expires` as long as the
                browser's session.
            expires: When it ends, as a datetime or a timestamp.
            path: The path below which it is sent; None for that of the request.
            domain: A domain, whose hosts below it get the cookie as well; None for this host alone.
            secure: Whether it is sent over https alone; None for whether the request came by https.
            httponly: Whether no script of the page can read it.
            samesite: With "Lax" other sites cannot send it, but for links that lead to yours, with "Strict"
                not even those; "None" is for a page of another site that embeds or calls yours, and None for
                no attribute.
            partitioned: Whether each site that embeds yours has a cookie of its own.
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
            path: As it was set with.
            domain: As it was set with.
            secure: As it was set with; None holds also for a name that begins with `__Host-` or `__Secure-`,
                of which browsers take nothing else.
            httponly: As it was set with.
            samesite: As it was set with.
            partitioned: As it was set with.
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
        """Set a cookie that the client can read and cannot change; `req.signed_cookies` has its value again.

        It is signed with the project's `secret_key`, for its name. Raises RuntimeError if no `secret_key` is
        set, TypeError for a value that is not a str, and ValueError as `set_cookie` does: about 3000 bytes
        fit.

        Args:
            name: The cookie's name.
            value: Its value, a str.
            max_age: How long it is valid, in seconds or as a timedelta. The end is signed too and checked
                when the cookie is read, whatever the client does; without it and `expires` the value is valid
                as long as the key.
            expires: When it ends, as a datetime or a timestamp, if there is no `max_age`.
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
        """Have `req.draft_mode` be True in this client's next requests, which no cache answers; or end that.

        The cookie is signed. Raises RuntimeError if no `secret_key` is set.

        Args:
            enabled: Whether draft mode begins; if not, it ends.
        """
        return change_draft_mode(self, enabled)

    def set_preview_data(self, data: Any, *, max_age: float | None = None) -> Self:
        """Turn draft mode on with `data`, which this client's next requests have as `req.preview_data`.

        The client can read the data, but not change it. Raises ValueError for more than 2048 bytes of JSON,
        TypeError for what JSON cannot hold, and RuntimeError if no `secret_key` is set.

        Args:
            data: What JSON has.
            max_age: After how many seconds both end; None for the end of the browser's session.
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
