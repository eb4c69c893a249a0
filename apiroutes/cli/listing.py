"""Routes as rows: for programs, and as a table for people.

In: resources. Out: data for JSON, and lines of text. docs/routes.md documents the members.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from apiroutes.handlers import CacheConfig, RouteModule
from apiroutes.marks import rate_limit_of
from apiroutes.places import name_of, names_of
from apiroutes.rates import Limit
from apiroutes.resources import Resource
from apiroutes.sizes import Size
from apiroutes.terminal import BOLD, CYAN, DIM, Paint
from apiroutes.types import Middleware

__all__ = [
    "cache_text",
    "dependencies_text",
    "limits_text",
    "middleware_text",
    "row_of",
    "runs_text",
    "table",
]

_COLUMNS = ("URL", "METHODS", "FILE", "MIDDLEWARE", "CACHE", "RUNS", "LIMITS")
_STYLES = ((BOLD,), (CYAN,), (), (), (), (), (DIM,))
# In this order, where a terminal is too narrow for all.
_DROPPED = ("LIMITS", "RUNS", "MIDDLEWARE", "CACHE")


def row_of(resource: Resource) -> dict[str, Any]:
    """Return one route for programs."""
    assert resource.module is not None
    module, config = resource.module, resource.module.config
    return {
        "path": resource.pattern,
        "methods": ["ANY"] if RouteModule.ANY in module.handlers else list(module.handlers),
        "file": module.route.file,
        "middleware": names_of(resource.middleware),
        "method_middleware": {
            "ANY" if method == RouteModule.ANY else method: names_of(handler.middleware)
            for method, handler in module.handlers.items()
            if handler.middleware
        },
        "guards": [*dict.fromkeys(name for one in module.handlers.values() for name in one.guard_names)],
        "dependencies": {
            "ANY" if method == RouteModule.ANY else method: handler.dependency_names
            for method, handler in module.handlers.items()
            if handler.dependency_names
        },
        "off_loop": {
            "ANY" if method == RouteModule.ANY else method: resource.why_off_loop(method)
            for method in module.handlers
        },
        "body_limit": _limit(config.size_limit) if config.parse_body else None,
        "response_limit": _limit(config.response_limit),
        "max_duration": config.max_duration,
        "cache": None if config.cache is None else _cache(config.cache),
        "rate_limits": [*_rate_limits(resource)],
    }


def _cache(cache: CacheConfig) -> dict[str, Any]:
    return {
        "revalidate": False if cache.revalidate == math.inf else _number(cache.revalidate),
        "stale": _number(cache.stale),
        "tags": [*cache.tags],
        "vary": [*cache.vary],
        "query": None if cache.query is None else [*cache.query],
        "cookies": "ignore" if cache.ignores_cookies else "bypass",
        "context": [*cache.context],
        "statuses": sorted(cache.statuses),
        "headers": cache.headers,
    }


def _rate_limits(resource: Resource) -> Iterator[dict[str, Any]]:
    """Yield the limits of a route from the outside in: of all methods, then of each method's own."""
    assert resource.module is not None
    steps: list[tuple[str | None, Middleware]] = [(None, step) for step in resource.middleware]
    for method, handler in resource.module.handlers.items():
        name = "ANY" if method == RouteModule.ANY else method
        steps += [(name, step) for step in handler.middleware]
    for of, step in steps:
        limit: Limit | None = rate_limit_of(step)
        if limit is not None:
            yield {"method": of, **_rate_limit(limit)}


def _rate_limit(limit: Limit) -> dict[str, Any]:
    return {
        "limit": [rate.text for rate in limit.rates],
        "by": limit.by if isinstance(limit.by, str) else name_of(limit.by),
        "cost": limit.cost if isinstance(limit.cost, int) else name_of(limit.cost),
        "name": limit.name,
        "failures_only": limit.failures_only,
    }


def _number(seconds: float) -> float:
    return int(seconds) if seconds.is_integer() else seconds


def table(rows: Sequence[dict[str, Any]], paint: Paint, width: int | None) -> tuple[list[str], list[str]]:
    """Return the lines of the table, and the columns for which `width` has no room. None is unlimited.

    A project that caches nothing has no column for it.
    """
    cells = [_COLUMNS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    shown, dropped = list(range(len(_COLUMNS))), []
    if all(row["cache"] is None for row in rows):
        shown.remove(_COLUMNS.index("CACHE"))
    for name in _DROPPED:
        if _COLUMNS.index(name) not in shown:
            continue
        if width is None or sum(widths[column] + 2 for column in shown) - 2 <= width:
            break
        shown.remove(_COLUMNS.index(name))
        dropped.append(name)
    lines = []
    for number, line in enumerate(cells):
        parts = []
        for column in shown:
            text = line[column]
            padding = " " * (widths[column] - len(text)) if column != shown[-1] else ""
            parts.append(paint(text, DIM) if number == 0 else paint(text, *_STYLES[column]))
            parts[-1] += padding
        lines.append("  ".join(parts))
    return lines, dropped


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["path"],
        ", ".join(row["methods"]),
        row["file"],
        middleware_text(row) or "-",
        cache_text(row) or "-",
        runs_text(row),
        limits_text(row),
    )


def middleware_text(row: dict[str, Any]) -> str:
    """Return the names of a route's middleware, those of single methods in parentheses, and of its guards."""
    of_methods = [f"{method}({', '.join(names)})" for method, names in row["method_middleware"].items()]
    return ", ".join([*row["middleware"], *of_methods, *(f"Depends({name})" for name in row["guards"])])


def dependencies_text(row: dict[str, Any], method: str | None) -> str:
    """Return what the handlers of a route depend on, or that of one method."""
    by_method: dict[str, list[str]] = row["dependencies"]
    if method is not None:
        return ", ".join(by_method.get(method, by_method.get("ANY", [])))
    return ", ".join(f"{name}({', '.join(names)})" for name, names in by_method.items())


def cache_text(row: dict[str, Any]) -> str:
    """Return for how long an answer is kept, and with which tags; nothing for a route that is not cached."""
    cache = row["cache"]
    if cache is None:
        return ""
    lifetime = "until revalidated" if cache["revalidate"] is False else f"{cache['revalidate']} s"
    return f"{lifetime}, tags: {', '.join(cache['tags'])}" if cache["tags"] else lifetime


def runs_text(row: dict[str, Any]) -> str:
    """Return which methods run on an ASGI server's loop, and what makes the others run in threads."""
    off_loop: dict[str, str | None] = row["off_loop"]
    on_loop = [method for method, name in off_loop.items() if name is None]
    names = ", ".join(dict.fromkeys(name for name in off_loop.values() if name is not None))
    if not names:
        return "async"
    return f"async {', '.join(on_loop)}; thread: {names}" if on_loop else f"thread: {names}"


def limits_text(row: dict[str, Any]) -> str:
    """Return the limits of a route: of its bodies, its responses, a handler's time, and its requests."""
    parts = [
        "body not parsed" if row["body_limit"] is None else f"body {_readable(row['body_limit'])}",
        "response any" if row["response_limit"] is None else f"response {_readable(row['response_limit'])}",
    ]
    if row["max_duration"] is not None:
        parts.append(f"{row['max_duration']:g} s")
    for limit in row["rate_limits"]:
        before = "" if limit["method"] in (None, "ANY") else f"{limit['method']} "
        parts += [before + rate for rate in limit["limit"]]
    return ", ".join(parts)


def _limit(size: Size | None) -> int | None:
    return None if size is None else size.bytes


def _readable(count: int) -> str:
    for unit, factor in (("gb", 2**30), ("mb", 2**20), ("kb", 2**10)):
        if count >= factor and count % (factor // 4) == 0:
            return f"{count / factor:g}{unit}"
    return f"{count}b"
