"""Hand-written WSGI with the standard library's json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.peers.handwritten import make_application, make_numbered_application
from benchmarks.workloads import NumberedRoute, WSGIApplication


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def application() -> WSGIApplication:
    return make_application(json.loads, encode)


def numbered_application(routes: Sequence[NumberedRoute]) -> WSGIApplication:
    return make_numbered_application(encode, routes)
