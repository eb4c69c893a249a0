"""What is wrong with a module whose answers are cached, whatever its handlers return.

In: the handlers of a module that declares a cache, and what it declares. Out: mistakes, which stop the start.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from apiroutes.errors import listed
from apiroutes.handlers.cache_config import CacheConfig
from apiroutes.handlers.declarations import required_of, security_of
from apiroutes.handlers.dependencies import named
from apiroutes.handlers.dependency_graph import Node
from apiroutes.handlers.route_modules import Handler, RouteModule
from apiroutes.handlers.signatures import Signature
from apiroutes.handlers.sources import line_of_function
from apiroutes.marks import takes_secret_key
from apiroutes.schemas import schema_of

__all__ = ["CacheMistake", "cache_mistakes", "is_cached_function"]


class CacheMistake(NamedTuple):
    """What is wrong with a cached handler: its line, and the name of the parameter that is to blame."""

    message: str
    remedy: str
    line: int | None = None
    parameter: str | None = None


def is_cached_function(function: object) -> bool:
    """Return whether a function is one of `@cached`, which keeps values by arguments and not answers."""
    return all(callable(getattr(function, name, None)) for name in ("uncached", "revalidate"))


def cache_mistakes(handlers: Mapping[str, Handler], cache: CacheConfig) -> Iterator[CacheMistake]:
    """Yield what is wrong with the handler that answers GET.

    Its answers are served to everybody, without calling it or what it takes by `Depends`. None of these sees
    more of the query than the cache lists.
    """
    handler = handlers.get("GET", handlers.get(RouteModule.ANY))
    if handler is None:
        return
    line = line_of_function(handler.function)
    if handler.security:
        message = f"`{handler.name}` is cached, and checks credentials itself, which stored answers skip."
        yield CacheMistake(message, "Check them in middleware, or in `dependencies = [...]`.", line)
    own = handler.signature if handler.dependencies is None else handler.dependencies.signature
    if own.takes_session:
        message = f"`{handler.name}` is cached, and takes the session, which belongs to one client."
        remedy = "Read it in middleware, or in `dependencies = [...]`, or do not cache the route."
        yield CacheMistake(message, remedy, line)
    for parameter, chain in _chains_to_credentials(handler):
        way = " -> ".join(node.place for node in chain)
        message = f"`{handler.name}` is cached, and `{parameter}` comes from credentials: {way}."
        guard = f"dependencies = [Depends({named(chain[0].function)})]"
        remedy = (
            f"Write `{guard}` instead, which runs for every request, outside the cache; "
            "an answer that depends on the user cannot be cached."
        )
        yield CacheMistake(message, remedy, line, parameter)
    if cache.query is not None:
        yield from _unlisted_keys(handler, cache, cache.query)


def _unlisted_keys(handler: Handler, cache: CacheConfig, query: Sequence[str]) -> Iterator[CacheMistake]:
    """Yield what takes a key from the query that it never sees: a required one is always missing."""
    own = handler.signature if handler.dependencies is None else handler.dependencies.signature
    takers = [(f"`{handler.name}`", own)]
    takers += [(f"`{handler.name}` is cached, and {node.place}", node.signature) for node in _taken(handler)]
    never_seen = [
        (place, [names[0] for names in _keys_of(signature) if not {*names} & {*query}])
        for place, signature in takers
    ]
    missing = dict.fromkeys(key for _, unlisted in never_seen for key in unlisted)
    keys = json.dumps([*query, *missing], ensure_ascii=False)
    for place, unlisted in never_seen:
        if not unlisted:
            continue
        if cache.headers == "keyed":
            why, remedy = f"config.cache.query is {[*query]}", f'Write `"query": {keys}`'
        else:
            why = f"`dynamic` is {'force-static' if cache.headers == 'absent' else 'error'!r}"
            lifetime = "False" if math.isinf(cache.revalidate) else f"{cache.revalidate:.15g}"
            remedy = f'Write `config = {{"cache": {{"revalidate": {lifetime}, "query": {keys}}}}}`'
            remedy += " instead of `dynamic`"
        keys_taken = listed([*map(repr, unlisted)])
        message = f"{place} takes {keys_taken} from the query, which it never sees: {why}."
        line = line_of_function(handler.function)
        yield CacheMistake(message, f"{remedy}, or take no such parameter.", line, unlisted[0])


def _keys_of(signature: Signature) -> Iterator[Sequence[str]]:
    """Yield the keys of the query that a function takes as types, each by all its names."""
    for parameter in signature.inputs:
        if parameter.source == "query" and parameter.name is not None:
            yield (parameter.name,)
        elif parameter.source == "query":
            yield from schema_of(parameter.annotation).names_of_fields


def _taken(handler: Handler) -> Iterator[Node]:
    """Yield what the handler takes by `Depends`, and what that takes in turn, each once."""
    if handler.dependencies is None:
        return
    nodes = handler.dependencies.graph.nodes
    waiting = [*handler.dependencies.graph.needs.values()]
    seen: set[int] = set()
    while waiting:
        position = waiting.pop(0)
        if position not in seen:
            seen.add(position)
            yield nodes[position]
            waiting += nodes[position].needs.values()


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
    function = node.function
    asks = bool(security_of(function)) or required_of(function) is not None
    return asks or takes_secret_key(function) or node.signature.takes_session
