"""Interleaved timing: every contender in every round, and the empty application subtracted."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from itertools import cycle, islice
from statistics import median
from time import perf_counter_ns

from benchmarks.contenders import EMPTY, Contender, StartedResponse
from benchmarks.tables import progress
from benchmarks.workloads import Environ, Workload, WSGIApplication

Figures = dict[str, dict[str, float]]  # by peer and workload


def measure(
    all_contenders: Sequence[Contender], rounds: int, clock: Callable[[], int] = perf_counter_ns
) -> Figures:
    """Return the median nanoseconds per call of every contender, less those of the empty application."""
    samples: dict[tuple[str, str], list[float]] = {}
    gc.collect()
    gc.freeze()  # collections between timings skip everything loaded so far, and are cheap
    gc.disable()
    try:
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            for contender in _rotated(all_contenders, number):
                nanoseconds = time_calls(contender.application, contender.workload, clock)
                samples.setdefault((contender.peer, contender.workload.name), []).append(nanoseconds)
    finally:
        gc.enable()
        gc.unfreeze()
        progress("")
    return _less_empty({key: median(values) for key, values in samples.items()})


def time_calls(
    application: WSGIApplication, workload: Workload, clock: Callable[[], int] = perf_counter_ns
) -> float:
    """Return nanoseconds per call. They include the loop, for `empty_application` too."""
    requests = [(request.environ, request.content) for request in workload.requests]
    started = StartedResponse()
    # Some peers keep their last request until the next one, which then pays for its end.
    _call_all(application, requests[:1], started)
    calls = list(islice(cycle(requests), workload.calls))
    gc.collect()
    start = clock()
    _call_all(application, calls, started)
    return (clock() - start) / len(calls)


def _call_all(
    application: WSGIApplication, calls: Sequence[tuple[Environ, bytes]], started: StartedResponse
) -> None:
    for environ, content in calls:
        fresh = environ.copy()
        fresh["wsgi.input"] = BytesIO(content)
        body = application(fresh, started)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()


def _rotated(all_contenders: Sequence[Contender], number: int) -> Sequence[Contender]:
    """Start each round at another contender, so that the same neighbour does not always run before."""
    step = number % len(all_contenders)
    return [*all_contenders[step:], *all_contenders[:step]]


def _less_empty(medians: Mapping[tuple[str, str], float]) -> Figures:
    figures: Figures = {}
    for (peer, workload), nanoseconds in medians.items():
        empty = 0.0 if peer == EMPTY else medians[EMPTY, workload]
        figures.setdefault(peer, {})[workload] = nanoseconds - empty
    return figures
