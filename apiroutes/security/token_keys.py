"""Keys that verify signatures of tokens, each for its algorithms. PyJWT reads them and verifies with them.

In: a project's keys, or a JWK Set (RFC 7517), and the allowed algorithms. Out: a KeySet. Raises ValueError
and TypeError for a project's wrong keys, and ImportError without PyJWT; no message has any part of a key.
Unusable keys of a JWK Set are left out.

A key is bound to its algorithm here, at start, not by the token that names one. So a public key is never used
as a secret of HMAC (CVE-2016-10555, CVE-2022-29217), whatever a token says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from apiroutes.errors import listed, shown, suggest
from apiroutes.secret_keys import SecretKeys, weakness_of

__all__ = ["KeySet", "Verify", "check_algorithms", "keys_of", "keys_of_jwk_set"]

# Called with what was signed, and the signature.
Verify = Callable[[bytes, bytes], bool]

# Bytes: RFC 7518 section 3.2 requires a key as long as the digest.
_SHORTEST_SECRETS = {"HS256": 32, "HS384": 48, "HS512": 64}
# The type of a public key for each algorithm, as in `kty` (RFC 7518 section 3.1, RFC 8037, RFC 8812).
_KINDS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512", "ES256K"), "EC"),
    "EdDSA": "OKP",
}
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1", "ES256K": "secp256k1"}
# Bits: RFC 7518 sections 3.3 and 3.5.
_SHORTEST_RSA_KEY = 2048
# Private members of a JWK, which only its owner may know (RFC 7518 sections 6.2.2, 6.3.2 and 6.4).
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
# How many keys of a JWK Set are read. Large issuers publish about ten.
_MOST_KEYS = 100
_INSTALL = "jwt(...) needs {}: pip install 'apiroutes[auth]'"


class Key(NamedTuple):
    """A key for one algorithm; `name` is what a token's `kid` calls it, if it has a name."""

    algorithm: str
    name: str | None
    verify: Verify


class KeySet:
    """Keys, by the algorithm and the `kid` that the header of a token has."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._named: dict[tuple[str, str], tuple[Verify, ...]] = {}
        self._unnamed: dict[str, tuple[Verify, ...]] = {}
        self._of_unnamed_tokens: dict[str, tuple[Verify, ...]] = {}
        for key in keys:
            if key.name is None:
                self._unnamed[key.algorithm] = (*self._unnamed.get(key.algorithm, ()), key.verify)
            else:
                # Of two keys with one name the first counts (RFC 7517 section 4.5 asks for distinct ones).
                self._named.setdefault((key.algorithm, key.name), (key.verify,))
        for algorithm in {key.algorithm for key in keys}:
            named = [verify for (other, _), verify in self._named.items() if other == algorithm]
            # OpenID Connect Core section 10.1: with several keys, a token has to name its own.
            only = named[0] if len(named) == 1 else ()
            self._of_unnamed_tokens[algorithm] = (*only, *self._unnamed.get(algorithm, ()))

    @property
    def is_empty(self) -> bool:
        """Whether no token can be valid."""
        return not self._named and not self._unnamed

    def find(self, algorithm: str, name: str | None) -> Sequence[Verify]:
        """Return the keys that a token may be signed with: the one with its name, or those without names."""
        if name is None:
            return self._of_unnamed_tokens.get(algorithm, ())
        return self._named.get((algorithm, name)) or self._unnamed.get(algorithm, ())

    def wait(self, algorithm: str, name: str | None) -> Sequence[Verify]:
        """Return what `find` returns: there are no other keys to wait for."""
        return self.find(algorithm, name)


def check_algorithms(algorithms: object) -> tuple[str, ...]:
    """Return the algorithms that a project allows. Raises TypeError and ValueError."""
    if isinstance(algorithms, str) or not isinstance(algorithms, Iterable):
        raise TypeError('jwt(algorithms=...) must be a list of the allowed algorithms, such as ["RS256"]')
    allowed = tuple(dict.fromkeys(algorithms))
    if not allowed:
        raise ValueError(
            'jwt(algorithms=[]) allows no algorithm: write those of the issuer, such as ["RS256"]'
        )
    for algorithm in allowed:
        if str(algorithm).lower() == "none":
            message = f"jwt(algorithms=...) has {shown(algorithm)}, with which anybody could make a token"
            raise ValueError(f"{message}: remove it")
        if algorithm not in _SHORTEST_SECRETS and algorithm not in _KINDS:
            known = (*_SHORTEST_SECRETS, *_KINDS)
            raise ValueError(
                f"jwt(algorithms=...) has {shown(algorithm)}. {suggest(str(algorithm).upper(), known)}"
            )
    if len({algorithm in _SHORTEST_SECRETS for algorithm in allowed}) == 2:
        raise ValueError(
            f"jwt(algorithms=...) has {listed([*map(repr, allowed)])}: together, a public key "
            "could be taken for a secret. Write two jwt(...), one for each issuer"
        )
    return allowed


# -- keys of a project -------------------------------------------------------------------------


def keys_of(key: object, algorithms: Sequence[str]) -> KeySet:
    """Return the keys that a project gives: one, a list of several, or a mapping of names to keys.

    Every key must fit one of the algorithms, and every algorithm one of the keys.
    """
    named = _named_keys(key)
    if not named:
        raise ValueError("jwt(key=...) is empty: write the key with which tokens are verified")
    keys: list[Key] = []
    misfits: dict[str, str] = {}
    for number, (name, material) in enumerate(named, 1):
        which = "the key" if len(named) == 1 else f"key {number}" if name is None else f"key {name!r}"
        fitting = []
        for algorithm in algorithms:
            try:
                fitting.append(Key(algorithm, name, _verifier(algorithm, material)))
            except (ValueError, TypeError) as error:
                misfits[algorithm] = f"{which} {error}"
        if not fitting:
            raise ValueError(f"jwt(key=...): {misfits[algorithms[0]]}")
        keys += fitting
    for algorithm in algorithms:
        if algorithm not in {key.algorithm for key in keys}:
            remedy = f"remove {shown(algorithm)}, or add its key"
            raise ValueError(
                f"jwt(algorithms=...) has {shown(algorithm)}, and {misfits[algorithm]}: {remedy}"
            )
    return KeySet(keys)


def _named_keys(key: object) -> list[tuple[str | None, object]]:
    """Return pairs of a name and a key."""
    if isinstance(key, SecretKeys):
        key = [*key.reveal()]
    if isinstance(key, Mapping):
        if "kty" in key:
            raise TypeError(
                "jwt(key=...) is a JWK: write the key as PEM, or a mapping of names (`kid`) to keys"
            )
        if not all(isinstance(name, str) for name in key):
            raise TypeError("jwt(key=...) must map names, which are strings, to keys")
        return [*key.items()]
    return [(None, material) for material in (key if isinstance(key, (list, tuple)) else [key])]


def _verifier(algorithm: str, material: object) -> Verify:
    """Return the function that verifies with a key by an algorithm.

    Raises ValueError and TypeError, whose text continues "the key".
    """
    if isinstance(material, SecretKeys):
        raise TypeError("is a list of keys inside a list: write one list")
    method = _method(algorithm)
    if algorithm in _SHORTEST_SECRETS:
        _check_secret(algorithm, method, material)
        secret = material.encode() if isinstance(material, str) else material
        return lambda signed, signature: bool(method.verify(signed, secret, signature))
    return _public_verifier(algorithm, method, material)


def _check_secret(algorithm: str, method: Any, secret: object) -> None:
    """Raise TypeError or ValueError for a secret of HMAC that is invalid, or could be guessed."""
    if not isinstance(secret, (str, bytes)):
        raise TypeError(f"is a {type(secret).__name__}: a secret for {algorithm} is a str or bytes")
    content = secret.encode() if isinstance(secret, str) else secret
    shortest = _SHORTEST_SECRETS[algorithm]
    if not content:
        raise ValueError("is empty")
    if _is_public(method, content):
        raise ValueError(
            f"is a public key or a certificate, which anybody may know: it cannot be a secret for {algorithm}"
        )
    if len(content) < shortest:
        raise ValueError(
            f"has {len(content)} bytes, and {algorithm} needs {shortest} (RFC 7518 section 3.2): "
            f"`secrets.token_urlsafe({shortest})` makes one"
        )
    weakness = weakness_of(secret.strip()) if isinstance(secret, str) else None
    if weakness is not None:
        raise ValueError(weakness)


def _is_public(method: Any, content: bytes) -> bool:
    """Return whether a secret is the text of a public key, in one of its forms.

    PyJWT knows many of these. Armour with other spaces and line ends got past it (CVE-2026-102268).
    """
    if re.search(rb"BEGIN[\w\s]*(KEY|CERTIFICATE|PARAMETERS)", content):
        return True
    try:
        method.prepare_key(content)
    except Exception:  # PyJWT's own
        return True
    return False


def _public_verifier(algorithm: str, method: Any, material: object) -> Verify:
    try:
        key = method.prepare_key(material)
    except Exception:  # of PyJWT or cryptography, for anything but such a key
        raise ValueError(
            f"is not the {_KINDS[algorithm]} key that {algorithm} needs: write the issuer's public key as "
            "PEM, which begins with -----BEGIN PUBLIC KEY-----"
        ) from None
    if hasattr(key, "public_key"):
        raise ValueError("is a private key, which only the issuer needs: write its public key")
    misfit = _misfit(algorithm, key)
    if misfit is not None:
        raise ValueError(misfit)
    return lambda signed, signature: bool(method.verify(signed, key, signature))


def _misfit(algorithm: str, key: Any) -> str | None:
    """Return why a public key of the right kind does not fit an algorithm, if it does not."""
    if _KINDS[algorithm] == "RSA" and key.key_size < _SHORTEST_RSA_KEY:
        return f"has {key.key_size} bits, and {algorithm} needs {_SHORTEST_RSA_KEY} (RFC 7518 section 3.3)"
    curve = _CURVES.get(algorithm)
    if curve is not None and key.curve.name != curve:
        return f"is of the curve {key.curve.name}, and {algorithm} needs {curve}"
    return None


def _method(algorithm: str) -> Any:
    """Return PyJWT's object for an algorithm."""
    try:
        from jwt import get_algorithm_by_name
    except ImportError as error:
        raise ImportError(_INSTALL.format("PyJWT")) from error
    try:
        return get_algorithm_by_name(algorithm)
    except NotImplementedError as error:  # without cryptography
        raise ImportError(_INSTALL.format(f"cryptography for {algorithm}")) from error


# -- keys of a JWK Set -------------------------------------------------------------------------


def keys_of_jwk_set(document: object, algorithms: Sequence[str]) -> KeySet:
    """Return the keys of a JWK Set that verify signatures by one of the algorithms, which are not HMAC.

    Others are left out, as RFC 7517 section 5 asks: for encryption, of other types or algorithms, or with
    private parts, which are no longer private. Raises ValueError for anything but a JWK Set.
    """
    jwks = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(jwks, list):
        raise ValueError("it is not a JWK Set: it has no list of `keys`")
    keys = []
    for jwk in jwks[:_MOST_KEYS]:
        for algorithm in algorithms:
            verify = _verifier_of_jwk(jwk, algorithm)
            if verify is not None:
                keys.append(Key(algorithm, jwk.get("kid"), verify))
    return KeySet(keys)


def _verifier_of_jwk(jwk: Any, algorithm: str) -> Verify | None:
    """Return the function that verifies by a JWK, or None if the JWK cannot be used for the algorithm."""
    if not isinstance(jwk, dict) or jwk.get("kty") != _KINDS[algorithm]:
        return None
    if not jwk.keys().isdisjoint(_PRIVATE):
        return None
    operations = jwk.get("key_ops", ["verify"])
    is_usable = (
        jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and jwk.get("alg", algorithm) == algorithm
        and isinstance(jwk.get("kid", ""), str)
    )
    if not is_usable:
        return None
    method = _method(algorithm)
    try:
        return _public_verifier(algorithm, method, method.from_jwk(jwk))
    except Exception:  # PyJWT's or cryptography's, for numbers that are not a key
        return None
