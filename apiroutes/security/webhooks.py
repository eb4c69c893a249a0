"""Webhooks: requests that their sender has signed with a secret that it shares with the receiver.

In: who sends them, and the secrets. Out: middleware that passes on signed requests, and raises ApiError: 400
for a signature that cannot be read, 401 for one that is missing, wrong or too old. Raises ValueError and
TypeError at start; their texts have no part of a secret.

The formats of signatures are in `webhook_senders.py`. A signature covers the bytes as they were received, so
the body is read as a whole before the handler parses it.
"""

from __future__ import annotations

import hmac
import logging
import math
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal

from apiroutes.errors import ApiError, shown, suggest
from apiroutes.handlers import security_scheme
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.secret_keys import SecretKeys
from apiroutes.security.webhook_senders import SENDERS, Claim, Sender
from apiroutes.types import Middleware

__all__ = ["webhook"]

_log = logging.getLogger("apiroutes")

# Bytes of a secret. Anybody who has seen one webhook can try secrets offline.
_SHORTEST = 16
_MAKE = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"

_WRONG = "The signature does not match the body"
_TOO_OLD = "The signature's time is too far from now"


def webhook(
    sender: Literal["standard", "github", "stripe", "slack"],
    *,
    secret: str | SecretKeys | Sequence[str | SecretKeys],
    tolerance: float | timedelta = 300,
) -> Middleware:
    """Let only requests pass that `sender` has signed with `secret`.

    `req.context["webhook_id"]` is then the id of a standard webhook. Raises ValueError and TypeError for a
    secret that is missing, short, or of another kind.

    Args:
        sender: "standard" is Standard Webhooks (and Svix), whose secrets are base64 after `whsec_`; "github",
            "stripe" and "slack" are those services.
        secret: The secret, or several, any of which is enough, so that one can replace another.
        tolerance: For how long before and after its time a signature is valid, in seconds or as a timedelta;
            GitHub's has no time.
    """
    if sender not in SENDERS:
        raise ValueError(f"webhook({shown(sender)}): no such sender. {suggest(str(sender), SENDERS)}")
    of_sender, keys = SENDERS[sender], _keys(sender, secret)
    window = _seconds(tolerance)
    challenge = {"WWW-Authenticate": f'Webhook realm="{sender}"'}

    @security_scheme(f"{sender}_webhook", {"type": "apiKey", "in": "header", "name": of_sender.header})
    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        refusal = _why_refused(req, of_sender, keys, window)
        if refusal is None:
            return next()
        status, reason = refusal
        # Record: `webhook` refuses a request; the record says why.
        _log.info("A webhook of %r was refused with %d: %s", sender, status, reason)
        raise ApiError(status, reason, challenge if status == 401 else None)

    return middleware


def _why_refused(
    req: Request, sender: Sender, keys: Sequence[bytes], window: float
) -> tuple[int, str] | None:
    """Return the status and the reason of a request's refusal; None for a signed request.

    The body of a request is read only if its headers are in order.
    """
    environ = req.environ
    if f"HTTP_{sender.header.upper().replace('-', '_')}" not in environ and not sender.has_other(environ):
        return 401, f"The header {sender.header} is missing"
    try:
        claim = sender.read(environ)
    except ValueError as error:
        return 400, str(error)
    if claim.time is not None and abs(time.time() - claim.time) > window:
        return 401, _TOO_OLD
    if not _is_signed(claim, req.raw_body, keys):
        return 401, _WRONG
    if claim.id is not None:
        req.context["webhook_id"] = claim.id
    return None


def _is_signed(claim: Claim, body: bytes, keys: Sequence[bytes]) -> bool:
    """Return whether a signature is made with one of the keys, in a time that does not depend on it."""
    is_signed = False
    for key in keys:
        signing = hmac.new(key, claim.before_body, "sha256")
        signing.update(body)
        digest = signing.digest()
        for signature in claim.signatures:
            is_signed |= hmac.compare_digest(digest, signature)
    return is_signed


def _keys(sender: str, secret: object) -> tuple[bytes, ...]:
    """Return the keys of the secrets. Raises ValueError and TypeError."""
    place = f"webhook({sender!r}, secret=...)"
    remedy = f'write `secret=os.environ["{sender.upper()}_WEBHOOK_SECRET"]`'
    if secret is None:
        raise ValueError(f"{place}: the secret is None. Set the variable, and {remedy}")
    secrets = _texts(secret)
    if secrets is None:
        raise TypeError(f"{place}: the secret is neither a string nor a list of strings: {remedy}")
    if not secrets:
        raise ValueError(f"{place}: the list of secrets is empty: {remedy}")
    try:
        return tuple(_key(sender, text) for text in secrets)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _texts(secret: object) -> list[str] | None:
    """Return the secrets in a string, in keys or in a list of both; None for anything else."""
    if isinstance(secret, str):
        return [secret]
    if isinstance(secret, SecretKeys):
        return [*secret.reveal()]
    if not isinstance(secret, (list, tuple)):
        return None
    texts: list[str] = []
    for part in secret:
        inner = None if isinstance(part, (list, tuple)) else _texts(part)
        if inner is None:
            return None
        texts += inner
    return texts


def _key(sender: str, secret: str) -> bytes:
    if not secret.strip():
        raise ValueError("the secret is empty. Copy it from the settings of the webhook's sender")
    if secret != secret.strip():
        raise ValueError("the secret has white space around it. Remove the white space")
    of_sender = SENDERS[sender]
    if secret.startswith(of_sender.foreign):
        raise ValueError(f"the secret is {of_sender.foreign_kind}. Copy the webhook's secret instead")
    key = of_sender.key_of(secret)
    if len(key) < _SHORTEST:
        remedy = _MAKE if of_sender.is_typed else "Copy all of it from the sender's settings"
        raise ValueError(f"the secret has fewer than {_SHORTEST} bytes, and could be guessed. {remedy}")
    return key


def _seconds(tolerance: float | timedelta) -> float:
    seconds = tolerance.total_seconds() if isinstance(tolerance, timedelta) else tolerance
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"webhook(tolerance=...) takes seconds or a timedelta, not {shown(tolerance)}")
    if not 0 < seconds < math.inf:
        raise ValueError(
            f"webhook(tolerance=...) takes more than 0 seconds, such as 300, not {shown(tolerance)}"
        )
    return float(seconds)
