"""Values that clients keep but cannot change: signed with the project's secret key, each for one purpose.

In: bytes, and the keys. Out: a text that fits into a cookie, and the bytes again if one of the keys has
signed it for that purpose. An invalid text gives None and raises nothing. Signed values are not encrypted: a
client can read them.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import Any

from apiroutes.secret_keys import SecretKeys

__all__ = ["MAX_SIGNED", "sign", "unsign"]

# Characters. RFC 6265 section 6.1 asks clients to keep 4096 bytes of a cookie, and no more.
MAX_SIGNED = 4096
# Characters at the end: a dot, and the 256 bits of HMAC-SHA-256 in base64.
_SIGNATURE = 44


def sign(purpose: str, keys: SecretKeys, content: bytes) -> str:
    """Return `content` in base64, signed with the first of the keys for one purpose."""
    signed: bytes = _signer(purpose, keys).sign(base64.urlsafe_b64encode(content))
    return signed.decode("ascii")


def unsign(purpose: str, keys: SecretKeys, text: str) -> bytes | None:
    """Return the content that one of the keys has signed for a purpose; None for anything else."""
    # Most values that are not ours are recognized by their form, without computing an HMAC.
    if text[-_SIGNATURE : 1 - _SIGNATURE] != "." or len(text) > MAX_SIGNED or not text.isascii():
        return None
    signed, _, signature = text.rpartition(".")
    try:
        is_ours = _signer(purpose, keys).verify_signature(signed, signature)
        return base64.urlsafe_b64decode(signed) if is_ours else None
    except binascii.Error:
        return None


@lru_cache(maxsize=64)
def _signer(purpose: str, keys: SecretKeys) -> Any:
    """Return the signer for one purpose, which also verifies.

    Its keys are derived here, as `key_derivation="hmac"` would derive them again for every value.
    """
    import hmac
    from hashlib import sha256

    from itsdangerous import Signer

    salt = f"apiroutes.{purpose}".encode()
    derived = [hmac.digest(key.encode(), salt, "sha256") for key in keys.reveal()]
    # itsdangerous signs with the last key; here, the first key signs.
    return Signer(derived[::-1], key_derivation="none", digest_method=sha256)
