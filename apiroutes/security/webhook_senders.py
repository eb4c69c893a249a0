"""How senders of webhooks sign: which headers they send, what they sign, and what their secrets are.

In: the headers of a request. Out: a `Claim`, which is to be verified. Raises ValueError for malformed
headers, whose text has no part of them. Each sender's documentation is the source of its rules.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping

from apiroutes.structs import Struct
from apiroutes.types import Environ

__all__ = ["SENDERS", "Claim", "Sender"]

# For a header. Stripe's has two signatures of 64 digits while a secret is replaced, Svix's may have more.
_LONGEST = 2048

_HEX = re.compile(r"[0-9a-fA-F]{64}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{43}=")
_TIME = re.compile(r"[0-9]{1,12}")
# Without a full stop, which separates it from the time: "a.1" at "2" could be read as "a" at "1".
_ID = re.compile(r"[!-\-/-~]{1,256}")
_SECRET = re.compile(r"(?:whsec_)?([A-Za-z0-9+/]+={0,2})")


class Claim(Struct, frozen=True):
    """What the headers say: signatures, one of which must be right, and what is signed before the body."""

    signatures: tuple[bytes, ...]
    before_body: bytes = b""
    time: int | None = None  # in seconds since 1970
    id: str | None = None


class Sender(Struct, frozen=True):
    """Who signs: `header` has the signature; headers in another spelling begin with `other`."""

    header: str
    read: Callable[[Environ], Claim]
    key_of: Callable[[str], bytes] = str.encode
    other: str | None = None
    # How other secrets of this sender begin, which sign no webhooks, and what they are.
    foreign: tuple[str, ...] = ()
    foreign_kind: str = ""
    is_typed: bool = False  # whether the receiver makes the secret, and gives it to the sender

    def has_other(self, environ: Environ) -> bool:
        """Return whether a request has the signature in the other spelling."""
        return self.other is not None and f"HTTP_{self.other}_SIGNATURE" in environ


def _read_standard(environ: Environ) -> Claim:
    """Read the headers of Standard Webhooks 1.0.0, or those of Svix, which are called `svix-...`."""
    family = "webhook" if "HTTP_WEBHOOK_SIGNATURE" in environ else "svix"
    name = f"{family}-id"
    identifier, sent = _field(environ, name), _time(environ, f"{family}-timestamp")
    if not _ID.fullmatch(identifier):
        raise _malformed(name)
    name = f"{family}-signature"
    # Signatures of other versions, such as v1a with public keys, are not for this secret.
    versions = (part.partition(",") for part in _field(environ, name).split(" "))
    found = [text for version, _, text in versions if version == "v1" and _BASE64.fullmatch(text)]
    if not found:
        raise _malformed(name)
    return Claim(tuple(map(a2b_base64, found)), f"{identifier}.{sent}.".encode(), int(sent), identifier)


def _key_of_standard(secret: str) -> bytes:
    match = _SECRET.fullmatch(secret)
    if match is None or len(match[1].rstrip("=")) % 4 == 1:
        raise ValueError("the secret is not base64 after `whsec_`. Copy all of it from the sender's settings")
    digits = match[1].rstrip("=")
    return a2b_base64(digits + "=" * (-len(digits) % 4))


def _read_github(environ: Environ) -> Claim:
    """Read GitHub's header. X-Hub-Signature, with SHA-1, is not read."""
    name = "X-Hub-Signature-256"
    return Claim((_hexadecimal(_field(environ, name), "sha256=", name),))


def _read_stripe(environ: Environ) -> Claim:
    """Read Stripe's header, with one time; v0, for tests, and other schemes are not read."""
    name = "Stripe-Signature"
    items = [part.strip().partition("=") for part in _field(environ, name).split(",")]
    times = [value for key, _, value in items if key == "t"]
    found = [bytes.fromhex(text) for key, _, text in items if key == "v1" and _HEX.fullmatch(text)]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not found:
        raise _malformed(name)
    return Claim(tuple(found), f"{times[0]}.".encode(), int(times[0]))


def _read_slack(environ: Environ) -> Claim:
    name = "X-Slack-Signature"
    signature = _hexadecimal(_field(environ, name), "v0=", name)
    sent = _time(environ, "X-Slack-Request-Timestamp")
    return Claim((signature,), f"v0:{sent}:".encode(), int(sent))


def _field(environ: Environ, name: str) -> str:
    """Return a header, which is ASCII and of limited length. Raises ValueError."""
    value: str | None = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
    if value is None:
        raise ValueError(f"The header {name} is missing")
    if len(value) > _LONGEST or not value.isascii():
        raise _malformed(name)
    return value


def _time(environ: Environ, name: str) -> str:
    value = _field(environ, name)
    if not _TIME.fullmatch(value):
        raise _malformed(name)
    return value


def _hexadecimal(text: str, prefix: str, name: str) -> bytes:
    digits = text.removeprefix(prefix)
    if digits == text or not _HEX.fullmatch(digits):
        raise _malformed(name)
    return bytes.fromhex(digits)


def _malformed(name: str) -> ValueError:
    return ValueError(f"The header {name} is malformed")


SENDERS: Mapping[str, Sender] = {
    "standard": Sender("webhook-signature", _read_standard, _key_of_standard, other="SVIX"),
    "github": Sender(
        "X-Hub-Signature-256",
        _read_github,
        foreign=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        foreign_kind="an access token",
        is_typed=True,
    ),
    "stripe": Sender(
        "Stripe-Signature", _read_stripe, foreign=("sk_", "rk_", "pk_"), foreign_kind="an API key"
    ),
    "slack": Sender(
        "X-Slack-Signature", _read_slack, foreign=("xox", "xapp-"), foreign_kind="an access token"
    ),
}
