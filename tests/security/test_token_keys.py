"""Which keys and algorithms a project may give `jwt`, and which key a token is verified with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apiroutes.middleware import jwt
from tests.security.tokens import (
    ISSUER,
    OTHER_SECRET,
    RULES,
    SECRET,
    pem,
    private_key,
    project,
    public_pem,
    send,
    token,
)
from tests.support import app_of

RSA_PUBLIC = private_key("RS256").public_key()


def step(key: object = SECRET, algorithms: Any = ("HS256",), **options: Any) -> object:
    return jwt(key, algorithms=algorithms, audience="api", issuer=ISSUER, **options)


def as_text(key: Any, encoding: Encoding, form: PublicFormat) -> bytes:
    return bytes(key.public_bytes(encoding, form))


SSH = as_text(private_key("ES256").public_key(), Encoding.OpenSSH, PublicFormat.OpenSSH)
DER = as_text(RSA_PUBLIC, Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PKCS1 = as_text(RSA_PUBLIC, Encoding.PEM, PublicFormat.PKCS1)
SMALL_RSA = pem(rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key())
PEM = public_pem("RS256")
CERTIFICATE = f"-----BEGIN CERTIFICATE-----\n{'A' * 64}\n-----END CERTIFICATE-----"
DSA = pem(dsa.generate_private_key(2048).public_key())
P384 = pem(ec.generate_private_key(ec.SECP384R1()).public_key())

NOT_ALGORITHMS = {
    "none": (["none"], "with which anybody could make a token"),
    "None": (["HS256", "None"], "with which anybody could make a token"),
    "nOnE": (["nOnE"], "with which anybody could make a token"),
    "empty": ([], "allows no algorithm"),
    "misspelled": (["HS265"], "Did you mean 'HS256'"),
    "of PyJWT alone": (["ES521"], "Did you mean 'ES512'"),
    "lower case": (["hs256"], "Did you mean 'HS256'"),
    "no text": ([None], "has None|anybody"),
    # CVE-2022-29217: both kinds side by side.
    "both kinds": (["HS256", "RS256"], "a public key could be taken for a secret"),
    "without a key": (["HS256", "HS512"], "'HS512', and the key has 43 bytes"),
}


@pytest.mark.parametrize(("algorithms", "message"), NOT_ALGORITHMS.values(), ids=NOT_ALGORITHMS)
def test_algorithms_that_are_not_safe_stop_the_start(algorithms: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step(SECRET[:43], algorithms)


@pytest.mark.parametrize("algorithms", ["HS256", None, 1])
def test_algorithms_are_a_list(algorithms: object) -> None:
    with pytest.raises(TypeError, match=r"must be a list of the allowed algorithms"):
        step(SECRET, algorithms)


@pytest.mark.parametrize("forgotten", ["algorithms", "audience", "issuer"])
def test_what_makes_a_token_safe_cannot_be_forgotten(forgotten: str) -> None:
    options = {"algorithms": ["HS256"], "audience": "api", "issuer": ISSUER}
    del options[forgotten]
    with pytest.raises(TypeError, match=forgotten):
        jwt(SECRET, **options)  # type: ignore[call-overload]


NOT_SECRETS = {
    "empty": (b"", "HS256", "is empty"),
    "short": (SECRET[:31], "HS256", "has 31 bytes, and HS256 needs 32"),
    "short for HS384": (SECRET[:47], "HS384", "has 47 bytes, and HS384 needs 48"),
    "short for HS512": (SECRET[:63], "HS512", "has 63 bytes, and HS512 needs 64"),
    "a placeholder": ("your-super-secret-jwt-key-please-change", "HS256", "is a placeholder"),
    "repeated": ("0123456789abcdef" * 4, "HS256", "repeats itself"),
    "a public key": (public_pem("RS256"), "HS256", "is a public key"),
    "a public key of EC": (public_pem("ES256"), "HS256", "is a public key"),
    "a public key in PKCS 1": (PKCS1, "HS256", "is a public key"),
    "a private key": (pem(private_key("RS256")), "HS256", "is a public key"),
    "a public key for SSH (CVE-2024-33663)": (SSH, "HS256", "is a public key"),
    "a public key in DER (CVE-2026-85394)": (DER, "HS256", "is a public key"),
    "spaces before a public key": (f"  {PEM}", "HS256", "is a public key"),
    "a public key on one line (CVE-2026-102268)": (PEM.replace("\n", " "), "HS256", "is a public key"),
    "a public key with other line ends": (PEM.replace("\n", "\r"), "HS256", "is a public key"),
    "a certificate": (CERTIFICATE, "HS256", "or a certificate"),
    "a JWK as text (CVE-2026-48526)": ('{"kty":"RSA","e":"AQAB","n":"sXchYqB7JxZ"}', "HS256", "public key"),
    "a JWK Set as text (CVE-2026-102273)": ('{"keys":[{"kty":"RSA","e":"AQAB"}]}', "HS256", "public key"),
    "a number": (12345678901234567890, "HS256", "is a int"),
    "an object for public keys": (RSA_PUBLIC, "HS256", "a secret for HS256 is a str or bytes"),
    "no RSA key": (SECRET, "RS256", "is not the RSA key"),
    "a key of EC for RSA": (public_pem("ES256"), "RS256", "is not the RSA key"),
    "a key of RSA for EC": (public_pem("RS256"), "ES256", "is not the EC key"),
    "a key of Ed25519 for EC": (public_pem("EdDSA"), "ES256", "is not the EC key"),
    "a key of DSA": (DSA, "RS256", "is not the RSA key"),
    "RSA of 1024 bits": (SMALL_RSA, "RS256", "has 1024 bits, and RS256 needs 2048"),
    "another curve": (P384, "ES256", "is not the EC key|is of the curve secp384r1"),
    "a private key of RSA": (pem(private_key("RS256")), "RS256", "is a private key"),
    "a private key of EC": (pem(private_key("ES256")), "ES256", "is a private key"),
    "a private key of Ed25519": (pem(private_key("EdDSA")), "EdDSA", "is a private key"),
    "nothing in a list": ([], "HS256", "is empty"),
    "nothing in a mapping": ({}, "HS256", "is empty"),
    "None in a list": ([SECRET, None], "HS256", "key 2 is a NoneType"),
    "a weak one in a list": ([SECRET, "short"], "HS256", "key 2 has 5 bytes"),
    "a weak one in a mapping": ({"a": SECRET, "b": "short"}, "HS256", "key 'b' has 5 bytes"),
    "a number as a name": ({1: SECRET}, "HS256", "must map names"),
    "a JWK": ({"kty": "oct", "k": "AAAA"}, "HS256", "is a JWK"),
}  # fmt: skip


@pytest.mark.parametrize(("key", "algorithm", "message"), NOT_SECRETS.values(), ids=NOT_SECRETS)
def test_keys_that_are_not_safe_stop_the_start(key: object, algorithm: str, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        step(key, [algorithm])
    text = str(caught.value)
    assert isinstance(key, (dict, list, int)) or str(key)[27:60] not in text or not str(key)[27:60]
    assert caught.value.__cause__ is None, "a cause's text may show the key"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": None}, "takes either `key` or `jwks_url`.* environment variable"),
        ({"jwks_url": "https://issuer.example/jwks"}, "takes either `key` or `jwks_url`"),
        ({"user": "ada"}, "verify is a str|cannot be called"),
        ({"user": lambda: 1}, "cannot be called with the claims"),
        ({"leeway": -1}, "leeway=-1"),
        ({"leeway": "60"}, "leeway"),
        ({"leeway": float("nan")}, "leeway=nan"),
        ({"leeway": True}, "leeway"),
        ({"types": []}, "types"),
        ({"types": [1]}, "types"),
        ({"required": [None]}, "required"),
        ({"realm": "a\nb"}, "realm"),
    ],
)
def test_options_that_mean_nothing_stop_the_start(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        step(**options)


@pytest.mark.parametrize(
    ("audience", "issuer"), [("", ISSUER), ([], ISSUER), ("api", ""), ("api", [""]), (1, ISSUER)]
)
def test_an_empty_audience_or_issuer_stops_the_start(audience: Any, issuer: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"audience|issuer"):
        jwt(SECRET, algorithms=["HS256"], audience=audience, issuer=issuer)


# -- several keys --------------------------------------------------------------------------------

NAMED = {"old": OTHER_SECRET, "new": SECRET}
CHOICES = [
    ([OTHER_SECRET, SECRET], SECRET, None, 200),
    ([OTHER_SECRET, SECRET], OTHER_SECRET, "any", 200),
    ([OTHER_SECRET], SECRET, None, 401),
    ((OTHER_SECRET, SECRET), SECRET, None, 200),
    (SECRET.encode(), SECRET, None, 200),
    (NAMED, SECRET, "new", 200),
    (NAMED, OTHER_SECRET, "old", 200),
    (NAMED, SECRET, "old", 401),
    (NAMED, SECRET, "next", 401),
    (NAMED, SECRET, None, 401),  # OpenID Connect Core section 10.1: it has to name its key
    ({"new": SECRET}, SECRET, None, 200),
    ({"new": SECRET}, OTHER_SECRET, "new", 401),
]


@pytest.mark.parametrize(("keys", "signed_with", "name", "status"), CHOICES)
def test_the_key_is_the_one_that_the_token_names(
    tmp_path: Path, keys: object, signed_with: str, name: str | None, status: int
) -> None:
    text = token(key=signed_with, headers=None if name is None else {"kid": name})
    assert send(project(tmp_path, keys), text).status == status


def test_keys_of_several_kinds_serve_several_algorithms(tmp_path: Path) -> None:
    app = project(tmp_path, [public_pem("RS256"), public_pem("ES256")], ["RS256", "ES256"])
    assert [send(app, token(algorithm)).status for algorithm in ("RS256", "ES256")] == [200, 200]


def test_secret_keys_of_a_project_verify(tmp_path: Path) -> None:
    """The first signs, and all verify."""
    source = f"""
from apiroutes import use
from apiroutes.middleware import jwt
from apiroutes.secret_keys import SecretKeys
keys = SecretKeys([{OTHER_SECRET!r}, {SECRET!r}])
@use(jwt(keys, algorithms=["HS256"], {RULES}))
def GET():
    return {{}}
"""
    app = app_of(tmp_path, source)
    assert [send(app, token(key=key)).status for key in (SECRET, OTHER_SECRET, SECRET[::-1])] == [
        200,
        200,
        401,
    ]
