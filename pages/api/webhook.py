"""Take a webhook whose sender signs it: the signature covers the bytes as received, so read `raw_body`.

Sender and receiver share the secret in the environment variable WEBHOOK_SECRET. The default is for
development: everybody knows it.

    body='{"event": "ping"}'
    signature=$(printf %s "$body" | openssl dgst -sha256 -hmac development -r | cut -d ' ' -f 1)
    curl localhost:8000/api/webhook --json "$body" -H "X-Signature: sha256=$signature"
"""

import hashlib
import hmac
import os
from typing import Any

import msgspec

from apiroutes import ApiError, Request, security_scheme

config = {"api": {"bodyParser": {"sizeLimit": "64kb"}}}


class Received(msgspec.Struct):
    received: dict[str, Any]


@security_scheme("signature", {"type": "apiKey", "in": "header", "name": "X-Signature"})
def POST(req: Request[dict[str, Any]]) -> Received:
    """Take an event.

    Raises 401 when the signature does not match the body.
    Raises 415 when it is not JSON.
    """
    if req.mimetype != "application/json":
        raise ApiError(415, "Send JSON")
    secret = os.environ.get("WEBHOOK_SECRET", "development").encode()
    expected = "sha256=" + hmac.new(secret, req.raw_body, hashlib.sha256).hexdigest()
    # As bytes: compare_digest takes no text beyond ASCII, and a header may hold some.
    if not hmac.compare_digest(req.headers.get("X-Signature", "").encode(), expected.encode()):
        raise ApiError(401, "The signature does not match the body")
    return Received(req.body)
