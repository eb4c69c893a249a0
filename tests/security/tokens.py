"""Tokens of an issuer, and of those who forge them; and projects that take tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from apiroutes import App
from tests.support import Answer, app_of, call

SECRET = "pQ3vZk8wXn5tRj2mLc7yHd4bGf9sAe6u" * 2 + "Wq"
OTHER_SECRET = "aN7cVb2xMq9zLw4kJh6gFd3sPo8iUy5t" * 2 + "Ez"
ISSUER = "https://issuer.example"
DAY = 86400
RULES = f"audience='api', issuer={ISSUER!r}"

CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1(), "ES256K": ec.SECP256K1()}


def private_key(algorithm: str, number: int = 0) -> Any:
    """A private key for an algorithm, the same for the same number."""
    return _private_key("RS256" if algorithm[:2] in ("RS", "PS") else algorithm, number)


@cache
def _private_key(algorithm: str, number: int) -> Any:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm])
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> str:
    """The text of a public key, or of a private one."""
    if hasattr(key, "private_bytes"):
        return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    return str(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def public_pem(algorithm: str, number: int = 0) -> str:
    return pem(private_key(algorithm, number).public_key())


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that the projects below accept; a change to `...` takes one away."""
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": "api", "sub": "ada", "exp": now + DAY, "iat": now, **changes}
    return {name: value for name, value in whole.items() if value is not ...}


def token(algorithm: str = "HS256", key: Any = None, headers: Any = None, **changes: Any) -> str:
    """A token as the issuer signs it."""
    if key is None:
        key = SECRET if algorithm.startswith("HS") else private_key(algorithm)
    return jwt.PyJWS().encode(json.dumps(claims(**changes)).encode(), key, algorithm, headers)


def base64url(content: bytes | str) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed_text(header: str | bytes, content: str | bytes, secret: str | bytes = SECRET) -> str:
    """A token of HS256 over any texts, signed with the right secret unless another is given."""
    signed = f"{base64url(header)}.{base64url(content)}"
    key = secret.encode() if isinstance(secret, str) else secret
    return f"{signed}.{base64url(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def with_header(secret: str | bytes = SECRET, **members: Any) -> str:
    """A token whose header has these members besides `alg`; `...` takes one away."""
    header = {name: value for name, value in {"alg": "HS256", **members}.items() if value is not ...}
    return signed_text(json.dumps(header), json.dumps(claims()), secret)


def with_content(content: str | bytes) -> str:
    """A token whose content is a text; `%s` in it stands for the members of valid claims."""
    if isinstance(content, str):
        content = content.replace("%s", json.dumps(claims())[1:-1])
    return signed_text('{"alg":"HS256"}', content)


def project(
    root: Path,
    key: object = SECRET,
    algorithms: Sequence[str] = ("HS256",),
    rules: str = RULES,
    **settings: Any,
) -> App:
    """A project whose one route tells the claims of a token."""
    source = f"""
from apiroutes import use
from apiroutes.middleware import jwt
@use(jwt({key!r}, algorithms={[*algorithms]!r}, {rules}))  # type: ignore[misc]
def GET(req):
    return {{'user': req.context['user']}}
"""
    return app_of(root, source, **settings)


def send(app: App, text: str | None) -> Answer:
    """A request with a token."""
    return call(app, headers=[] if text is None else [("Authorization", f"Bearer {text}")])
