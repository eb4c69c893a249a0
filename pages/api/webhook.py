"""Take a webhook, signed as GitHub does: the signature covers the bytes as they were received.

Sender and receiver share the secret in the environment variable WEBHOOK_SECRET. The default is for
development: everybody knows it.

    body='{"event": "ping"}'
    signature=$(printf %s "$body" | openssl dgst -sha256 -hmac secret-of-development -r | cut -d ' ' -f 1)
    curl localhost:8000/api/webhook --json "$body" -H "X-Hub-Signature-256: sha256=$signature"
"""

import os
from typing import Any

import msgspec

from apiroutes import use
from apiroutes.middleware import webhook

config = {"api": {"bodyParser": {"sizeLimit": "64kb"}}}


class Received(msgspec.Struct):
    received: dict[str, Any]


@use(webhook("github", secret=os.environ.get("WEBHOOK_SECRET", "secret-of-development")))
def POST(body: dict[str, Any]) -> Received:
    """Take an event."""
    return Received(body)
