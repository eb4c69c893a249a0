"""Webhooks as their senders sign them, written here a second time: for tests of what receives them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

Headers = list[tuple[str, str]]

BODY = b'{"event": "ping", "name": "J\xc3\xbcrgen"}'
# Of Standard Webhooks; the other senders use it as it is written.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
SENDERS = ["standard", "svix", "github", "stripe", "slack"]


def kind_of(sender: str) -> str:
    return "standard" if sender == "svix" else sender


def digest(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


def signed(sender: str, body: bytes = BODY, secret: str = SECRET, age: float = 0, **replaced: str) -> Headers:
    """Return the headers of a signed body; `replaced` are of other values, by name with underscores."""
    sent = str(int(time.time() - age))
    key = secret.encode()
    if sender == "github":
        headers = {"X-Hub-Signature-256": "sha256=" + digest(key, body).hex()}
    elif sender == "stripe":
        signature = digest(key, f"{sent}.".encode() + body).hex()
        headers = {"Stripe-Signature": f"t={sent},v1={signature},v0={'0' * 64}"}
    elif sender == "slack":
        signature = digest(key, f"v0:{sent}:".encode() + body).hex()
        headers = {"X-Slack-Request-Timestamp": sent, "X-Slack-Signature": f"v0={signature}"}
    else:
        prefix = "webhook" if sender == "standard" else "svix"
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signature = base64.b64encode(digest(key, f"msg_1.{sent}.".encode() + body)).decode()
        headers = {
            f"{prefix}-id": "msg_1",
            f"{prefix}-timestamp": sent,
            f"{prefix}-signature": f"v1,{signature}",
        }
    headers |= {name.replace("_", "-"): value for name, value in replaced.items()}
    return [*headers.items()]
