"""The peers: modules that answer the same workloads, each in its own idiom.

A peer module has `application()`, which answers W1-W7, W9 and W10, and `numbered_application(routes)`,
which answers W8. It is imported only when what it needs is installed, so that no peer is a dependency.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from benchmarks.workloads import NumberedRoute, WSGIApplication


class PeerModule(Protocol):
    """What every module of this package offers."""

    def application(self) -> WSGIApplication: ...

    def numbered_application(self, routes: Sequence[NumberedRoute]) -> WSGIApplication: ...


@dataclass(frozen=True)
class Peer:
    """A way to write the workloads; `needs` is the distribution, and the package, that it is written with."""

    key: str
    title: str
    module: str
    needs: str | None

    def installed(self) -> bool:
        return self.needs is None or find_spec(self.needs) is not None

    def load(self) -> PeerModule:
        return cast(PeerModule, import_module(self.module))


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
        Peer("django", "Django", "benchmarks.peers.django", "django"),
    )
}


def installed_peers(keys: Iterable[str]) -> list[Peer]:
    """The peers of these names that can run; a line on standard error for each that cannot."""
    peers = [PEERS[key] for key in keys]
    for peer in peers:
        if not peer.installed():
            hint = "pip install 'apiroutes[bench]'"
            print(f"left out: {peer.title} is not installed ({hint})", file=sys.stderr)
    return [peer for peer in peers if peer.installed()]
