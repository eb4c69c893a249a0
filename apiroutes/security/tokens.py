"""JSON Web Tokens (RFC 7519) in the compact form of JWS (RFC 7515): read, verified, and their claims checked.

In: the text of a token, keys, and what a project expects of the claims. Out: the claims. Raises InvalidToken
for every other token; its text is for the log, and clients never see it.

The header of a token only chooses among known keys, by name: `jku`, `jwk`, `x5u` and `x5c` are ignored (RFC
8725 section 3.10). PyJWT's `decode` takes 30 to 40 µs for a token of HS256, because it checks the key and
each character of the token at each call, and accepts duplicate members, times as strings and base64 with
padding. So only its algorithms are used here, and the rest is ours.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from apiroutes.errors import ApiError
from apiroutes.http import decode_json
from apiroutes.security.token_keys import Verify

__all__ = ["InvalidToken", "SignedToken", "TokenRules", "read_token", "verified_claims"]

# Characters. Servers bound the header of a request by about as much.
MAX_TOKEN = 8192
# For its header, which is read before the signature is verified, and so costs its sender nothing.
_MAX_HEADER = 1024
# Levels of arrays and objects. Registered claims have one or two.
_DEEPEST = 16
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class InvalidToken(Exception):
    """A token that is not accepted; the text is the reason."""


class TokenRules(NamedTuple):
    """What a project expects of tokens.

    `types` are the values of `typ` that are accepted, in lower case, with None for a token without one.
    `audience` and `issuer` are the accepted values. With None, a token with `aud` is refused: it is meant for
    others (RFC 7519 section 4.1.3); and any issuer is accepted. `leeway`: seconds by which clocks differ.
    """

    algorithms: tuple[str, ...]
    types: tuple[str | None, ...]
    audience: tuple[str, ...] | None
    issuer: tuple[str, ...] | None
    leeway: float
    required: tuple[str, ...]


class SignedToken(NamedTuple):
    """A token whose signature has not been verified: no part of it can be trusted."""

    algorithm: str
    key_name: str | None  # its `kid`
    signed: bytes
    signature: bytes
    content: str  # the claims, in base64url


def read_token(text: str, rules: TokenRules) -> SignedToken:
    """Read the header of a token, which names its algorithm, its key and its type. Raises InvalidToken."""
    if len(text) > MAX_TOKEN:
        raise InvalidToken(f"it has more than {MAX_TOKEN} characters")
    parts = text.split(".", 3)
    # RFC 7515 section 7.1: a header, a content and a signature. A JWE has five parts (RFC 7516 section 7.1).
    if len(parts) != 3 or len(parts[0]) > _MAX_HEADER:
        raise InvalidToken("it does not have three parts, or its header is too long")
    algorithm, key_name, kind = _read_header(parts[0])
    if algorithm not in rules.algorithms:
        raise InvalidToken(f"its algorithm is {algorithm!r:.60}, not one of {', '.join(rules.algorithms)}")
    if kind not in rules.types:
        raise InvalidToken(f"its type is {kind!r:.60}")
    signature = _decode(parts[2], "signature")
    # Several texts in base64 mean the same bytes. One token shall have one text, which can be put on a list.
    if base64.urlsafe_b64encode(signature).rstrip(b"=") != parts[2].encode():
        raise InvalidToken("its signature is not in canonical base64url")
    signed = text[: len(parts[0]) + 1 + len(parts[1])]
    if not signed.isascii():
        raise InvalidToken("its content is not in base64url")
    return SignedToken(algorithm, key_name, signed.encode(), signature, parts[1])


@lru_cache(maxsize=64)  # the tokens of an issuer have the same header
def _read_header(text: str) -> tuple[str, str | None, str | None]:
    """Return the algorithm, the name of the key and the type that a header has. Raises InvalidToken."""
    header = _object_of(text, "header")
    algorithm, key_name, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str):
        raise InvalidToken("its algorithm is not a string")
    if ("kid" in header and not isinstance(key_name, str)) or ("typ" in header and not isinstance(kind, str)):
        raise InvalidToken("its `kid` or `typ` is not a string")
    # RFC 7515 section 4.1.11: no extension that may be critical is known here.
    if "crit" in header or header.get("b64", True) is not True:
        raise InvalidToken("its header has a critical extension")
    if kind is not None:
        # RFC 7515 section 4.1.9: a media type, whose "application/" may be left out.
        kind = kind.lower().removeprefix("application/")
    return algorithm, key_name, kind


# -- its claims ----------------------------------------------------------------------------------


def verified_claims(token: SignedToken, keys: Iterable[Verify], rules: TokenRules) -> dict[str, Any]:
    """Return the claims of a token that one of the keys has signed. Raises InvalidToken."""
    if not any(verify(token.signed, token.signature) for verify in keys):
        raise InvalidToken("its signature is wrong, or its key is unknown")
    claims = _object_of(token.content, "content")
    for name in rules.required:
        if claims.get(name) is None:
            raise InvalidToken(f"it has no {name!r}")
    for name in ("sub", "jti", "iss"):
        if not isinstance(claims.get(name, ""), str):
            raise InvalidToken(f"its {name!r} is not a string")
    _check_times(claims, rules.leeway)
    if rules.issuer is not None and claims.get("iss") not in rules.issuer:
        raise InvalidToken("it is from another issuer")
    _check_audience(claims, rules.audience)
    return claims


def _check_times(claims: dict[str, Any], leeway: float) -> None:
    """Raise InvalidToken before and after a token's time (RFC 7519 sections 4.1.4 to 4.1.6)."""
    now = time.time()
    for name in ("exp", "nbf", "iat"):
        if name not in claims:
            continue
        moment = claims[name]
        if isinstance(moment, bool) or not isinstance(moment, (int, float)):
            raise InvalidToken(f"its {name!r} is not a number")
        if name == "exp" and now - leeway >= moment:
            raise InvalidToken("it has expired")
        if name != "exp" and now + leeway < moment:
            raise InvalidToken(f"its {name!r} is in the future")


def _check_audience(claims: dict[str, Any], audience: tuple[str, ...] | None) -> None:
    """Raise InvalidToken for a token that is meant for others (RFC 7519 section 4.1.3)."""
    if "aud" not in claims and audience is None:
        return
    found = claims.get("aud")
    named = found if isinstance(found, list) else [found]
    if not all(isinstance(name, str) for name in named):
        raise InvalidToken("its 'aud' is neither a string nor a list of strings")
    if audience is None or not any(name in audience for name in named):
        raise InvalidToken("it is meant for another audience")


# -- text to values ------------------------------------------------------------------------------


def _object_of(text: str, what: str) -> dict[str, Any]:
    """Return the JSON object that is in base64url; duplicate members are refused."""
    content = _decode(text, what)
    try:
        value = decode_json(content, _DEEPEST)
        strict = _strict.decode(content.decode())
        if b"\\u" in content:
            # Raises for half a surrogate pair: two different claims with one would become equal.
            json.dumps(strict, ensure_ascii=False).encode()
    except (ApiError, ValueError) as error:
        raise InvalidToken(f"its {what} is not JSON, has a duplicate member, or is not Unicode") from error
    if not isinstance(value, dict):
        raise InvalidToken(f"its {what} is not a JSON object")
    return value


def _decode(text: str, what: str) -> bytes:
    """Return the bytes of base64url without padding (RFC 7515 section 2). No character is skipped."""
    try:
        content = text.encode("ascii")
        if content and not content.translate(None, _ALPHABET):
            return base64.urlsafe_b64decode(content + b"=" * (-len(content) % 4))
    except (UnicodeEncodeError, binascii.Error):
        pass
    raise InvalidToken(f"its {what} is not in base64url")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object. Each may occur once (RFC 7515 section 4, RFC 7519 section 4)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is duplicated")
    return members


_strict = json.JSONDecoder(object_pairs_hook=_without_duplicates)
