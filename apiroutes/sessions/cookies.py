"""The cookie of a session: its name, its attributes, and where it is in a request.

In: what a project has chosen, the environ of a request. Out: the cookie's value, and lines of Set-Cookie.
Raises ValueError and TypeError for a cookie that browsers would refuse.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from apiroutes.errors import shown
from apiroutes.http import dump_cookie, find_cookie, needs_secure
from apiroutes.types import Environ

__all__ = ["Cookie", "CookieOptions"]

_NAME = "session"
# RFC 6265bis section 4.1.3: only this host can have set it, over https.
_HOST_NAME = f"__Host-{_NAME}"
# Letters, digits and hyphens (RFC 1123 section 2.1); a leading dot is ignored (RFC 6265 section 5.2.3).
_HOST = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class Cookie(NamedTuple):
    """The cookie of one session, as it is called and set over http or https."""

    name: str
    is_secure: bool
    path: str
    domain: str | None
    samesite: str

    def find(self, environ: Environ) -> str | None:
        """Return its value in a request, the first of several; None without one."""
        header = environ.get("HTTP_COOKIE")
        return (find_cookie(header, self.name) or None) if header else None

    def line(self, value: str, max_age: int) -> str:
        """Return the value of the Set-Cookie header that sets it; `max_age` is in seconds."""
        return self._dump(value, max_age, None)

    def line_of_deletion(self) -> str:
        """Return the value of the Set-Cookie header that deletes it."""
        return self._dump("", 0, 0)

    def _dump(self, value: str, max_age: int, expires: int | None) -> str:
        return dump_cookie(
            self.name,
            value,
            max_age=max_age,
            expires=expires,
            path=self.path,
            domain=self.domain,
            secure=self.is_secure,
            httponly=True,
            samesite=self.samesite,
            partitioned=False,
        )


class CookieOptions:
    """What a project has chosen: a `name` and `secure` of None depend on the request's scheme.

    Raises ValueError and TypeError for options that browsers would refuse.
    """

    def __init__(
        self, name: str | None, path: str, domain: str | None, samesite: str, secure: bool | None
    ) -> None:
        if not isinstance(samesite, str):
            raise TypeError(f"samesite must be 'Lax', 'Strict' or 'None', not {shown(samesite)}")
        if secure is not None and not isinstance(secure, bool):
            raise TypeError(f"secure must be True, False or None, not {shown(secure)}")
        _check_range(path, domain)
        if secure is None and (samesite.lower() == "none" or needs_secure(name or "")):
            secure = True
        self.path = path
        self.own_name = "" if name is None else name
        host_name = _HOST_NAME if name is None and path == "/" and domain is None else name or _NAME
        self._over_http = Cookie(_NAME if name is None else name, False, path, domain, samesite)
        self._over_https = Cookie(host_name, True, path, domain, samesite)
        if secure is not None:
            self._over_http = self._over_https = self._over_https if secure else self._over_http
        for cookie in (self._over_http, self._over_https):
            cookie.line("", 0)  # which checks all of it

    @property
    def public_name(self) -> str:
        """The name over https, unless it is secure nowhere."""
        return self._over_https.name

    @property
    def names(self) -> set[str]:
        """The names that the cookie may have."""
        return {self._over_http.name, self._over_https.name}

    def of(self, environ: Environ) -> Cookie:
        """Return the cookie for a request."""
        return self._over_https if environ.get("wsgi.url_scheme") == "https" else self._over_http


def _check_range(path: object, domain: object) -> None:
    """Check values that browsers accept, but to which they never send the cookie (RFC 6265 section 5.2)."""
    if not isinstance(path, str) or not path.startswith("/"):
        kind = ValueError if isinstance(path, str) else TypeError
        raise kind(f"path must be a URL path that begins with '/', not {shown(path)}")
    if domain is not None and not (isinstance(domain, str) and _HOST.fullmatch(domain)):
        kind = ValueError if isinstance(domain, str) else TypeError
        raise kind(f"domain must be a host such as 'example.com', or None for this host, not {shown(domain)}")
