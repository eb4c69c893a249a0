"""The tests' own conversion of plain sources, and their list of deviations."""

from __future__ import annotations

import pytest

from tests.interfaces import deviations, made_async

CONVERTED = [
    ("def GET(): return 1\n", "async def GET(): return 1\n"),
    (
        "def step(req, res, next):\n    if req.query: return next()\n    next()\n",
        "async def step(req, res, next):\n    if req.query: return (await next())\n    (await next())\n",
    ),
    (
        "def make(name):\n    def step(req, res, next): next()\n    return step\n",
        "def make(name):\n    async def step(req, res, next): (await next())\n    return step\n",
    ),
    (
        "x = 'é'; y = 1\ndef handler(req, res): res.end('é')\n",
        "x = 'é'; y = 1\nasync def handler(req, res): res.end('é')\n",
    ),
]


@pytest.mark.parametrize(("source", "converted"), CONVERTED)
def test_handlers_and_middleware_are_made_async(source: str, converted: str) -> None:
    assert made_async(source) == converted


KEPT = [
    "async def GET(): return 1\n",
    "def helper(): return 1\n",
    "def GET(): yield 1\n",
    "@wrap\ndef GET(): return 1\n",
    "import time\ndef GET(): time.sleep(1)\n",
    "def step(req, res, next): return map(next, [])\n",
    "def GET(): return 1\nasync def POST(): return GET()\n",
    "async def later(): pass\ndef GET(): return later()\n",
    "config = {'api': {'bodyParser': False}}\ndef POST(req): return req.stream.read()\n",
    "def GET(:\n",
]


@pytest.mark.parametrize("source", KEPT)
def test_what_cannot_be_async_stays_plain(source: str) -> None:
    assert made_async(source) == source


def test_every_deviation_has_a_reason() -> None:
    assert all(deviation.reason for deviation in deviations())
