"""A cell of http.py's tables: a load, over a number of connections, on a deployment; and its figures."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from statistics import median

from benchmarks import generators
from benchmarks.deadline import Deadline
from benchmarks.deployments import Deployment
from benchmarks.loads import LOADS, raw_request
from benchmarks.processes import cpu_seconds, megabytes
from benchmarks.servers import running


class WrongResponseError(Exception):
    """A server's response is not the one that the load requires."""


@dataclass(frozen=True)
class Cell:
    load: str
    connections: int
    deployment: Deployment

    @property
    def table(self) -> str:
        return f"{LOADS[self.load].title}, {self.connections} connections"

    @property
    def title(self) -> str:
        return f"{self.table}, {self.deployment.title}"


@dataclass(frozen=True)
class Figures:
    """What one server did under load; times are in seconds, `cpu` for a request."""

    rate: float
    p50: float
    p99: float
    cpu: float | None
    megabytes: float | None
    errors: int


Measured = dict[Cell, list[Figures]]


def measure(cell: Cell, seconds: float, deadline: Deadline) -> Figures:
    """Start a server, load it, and stop it.

    Raises OutOfTimeError; and for a server that does not serve WrongResponseError, OSError, HTTPException or
    CalledProcessError.
    """
    load, server = LOADS[cell.load], cell.deployment.served_by
    request = raw_request(load.request, load.path(server.asgi))
    with running(server, cell.deployment.factory, deadline) as (pid, port):
        check(cell, port)
        generators.warm_up(port, request, min(cell.connections, 8), deadline)
        before = cpu_seconds(pid)
        summary = generators.load(port, request, cell.connections, seconds, deadline)
        after = cpu_seconds(pid)
        memory = megabytes(pid)
    cpu = None if before is None or after is None else (after - before) / max(summary.requests, 1)
    rate = summary.requests / summary.seconds
    return Figures(rate, summary.p50, summary.p99, cpu, memory, summary.errors)


def check(cell: Cell, port: int) -> None:
    """Raise WrongResponseError unless the server gives the required response."""
    load = LOADS[cell.load]
    request = load.request
    headers = {"Content-Type": request.environ["CONTENT_TYPE"]} if request.content else {}
    path = load.path(cell.deployment.served_by.asgi)
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(request.environ["REQUEST_METHOD"], path, request.content or None, headers)
        response = connection.getresponse()
        content = response.read()
    if response.status != request.required.status or load.read(content) != request.required.body:
        raise WrongResponseError(f"{path}: {response.status}, {content[:200]!r}")


def median_rate(repeats: Iterable[Figures]) -> float:
    return median(figures.rate for figures in repeats)


def median_cpu(repeats: Iterable[Figures]) -> float | None:
    """Return microseconds for a request."""
    cpu = [figures.cpu * 1e6 for figures in repeats if figures.cpu is not None]
    return median(cpu) if cpu else None
