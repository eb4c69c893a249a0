"""What keeps a module's answers from being cached, whatever its handlers return.

In: the handlers of a module that declares a cache. Out: mistakes, which stop the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from apiroutes.handlers.declarations import security_of
from apiroutes.handlers.dependencies import named
from apiroutes.handlers.dependency_graph import Node
from apiroutes.handlers.route_modules import Handler, RouteModule
from apiroutes.handlers.sources import line_of_function
from apiroutes.secret_keys import takes_secret_key

__all__ = ["CacheMistake", "cache_mistakes"]


class CacheMistake(NamedTuple):
    """What is wrong with a cached handler: its line, and the name of the parameter that is to blame."""

    message: str
    remedy: str
    line: int | None = None
    parameter: str | None = None


def cache_mistakes(handlers: Mapping[str, Handler]) -> Iterator[CacheMistake]:
    """Yield what is wrong with the handler that answers GET.

    Its answers are served to everybody, without a call of it or of what it takes by `Depends`.
    """
    handler = handlers.get("GET", handlers.get(RouteModule.ANY))
    if handler is None:
        return
    line = line_of_function(handler.function)
    if handler.security:
        message = f"`{handler.name}` is cached, and checks credentials itself, which no stored answer does."
        yield CacheMistake(message, "Check them in middleware, or in `dependencies = [...]`.", line)
    for parameter, chain in _chains_to_credentials(handler):
        way = " -> ".join(node.place for node in chain)
        message = f"`{handler.name}` is cached, and `{parameter}` comes from credentials: {way}."
        guard = f"dependencies = [Depends({named(chain[0].function)})]"
        remedy = (
            f"Write `{guard}` in its place, which runs for every request, outside of the cache; "
            "an answer that depends on the user cannot be cached."
        )
        yield CacheMistake(message, remedy, line, parameter)


def _chains_to_credentials(handler: Handler) -> Iterator[tuple[str, tuple[Node, ...]]]:
    """Yield each parameter whose value comes from what reads credentials, and the way to it."""
    if handler.dependencies is None:
        return
    nodes = handler.dependencies.graph.nodes
    for parameter, position in handler.dependencies.graph.needs.items():
        seen: set[int] = set()
        waiting: list[tuple[int, tuple[Node, ...]]] = [(position, ())]
        while waiting:
            position, before = waiting.pop()
            if position in seen:
                continue
            seen.add(position)
            way = (*before, nodes[position])
            if _reads_credentials(nodes[position]):
                yield parameter, way
                break
            waiting += [(inner, way) for inner in nodes[position].needs.values()]


def _reads_credentials(node: Node) -> bool:
    return bool(security_of(node.function)) or takes_secret_key(node.function)
