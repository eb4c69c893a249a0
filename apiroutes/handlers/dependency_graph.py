"""What a handler depends on, resolved and checked at start: each dependency once, before what needs it.

In: a handler's signature, and the dependencies that its directories and module declare. Out: a `Graph`.
Raises ParameterError, with the chain of functions that leads to what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from apiroutes.handlers.calls import REQUEST_PARTS, Arguments
from apiroutes.handlers.dependencies import (
    Depends,
    Provider,
    checked,
    is_data_class,
    key_of,
    named,
    provider_of,
)
from apiroutes.handlers.parameter_errors import ParameterError
from apiroutes.handlers.parameters import read_dependency
from apiroutes.handlers.signatures import Parameter, Signature
from apiroutes.places import place_of
from apiroutes.routing import Kind, Segment
from apiroutes.structs import Struct, replace

__all__ = ["Dependencies", "Graph", "KnownDependencies", "Node", "Overrides"]

# What has been read of functions in a project, by `key_of` and the parameters of the path.
KnownDependencies = dict[
    tuple[tuple[object, ...], tuple[Segment, ...]], tuple[Callable[..., Any], Provider, Signature]
]

_OF_RESPONSE = Signature(REQUEST_PARTS["response"], arguments=Arguments([REQUEST_PARTS["response"]], {}))

# Functions to call instead of others, by `key_of` of the others.
Overrides = Mapping[tuple[object, ...], Callable[..., Any]]


class Node(Struct, frozen=True):
    """A dependency that is called once for a request.

    `function` is what is called, `asked` what the project asks for. `needs` has the positions of other nodes,
    by parameter.
    """

    function: Callable[..., Any]
    asked: Callable[..., Any]
    provider: Provider
    signature: Signature
    needs: Mapping[str, int]
    ends_early: bool  # closed before a stream begins
    uses_early: str | None  # the name of a generator that ends early, on which it depends

    @property
    def place(self) -> str:
        return _place(self.function)


class Graph(Struct, frozen=True):
    """The dependencies of a handler in the order of their calls; `needs` has those of its own parameters."""

    nodes: Sequence[Node]
    needs: Mapping[str, int]

    @property
    def is_async(self) -> bool:
        return any(node.provider.is_async for node in self.nodes)

    @property
    def has_exits(self) -> bool:
        return any(node.provider.is_generator for node in self.nodes)

    @property
    def outlives_response(self) -> bool:
        """Whether a generator stays open while a stream is sent."""
        return any(node.provider.is_generator and not node.ends_early for node in self.nodes)


class Dependencies(Struct, frozen=True):
    """A handler with what it depends on; `around` are the dependencies of its directories and module.

    `signature` is the handler's own, and `place` its name for messages.
    """

    place: str
    signature: Signature
    around: Sequence[Depends]
    segments: tuple[Segment, ...]
    graph: Graph

    @classmethod
    def of(
        cls,
        place: str,
        signature: Signature,
        around: Sequence[Depends],
        segments: tuple[Segment, ...],
        known: KnownDependencies,
    ) -> Dependencies:
        """Return the dependencies of a handler; `known` is what was read before. Raises ParameterError."""
        graph = _graph_of(place, signature, around, _Builder(segments, known))
        return cls(place, signature, around, segments, graph)

    def overridden(self, overrides: Overrides) -> Graph:
        """Return the graph with other functions. Raises ParameterError."""
        return _graph_of(self.place, self.signature, self.around, _Builder(self.segments, {}), overrides)

    @property
    def own(self) -> Dependencies | None:
        """What the handler itself takes, without what is around it; None if it takes nothing."""
        if not self.signature.dependencies:
            return None
        return Dependencies.of(self.place, self.signature, (), self.segments, {})

    @property
    def guards(self) -> Dependencies | None:
        """What is around the handler, for a function that takes the response; None if nothing is."""
        if not self.around:
            return None
        return Dependencies.of(self.place, _OF_RESPONSE, self.around, self.segments, {})

    @property
    def whole_signature(self) -> Signature:
        """The handler's signature with all that its dependencies take of a request."""
        signatures = [self.signature, *(node.signature for node in self.graph.nodes)]
        inputs: list[Parameter] = []
        for part in (part for signature in signatures for part in signature.inputs):
            if not any(_is_same(part, other) for other in inputs):
                inputs.append(part)
        takes_body = any(part.source == "body" for part in inputs)
        names = tuple(dict.fromkeys(name for signature in signatures for name in signature.names))
        takes_any = any(signature.takes_any_body for signature in signatures) and not takes_body
        return replace(self.signature, inputs=tuple(inputs), names=names, takes_any_body=takes_any)


def _is_same(one: Parameter, other: Parameter) -> bool:
    if (one.source, one.name) != (other.source, other.name):
        return False
    return one.name is not None or one.annotation == other.annotation


def _graph_of(
    place: str,
    signature: Signature,
    around: Sequence[Depends],
    builder: _Builder,
    overrides: Overrides | None = None,
) -> Graph:
    start = _Way((place,), (), overrides or {})
    for depends in around:
        builder.add(depends, start)
    needs = {name: builder.add(depends, start) for name, depends in signature.dependencies.items()}
    return Graph(tuple(builder.nodes), needs)


class _Way(Struct, frozen=True):
    """The chain of functions to a dependency, by place and by key, and the overrides that hold there."""

    places: tuple[str, ...]
    keys: tuple[object, ...]
    overrides: Overrides

    def instead_of(self, function: Callable[..., Any]) -> tuple[Callable[..., Any], Overrides]:
        """Return what is called instead of a function, and the overrides for its dependencies.

        A function that replaces another may need the other itself.
        """
        key = key_of(function)
        if key not in self.overrides:
            return function, self.overrides
        return self.overrides[key], {other: self.overrides[other] for other in self.overrides if other != key}

    def to(self, function: Callable[..., Any], overrides: Overrides) -> _Way:
        """Return the way with one more function. Raises ParameterError for one that is on the way already."""
        if key_of(function) in self.keys:
            circle = (*self.places[1 + self.keys.index(key_of(function)) :], _place(function))
            raise ParameterError(
                f"a dependency needs itself: {' -> '.join(circle)}",
                "Remove one of these dependencies, or move what both need into a third function.",
            )
        return _Way((*self.places, _place(function)), (*self.keys, key_of(function)), overrides)

    def error(self, message: str, remedy: str, name: str | None = None) -> ParameterError:
        """Return the error with the chain; the caller adds the handler, which comes first."""
        chain = " -> ".join(self.places[1:])
        return ParameterError(f"{chain}: {message}" if chain else message, remedy, name)


class _Builder:
    """Adds dependencies to a graph, each after those that it needs."""

    def __init__(self, segments: tuple[Segment, ...], read: KnownDependencies) -> None:
        self.nodes: list[Node] = []
        self._segments = segments
        self._captures = tuple(segment for segment in segments if segment.kind is not Kind.STATIC)
        self._read_before = read
        self._known: dict[object, int] = {}

    def add(self, depends: Depends, way: _Way) -> int:
        """Add a dependency unless it is known; return its position. Raises ParameterError."""
        assert depends.dependency is not None
        function, overrides = way.instead_of(depends.dependency)
        way_to = way.to(function, overrides)
        try:
            provider, signature = self._read(function)
            ends_early = provider.is_generator and depends.scope == "function"
            key = key_of(function), key_of(depends.dependency), ends_early
            if depends.use_cache and key in self._known:
                return self._known[key]
        except ParameterError as error:
            raise way_to.error(str(error), error.remedy, error.name) from error
        needs = {name: self.add(inner, way_to) for name, inner in signature.dependencies.items()}
        early = self._early(needs.values())
        if early is not None and provider.is_generator and not ends_early:
            raise way_to.error(
                f"it is open until a stream ends, and depends on {early}, which is closed earlier",
                'Give both the same scope: `Depends(..., scope="function")`.',
            )
        self.nodes.append(Node(function, depends.dependency, provider, signature, needs, ends_early, early))
        position = len(self.nodes) - 1
        if depends.use_cache:
            self._known[key] = position
        return position

    def _read(self, function: Callable[..., Any]) -> tuple[Provider, Signature]:
        """Return how a function is called, and with what. Many handlers need the same few functions."""
        key = key_of(function), self._captures
        if key not in self._read_before:
            provider, signature = provider_of(function), read_dependency(function, self._segments)
            if isinstance(function, type) and is_data_class(function) and signature.inputs:
                provider = replace(provider, call=checked(function, signature.inputs[0].source))
            # The function is kept, so that its id is not reused.
            self._read_before[key] = function, provider, signature
        return self._read_before[key][1:]

    def _early(self, positions: Iterable[int]) -> str | None:
        """Return the name of a generator that ends early among these dependencies, and what they need."""
        for node in (self.nodes[position] for position in positions):
            if node.ends_early:
                return f"`{named(node.function)}`"
            if node.uses_early is not None and not node.provider.is_generator:
                return node.uses_early
        return None


def _place(function: Callable[..., Any]) -> str:
    place = place_of(function)
    return place if named(function) in place else place_of(getattr(function, "func", function))
