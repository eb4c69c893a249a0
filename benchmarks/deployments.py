"""The peers under the servers that suit them, as http.py measures them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks.loads import ASYNC, Load
from benchmarks.peers import ASYNC_PEERS, PEERS
from benchmarks.servers import SERVERS, Server

OURS = "apiroutes"
ALL_PEERS = PEERS | ASYNC_PEERS


@dataclass(frozen=True)
class Deployment:
    """A peer under a server; `only` names the loads, all that it has handlers for if it is empty."""

    peer: str
    server: str
    only: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"{ALL_PEERS[self.peer].title}, {self.served_by.title}"

    @property
    def served_by(self) -> Server:
        return SERVERS[self.server]

    @property
    def factory(self) -> str:
        """The function that makes the application, as servers take it."""
        is_ours_by_asgi = self.peer == OURS and self.served_by.asgi
        return f"{ALL_PEERS[self.peer].module}:{'asgi_application' if is_ours_by_asgi else 'application'}"

    def takes(self, load: Load) -> bool:
        if self.only and load.name not in self.only:
            return False
        if load.needs_cache and self.peer != OURS:
            return False
        return load.handler != ASYNC or self.peer == OURS or self.peer in ASYNC_PEERS

    @property
    def needs(self) -> list[str]:
        """The packages to import."""
        return [name for name in (ALL_PEERS[self.peer].needs, self.served_by.needs) if name]

    def missing(self) -> str | None:
        """Say what it needs that is not there; None if nothing."""
        for name in self.needs:
            if find_spec(name) is None:
                return f"{name} is not installed"
        return None


DEPLOYMENTS = (
    Deployment(OURS, "start"),
    Deployment(OURS, "start-sync", only=("json",)),
    Deployment(OURS, "start-gevent", only=("json",)),
    Deployment(OURS, "start-granian8"),
    Deployment(OURS, "start-granian64"),
    Deployment(OURS, "uvicorn"),
    Deployment(OURS, "start-granian-asgi"),
    Deployment(OURS, "start-asgi"),
    Deployment("msgspec", "gthread8", only=("json",)),
    Deployment("msgspec", "granian8", only=("json",)),
    Deployment("falcon", "gthread8"),
    Deployment("falcon", "granian8"),
    Deployment("flask", "gthread8"),
    Deployment("flask", "granian8"),
    Deployment("fastapi", "uvicorn"),
    Deployment("starlette", "uvicorn"),
    Deployment("litestar", "uvicorn"),
)
DEPLOYED = {name: peer for name, peer in ALL_PEERS.items() if name in {each.peer for each in DEPLOYMENTS}}


def usable(peers: Sequence[str], servers: Sequence[str]) -> Iterator[Deployment]:
    """Yield the deployments of these names that can run; report the others on standard error."""
    for deployment in DEPLOYMENTS:
        if deployment.peer in peers and deployment.server in servers:
            missing = deployment.missing()
            if missing is None:
                yield deployment
            else:
                print(f"left out: {deployment.title} ({missing})", file=sys.stderr)
