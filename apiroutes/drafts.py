"""Draft mode and preview data: cookies for both, signed with the project's secret key.

In: an environ with cookies, a response on which to set them, the keys. Out: whether a valid cookie came, and
its data; Set-Cookie lines. An invalid cookie counts as absent and raises nothing. Setting a cookie raises
RuntimeError without a key, and TypeError or ValueError for data that JSON or a cookie cannot contain.

The cookies have the same names and meaning as in Next.js. They are signed but not encrypted: a client can
read the data.
"""

from __future__ import annotations

import time
from typing import Any, TypeVar

from apiroutes.errors import ApiError, shown
from apiroutes.http import decode_json, encode_json, parse_cookies, refuse_unencodable
from apiroutes.secret_keys import SecretKeys, missing_key
from apiroutes.signing import sign, unsign
from apiroutes.types import Environ

__all__ = [
    "change_draft_mode",
    "clear_preview_data",
    "draft_cookies",
    "has_valid_draft_cookie",
    "read_preview_data",
    "write_preview_data",
]

_Response = TypeVar("_Response", bound=Any)

_DRAFT = "__prerender_bypass"
_DATA = "__next_preview_data"

# Bytes of JSON, as in Next.js. In base64, with its signature, it fits into the 4096 bytes that RFC 6265
# section 6.1 asks clients to keep.
_MAX_DATA = 2048
_MAX_DEPTH = 64


# -- what came -----------------------------------------------------------------------------------


def has_valid_draft_cookie(environ: Environ, secret_keys: SecretKeys | None) -> bool:
    """Return whether a request is in draft mode: one of the keys has signed its unexpired cookie."""
    header = environ.get("HTTP_COOKIE")
    if not header or _DRAFT not in header or secret_keys is None:
        return False
    return _read(_DRAFT, header, secret_keys) is not None


def draft_cookies(header: str) -> str:
    """Return the pairs of a Cookie header that are for draft mode, valid or not; "" without such pairs."""
    if _DRAFT not in header:
        return ""
    pairs = (pair.strip() for pair in header.split(";"))
    return "; ".join(pair for pair in pairs if pair.partition("=")[0].strip() in (_DRAFT, _DATA))


def read_preview_data(environ: Environ, secret_keys: SecretKeys | None) -> Any:
    """Return the data that came with the draft cookie; None unless both cookies are valid."""
    header = environ.get("HTTP_COOKIE")
    if not header or _DATA not in header or secret_keys is None:
        return None
    if not has_valid_draft_cookie(environ, secret_keys):
        return None
    content = _read(_DATA, header, secret_keys)
    return None if content is None else content["data"]


def _read(name: str, header: str, secret_keys: SecretKeys) -> dict[str, Any] | None:
    """Return the content of a cookie; None if it is absent, expired or not ours."""
    signed = unsign(f"drafts.{name}", secret_keys, parse_cookies(header).get(name, ""))
    if signed is None:
        return None
    try:
        content: Any = decode_json(signed, _MAX_DEPTH + 1)
    except ApiError:
        return None
    if not isinstance(content, dict) or not content.keys() >= {"expires", "data"}:
        return None
    expires = content["expires"]
    is_valid = expires is None or (isinstance(expires, int) and time.time() < expires)
    return content if is_valid else None


# -- what is set ---------------------------------------------------------------------------------


def change_draft_mode(response: _Response, enabled: bool) -> _Response:
    """Turn draft mode on for the client's later requests, until its browser is closed; or turn it off.

    Like the other setters, it returns the response.
    """
    if not isinstance(enabled, bool):
        raise TypeError(f"write set_draft_mode(True) or set_draft_mode(False), not {shown(enabled)}")
    keys = _keys_of(response)
    _set_cookie(response, _DRAFT, _sign(_DRAFT, keys, None) if enabled else None)
    return response


def write_preview_data(response: _Response, data: Any, max_age: float | None) -> _Response:
    """Turn draft mode on, with data, for `max_age` seconds or until the browser is closed."""
    keys = _keys_of(response)
    try:
        text = encode_json(data)
    except Exception as error:
        refuse_unencodable(data, error)
    if len(text) > _MAX_DATA:
        raise ValueError(f"preview data may have {_MAX_DATA} bytes as JSON, but this has {len(text)}")
    try:
        plain = decode_json(text, _MAX_DEPTH)
    except ApiError as error:
        raise ValueError(f"preview data may nest {_MAX_DEPTH} levels deep") from error
    expires = _expiry(max_age)
    _set_cookie(response, _DRAFT, _sign(_DRAFT, keys, expires), max_age)
    _set_cookie(response, _DATA, _sign(_DATA, keys, expires, plain), max_age)
    return response


def clear_preview_data(response: _Response) -> _Response:
    """End draft mode, and make the client forget the preview data."""
    _keys_of(response)
    _set_cookie(response, _DRAFT, None)
    _set_cookie(response, _DATA, None)
    return response


def _keys_of(response: Any) -> SecretKeys:
    keys: SecretKeys | None = getattr(response.req, "_secret_keys", None)
    if keys is None:
        raise missing_key("draft mode and preview data need")
    return keys


def _expiry(max_age: float | None) -> int | None:
    """Return the time when a cookie expires, which the server checks: a client may keep it longer."""
    if max_age is None:
        return None
    if not isinstance(max_age, (int, float)) or not -(10**10) < max_age < 10**10:
        raise ValueError(f"max_age must be a number of seconds, not {shown(max_age)}")
    return int(time.time() + max_age)


def _sign(name: str, keys: SecretKeys, expires: int | None, data: Any = None) -> str:
    # Signed for one name: cookies with another name are not valid here.
    return sign(f"drafts.{name}", keys, encode_json({"expires": expires, "data": data}))


def _set_cookie(response: Any, name: str, value: str | None, max_age: float | None = None) -> None:
    """Set a cookie, or delete it for None, in place of an earlier cookie with that name in the response.

    A page of another origin, such as the editor of a CMS, shows the site in a frame: there, a browser sends
    only cookies with SameSite=None, which it accepts only over https.
    """
    lines = response.get_header("Set-Cookie") or []
    others = [line for line in lines if not line.startswith(f"{name}=")]
    if len(others) < len(lines):
        response.set_header("Set-Cookie", others)
    is_https = response.req.scheme == "https"
    response.set_cookie(
        name,
        value or "",
        max_age=max_age if value else 0,
        expires=None if value else 0,
        httponly=True,
        secure=is_https,
        samesite="None" if is_https else "Lax",
    )
