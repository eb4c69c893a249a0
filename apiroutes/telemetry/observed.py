"""An App's look-up, and something that begins with each request that it finds a resource for.

In: the look-up, and observers. Out: a look-up of resources that call the observers first. An observer's
`begin` is called with the response, in the thread or task that answers, before anything else of the request
runs, `maxDuration` included. What it must do at the end it gives to `response._call_at_end`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from apiroutes.resources import LoopRun, Resource, Run
from apiroutes.structs import replace
from apiroutes.types import Environ, Params

__all__ = ["Begin", "Find", "Observer", "observed"]

Find = Callable[[Environ], "tuple[Resource | None, Params]"]
Begin = Callable[[Any], object]
# Returns what begins a request of the resource with this pattern.
Observer = Callable[["str | None"], Begin]


def observed(find: Find, observers: Sequence[Observer], unobserved: Iterable[Resource]) -> Find:
    """Return the look-up with the observers; the resources `unobserved` are left alone.

    A resource that answers many requests is taken over once, at its first. Others are made for one request,
    such as that of a redirect.
    """
    by_pattern: dict[str | None, list[Begin]] = {}
    # By the id of the original, which is kept, so that no other object gets that id.
    known = {id(resource): (resource, resource) for resource in unobserved}

    def look_up(environ: Environ) -> tuple[Resource | None, Params]:
        resource, params = find(environ)
        if resource is None:
            return None, params
        found = known.get(id(resource))
        if found is not None:
            return found[1], params
        begins = by_pattern.get(resource.pattern)
        if begins is None:
            begins = by_pattern[resource.pattern] = [observe(resource.pattern) for observe in observers]
        taken = _with_begin(resource, begins)
        if resource.is_shared:
            known[id(resource)] = resource, taken
        return taken, params

    return look_up


def _with_begin(resource: Resource, begins: Sequence[Begin]) -> Resource:
    begin = begins[0] if len(begins) == 1 else _all(begins)
    return replace(
        resource,
        by_method={method: _run(run, begin) for method, run in resource.by_method.items()},
        other_methods=_run(resource.other_methods, begin),
        on_loop={method: run and _run_on_loop(run, begin) for method, run in resource.on_loop.items()},
        others_on_loop=resource.others_on_loop and _run_on_loop(resource.others_on_loop, begin),
        fixed_response=None,
    )


def _all(begins: Sequence[Begin]) -> Begin:
    def begin_all(response: Any) -> None:
        for begin in begins:
            begin(response)

    return begin_all


def _run(run: Run, begin: Begin) -> Run:
    def begin_and_run(response: Any) -> None:
        begin(response)
        run(response)

    return begin_and_run


def _run_on_loop(run: LoopRun, begin: Begin) -> LoopRun:
    def begin_and_run(response: Any) -> Awaitable[None]:
        begin(response)
        return run(response)

    return begin_and_run
