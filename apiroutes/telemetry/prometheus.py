"""Metrics of requests by prometheus_client, and all metrics of a machine's workers in Prometheus's format.

In: requests. Out: counts and times; text for a scraper. It needs the extra `prometheus`. The metrics of a
project's own code are in the same registry, and appear at the same path.
"""

from __future__ import annotations

import functools
import logging
import multiprocessing
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import prometheus_client
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.multiprocess import MultiProcessCollector

from apiroutes.concurrency import watch_abandoned
from apiroutes.errors import Problem, ProjectError
from apiroutes.http import BODYLESS
from apiroutes.response_state import OPEN
from apiroutes.streams import close
from apiroutes.telemetry import worker_files
from apiroutes.telemetry.conventions import known_methods, method_of, route_below
from apiroutes.telemetry.directory import shared_directory
from apiroutes.telemetry.observed import Begin
from apiroutes.types import Environ

__all__ = ["observer", "prepare", "require_names", "write"]

_log = logging.getLogger("apiroutes")

_MOST_KEPT = 256  # mounts and methods of a route
_DIGITS = 18  # of a length
_ATTEMPTS = 3  # to read files that workers write meanwhile


def observer() -> Callable[[str | None], Begin]:
    """Return what makes the beginning of each request of a route, by its pattern, in a worker that starts."""
    path = _directory()
    if path is not None:  # it may be in the place of others
        try:
            with worker_files.locked(path):
                worker_files.fold(path)
        except OSError as error:  # the next scrape does it
            # Record: The directory of the metrics is not writable at the moment; the next scrape tries again.
            _log.warning("the metrics of ended workers are not combined: %s", error)
    metrics, known = _metrics(), known_methods()
    return lambda pattern: _Route(pattern, metrics, known).begin


def prepare() -> None:
    """Let workers share their metrics whatever happens to their directory; before the project makes any."""
    if shared_directory() is not None:
        worker_files.keep_directory()


def require_names() -> None:
    """Raise ProjectError if the project has given a metric one of our names."""
    _metrics()


class _Metrics:
    """The metrics of this process; a process makes each once, for all its Apps."""

    def __init__(self) -> None:
        by_operation = ("method", "route")
        self.requests = Counter(
            "http_requests_total",
            "Requests that have ended, including those without a response.",
            (*by_operation, "status"),
        )
        self.duration = Histogram(
            "http_request_duration_seconds", "Time from a request's start to its end.", by_operation
        )
        self.request_size = Summary(
            "http_request_size_bytes",
            "Announced or received content of requests with content.",
            by_operation,
        )
        self.response_size = Summary("http_response_size_bytes", "Content of responses.", by_operation)
        self.in_flight = Gauge(
            "http_requests_in_flight",
            "Requests that have not been answered completely.",
            multiprocess_mode="livesum",
        )
        self.abandoned = Gauge(
            "apiroutes_abandoned_handlers",
            "Handlers that run on past their maxDuration.",
            multiprocess_mode="livesum",
        )
        watch_abandoned(self.abandoned.inc)


_made: list[_Metrics] = []
_making = threading.Lock()


def _metrics() -> _Metrics:
    with _making:
        if not _made:
            try:
                _made.append(_Metrics())
            except ValueError as error:
                message = f"a metric of the project has the same name as a metric of apiroutes: {error}."
                remedy = (
                    "Give it another name, or remove metrics_path and serve prometheus_client's registry."
                )
                raise ProjectError([Problem("The setting `metrics_path`", message, remedy)]) from error
        return _made[0]


@functools.cache
def _warn_once() -> None:
    # Record: prometheus_client has raised an exception; logged once in a process.
    _log.warning("requests could not be counted for metrics_path", exc_info=True)


class _Operation:
    """The metrics of a method and route, below one mount."""

    def __init__(self, metrics: _Metrics, method: str, route: str) -> None:
        self.duration = metrics.duration.labels(method, route)
        self.request_size = metrics.request_size.labels(method, route)
        self.response_size = metrics.response_size.labels(method, route)
        self._requests = metrics.requests
        self._labels = method, route
        self._by_class: dict[int, Any] = {}

    def requests(self, status: int) -> Any:
        """Return the counter of the requests with a status of this class; 0 is that of no response."""
        number = status // 100
        counter = self._by_class.get(number)
        if counter is None:
            name = f"{number}xx" if number else "none"
            counter = self._by_class[number] = self._requests.labels(*self._labels, name)
        return counter


class _Route:
    """Begins the requests of one route, or those without a route."""

    def __init__(self, pattern: str | None, metrics: _Metrics, known: frozenset[str]) -> None:
        self._pattern = pattern
        self._metrics = metrics
        self._known = known
        self._operations: dict[tuple[str, str], _Operation] = {}

    def begin(self, response: Any) -> None:
        environ: Environ = response.req.environ
        key = environ["REQUEST_METHOD"], environ.get("SCRIPT_NAME") or ""
        try:
            operation = self._operations.get(key) or self._make(*key)
            measured = _Measured(operation, self._metrics.in_flight)
        except Exception:  # of a full disk, with the workers' files
            _warn_once()
            return
        response._call_at_end(measured.end, measured.surround)

    def _make(self, sent: str, mount: str) -> _Operation:
        route = route_below(mount, self._pattern) or "none"
        operation = _Operation(self._metrics, method_of(sent, self._known), route)
        if sent in self._known and len(self._operations) < _MOST_KEPT:
            self._operations[sent, mount] = operation
        return operation


class _Measured:
    """One request, from its begin to the end of its response."""

    __slots__ = ("_began", "_chunks", "_in_flight", "_operation")

    def __init__(self, operation: _Operation, in_flight: Any) -> None:
        self._operation = operation
        self._in_flight = in_flight
        self._chunks: _Counted | None = None
        in_flight.inc()
        self._began = time.perf_counter()

    def surround(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        """Return the chunks of a stream, whose bytes are counted."""
        self._chunks = _Counted(chunks)
        return self._chunks

    def end(self, response: Any) -> None:
        """Count the request; the response is as it was sent."""
        try:
            self._end(response)
        except Exception:
            _warn_once()

    def _end(self, response: Any) -> None:
        operation = self._operation
        operation.duration.observe(time.perf_counter() - self._began)
        operation.requests(response.status_code if response._state > OPEN else 0).inc()
        size = _size_of_request(response.req.environ)
        if size:
            operation.request_size.observe(size)
        operation.response_size.observe(self._size_of(response))
        self._in_flight.dec()

    def _size_of(self, response: Any) -> int:
        if response.req.environ["REQUEST_METHOD"] == "HEAD" or response._status in BODYLESS:
            return 0
        if response._written:
            return int(response._written)
        return len(response._content) if self._chunks is None else self._chunks.size


def _size_of_request(environ: Environ) -> int:
    length = environ.get("CONTENT_LENGTH", "")
    return int(length) if length.isdecimal() and len(length) <= _DIGITS else 0


class _Counted:
    """Chunks for the server, whose bytes are counted."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._iterator = iter(chunks)
        self.size = 0
        self.async_chunks = getattr(chunks, "async_chunks", None)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._iterator)
        self.size += len(chunk)
        return chunk

    def close(self) -> None:
        close(self._chunks)


def write(environ: Environ) -> tuple[bytes, str]:
    """Return all metrics in the format that a request's field Accept asks for, and the media type.

    Those of all workers, where they share a directory, as those of `apiroutes start` do.
    """
    encode, content_type = prometheus_client.exposition.choose_encoder(environ.get("HTTP_ACCEPT", ""))
    path = _directory()
    if path is None:
        if shared_directory() is None and _may_have_others(environ):
            _warn_of_others()
        return encode(REGISTRY), content_type
    with worker_files.locked(path):
        worker_files.fold(path)
        for _ in range(_ATTEMPTS):
            try:
                return encode(_registry_of(path)), content_type
            except (RuntimeError, struct.error, OSError):  # a file that a worker has just begun
                time.sleep(0.01)
        return encode(_registry_of(path)), content_type


def _may_have_others(environ: Environ) -> bool:
    """Return whether the server may have several workers, as far as this one can tell."""
    if multiprocessing.parent_process() is not None:  # as under uvicorn and granian
        return True
    return bool(environ.get("wsgi.multiprocess")) and "asgi.scope" not in environ


@functools.cache
def _warn_of_others() -> None:
    # Record: `metrics_path` is requested from a server whose processes share no directory; logged once.
    _log.warning(
        "metrics_path has the metrics of only one process: if the server has several workers, each scrape "
        "reads another one, and counters go back. Use `apiroutes start`, or set an empty directory in "
        "PROMETHEUS_MULTIPROC_DIR before the server starts"
    )


def _directory() -> Path | None:
    """Return the shared directory, made again if it has disappeared; None if that is impossible."""
    path = shared_directory()
    return path if path is None or path.is_dir() or worker_files.make_again(path) else None


def _registry_of(path: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    collect: Any = MultiProcessCollector
    collect(registry, str(path))
    return registry
