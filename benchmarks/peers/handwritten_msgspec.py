"""Hand-written WSGI with msgspec: the limit, as nothing in Python can be much faster."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchmarks.peers.handwritten import make_application, make_numbered_application
from benchmarks.workloads import NumberedRoute, WSGIApplication


def application() -> WSGIApplication:
    return make_application(msgspec.json.Decoder().decode, msgspec.json.Encoder().encode)


def numbered_application(routes: Sequence[NumberedRoute]) -> WSGIApplication:
    return make_numbered_application(msgspec.json.Encoder().encode, routes)
