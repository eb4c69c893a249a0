"""Cookies, read and written (RFC 6265, and draft-ietf-httpbis-rfc6265bis for what browsers refuse).

In: a Cookie header, or a cookie's parts. Out: a dict, or the value of a Set-Cookie header. Raises ValueError
for a part that would break out of its attribute and for a cookie that browsers refuse, TypeError for a value
that is not a str. Parsing agrees with the `cookie` package that Next.js uses.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from datetime import datetime, timedelta
from urllib.parse import quote

from werkzeug.http import http_date

from apiroutes.errors import shown
from apiroutes.http.grammar import BAD_ESCAPE, is_token

__all__ = ["dump_cookie", "find_cookie", "needs_secure", "parse_cookies"]

_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")  # section 4.1.1: no control character, no ";"
# Section 4.1.1's cookie-octets without "%", which begins an escape.
_OCTETS = "!#$&'()*+-./:<=>?@[]^_`{|}~"
# Next.js strips these (recorded), and Unicode's other white space as well. We keep the latter: a name that
# begins with it must not be read as a name that the prefix `__Host-` protects.
_BLANKS = " \t\n\r\v\f"
_CHECKED_NAMES: set[str] = set()
_CHECKED_NAMES_MAX = 512
_SAME_SITE = {"strict": "Strict", "lax": "Lax", "none": "None"}
# Prefixes of names, longer ones first, and what browsers require of such a cookie besides Secure: rfc6265bis
# 4.1.3, and draft-ietf-httpbis-layered-cookies for prefixes with "Http". Browsers ignore letter case.
_PREFIXES = (
    ("__Host-Http-", "host", "http"),
    ("__Host-", "host"),
    ("__Http-", "http"),
    ("__Secure-",),
)
# Bytes that browsers store of a name with its value, and of an attribute: rfc6265bis section 5.6.
_MOST_BYTES = 4096
_MOST_BYTES_OF_ATTRIBUTE = 1024
_SECURE = "write `secure=True`, or serve the request over https; behind a proxy, add `proxy_fix`"


def parse_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a header: the first cookie of a name wins, values are percent-decoded."""
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        name = name.strip(_BLANKS)
        if not equals or name in cookies:
            continue
        cookies[name] = _value_of(value)
    return cookies


def find_cookie(header: str, name: str) -> str | None:
    """Return the value of one name as `parse_cookies` does, or None, and leave other cookies unparsed."""
    start = 0  # of a pair: no part is examined twice
    while (position := header.find(name, start)) >= 0:
        start = max(start, header.rfind(";", start, position) + 1)
        after = position + len(name)
        end = header.find(";", after)
        if not header[start:position].strip(_BLANKS):
            key, equals, value = header[after : end if end >= 0 else None].partition("=")
            if equals and not key.strip(_BLANKS):
                return _value_of(value)
        if end < 0:
            break
        start = end + 1
    return None


def _value_of(value: str) -> str:
    value = value.strip(_BLANKS)
    if value[:1] == '"':
        value = value[1:-1]
    return _decode(value) if "%" in value else value


def _decode(value: str) -> str:
    # A value with a bad escape stays as it was sent.
    if BAD_ESCAPE.search(value):
        return value
    try:
        # Quoted-printable (RFC 2045 section 6.7) has the same escapes after "=". `unquote_to_bytes` takes ten
        # times as long for a header full of them.
        return a2b_qp(value.encode().replace(b"=", b"=3D").replace(b"%", b"=")).decode()
    except UnicodeError:
        return value


def dump_cookie(
    name: str,
    value: str,
    *,
    max_age: float | timedelta | None,
    expires: datetime | int | float | None,
    path: str | None,
    domain: str | None,
    secure: bool,
    httponly: bool,
    samesite: str | None,
    partitioned: bool,
) -> str:
    """Return the value of a Set-Cookie header; what a cookie cannot contain is percent-encoded."""
    if name not in _CHECKED_NAMES:
        _check_name(name)
    if not isinstance(value, str):
        raise TypeError(f"the value of the cookie {name!r} must be a str, not {shown(value)}")
    value = str.__str__(value)  # also the text of an Enum member
    if not value.isalnum() or not value.isascii():
        value = quote(value, safe=_OCTETS)
    if len(name) + len(value) > _MOST_BYTES:
        raise ValueError(
            f"the cookie {name[:64]!r} has {len(name) + len(value)} bytes with its name, but browsers accept "
            f"{_MOST_BYTES}: keep the value on the server, and a short key in the cookie"
        )
    if name[:2] == "__":
        _check_prefix(name, path, domain, secure, httponly)
    line = f"{name}={value}"
    if max_age is not None:
        line += f"; Max-Age={_seconds(max_age)}"
    if expires is not None:
        line += f"; Expires={_instant(expires)}"
    if path == "/":
        line += "; Path=/"
    elif path is not None:
        line += f"; Path={_attribute('path', path)}"
    if domain is not None:
        line += f"; Domain={_attribute('domain', domain)}"
    if secure:
        line += "; Secure"
    if httponly:
        line += "; HttpOnly"
    if samesite is not None:
        line += f"; SameSite={_same_site(samesite, secure)}"
    if partitioned:
        if not secure:
            raise ValueError(f"a partitioned cookie must be secure, or browsers refuse it: {_SECURE}")
        line += "; Partitioned"
    return line


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not is_token(name):
        raise ValueError(f"{shown(name)} is not a valid cookie name")
    if len(_CHECKED_NAMES) < _CHECKED_NAMES_MAX:
        _CHECKED_NAMES.add(name)


def needs_secure(name: str) -> bool:
    """Return whether a name begins with a prefix for which browsers accept only secure cookies."""
    return name[:2] == "__" and _prefix_of(name) is not None


def _prefix_of(name: str) -> tuple[str, ...] | None:
    lowered = name.lower()
    return next((prefix for prefix in _PREFIXES if lowered.startswith(prefix[0].lower())), None)


def _check_prefix(name: str, path: str | None, domain: str | None, secure: bool, httponly: bool) -> None:
    """Check that a cookie keeps the promise of its name's prefix. Raises ValueError."""
    prefix = _prefix_of(name)
    if prefix is None:
        return
    which = f"the cookie {name[:64]!r}, whose name begins with {prefix[0]}"
    if not secure:
        raise ValueError(f"{which}, must be secure, or browsers refuse it: {_SECURE}")
    if "http" in prefix and not httponly:
        raise ValueError(f"{which}, must be HttpOnly, or browsers refuse it: remove `httponly=False`")
    if "host" in prefix and (path != "/" or domain is not None):
        other = "__Http-" if "http" in prefix else "__Secure-"
        remedy = f"remove `path` and `domain`, or begin its name with {other}"
        raise ValueError(f"{which}, must be for the whole host, or browsers refuse it: {remedy}")


def _seconds(max_age: float | timedelta) -> int:
    try:
        seconds = int(max_age.total_seconds() if isinstance(max_age, timedelta) else max_age)
        if len(str(seconds)) <= _MOST_BYTES_OF_ATTRIBUTE:
            return seconds
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"a cookie's max_age must be a number of seconds, not {shown(max_age)}") from None
    raise ValueError("a cookie's max_age has more digits than browsers read")


def _instant(expires: datetime | float) -> str:
    try:
        return http_date(expires)
    except OverflowError:
        raise ValueError(f"a cookie cannot expire at {shown(expires)}: that is not a valid time") from None


def _attribute(name: str, value: str) -> str:
    if not _ATTRIBUTE.fullmatch(value):
        raise ValueError(f"{shown(value)} cannot be a cookie's {name}")
    if len(value) > _MOST_BYTES_OF_ATTRIBUTE:
        raise ValueError(
            f"a cookie's {name} has {len(value)} bytes, but browsers ignore one of more than "
            f"{_MOST_BYTES_OF_ATTRIBUTE}"
        )
    return value


def _same_site(value: str, secure: bool) -> str:
    spelled = _SAME_SITE.get(value.lower()) if isinstance(value, str) else None
    if spelled is None:
        raise ValueError(f"{shown(value)} is not 'Strict', 'Lax' or 'None'")
    if spelled == "None" and not secure:
        raise ValueError(f"a cookie with SameSite=None must be secure, or browsers refuse it: {_SECURE}")
    return spelled
