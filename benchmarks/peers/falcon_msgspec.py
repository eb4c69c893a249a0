"""Falcon with msgspec for JSON, as its documentation recommends for speed."""

from __future__ import annotations

from collections.abc import Sequence

import falcon
import msgspec
from falcon import media

from benchmarks.peers import falcon as plain
from benchmarks.workloads import NumberedRoute, WSGIApplication

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def application() -> WSGIApplication:
    return _with_msgspec(plain.application())


def numbered_application(routes: Sequence[NumberedRoute]) -> WSGIApplication:
    return _with_msgspec(plain.numbered_application(routes))


def _with_msgspec(app: falcon.App) -> falcon.App:
    handler = media.JSONHandler(dumps=_encode, loads=_decode)
    app.req_options.media_handlers[falcon.MEDIA_JSON] = handler
    app.resp_options.media_handlers[falcon.MEDIA_JSON] = handler
    return app
