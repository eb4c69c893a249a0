"""The peers: modules with applications for the same workloads, each in its own idiom.

A peer module has `application()`, and `numbered_application(routes)` for W8; one that makes ETags also has
`application_without_etag()` for W10n. One with a cache has `cached_application()` for W11, and where workers
share it `shared_cached_application()` for W11s; it may lack the others. It is imported only if its framework
is installed, so that no peer is a dependency. `ASYNC_PEERS` have an ASGI `application()` alone, which http.py
measures.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


@dataclass(frozen=True)
class Peer:
    """A way to write the workloads; `needs` is the name of its distribution and its package."""

    key: str
    title: str
    module: str
    needs: str | None

    def installed(self) -> bool:
        return self.needs is None or find_spec(self.needs) is not None

    def load(self) -> ModuleType:
        return import_module(self.module)


PEERS = {
    peer.key: peer
    for peer in (
        Peer("apiroutes", "apiroutes", "benchmarks.peers.apiroutes", "apiroutes"),
        Peer("json", "hand-written WSGI, json", "benchmarks.peers.handwritten_json", None),
        Peer("msgspec", "hand-written WSGI, msgspec", "benchmarks.peers.handwritten_msgspec", "msgspec"),
        Peer("falcon", "Falcon", "benchmarks.peers.falcon", "falcon"),
        Peer("falcon_msgspec", "Falcon, msgspec", "benchmarks.peers.falcon_msgspec", "falcon"),
        Peer("bottle", "Bottle", "benchmarks.peers.bottle", "bottle"),
        Peer("flask", "Flask", "benchmarks.peers.flask", "flask"),
        Peer("flask_caching", "Flask, Flask-Caching", "benchmarks.peers.flask_caching", "flask_caching"),
        Peer("django", "Django", "benchmarks.peers.django", "django"),
    )
}

ASYNC_PEERS = {
    peer.key: peer
    for peer in (
        Peer("fastapi", "FastAPI", "benchmarks.peers.fastapi", "fastapi"),
        Peer("starlette", "Starlette", "benchmarks.peers.starlette", "starlette"),
        Peer("litestar", "Litestar", "benchmarks.peers.litestar", "litestar"),
    )
}


def installed_peers(keys: Iterable[str]) -> list[Peer]:
    """Return the peers of these names that are installed; report the others on standard error."""
    peers = [PEERS[key] for key in keys]
    for peer in peers:
        if not peer.installed():
            hint = "pip install 'apiroutes[bench]'"
            print(f"left out: {peer.title} is not installed ({hint})", file=sys.stderr)
    return [peer for peer in peers if peer.installed()]
