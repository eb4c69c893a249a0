"""A handler and its dependencies as one function, compiled at start: a request walks no graph.

In: a handler, its graph, and what makes the response from a result. Out: a `Plan`, whose function calls each
dependency once, then the handler, and then resumes generators. It raises what these raise.

The source is written once for each shape of a graph, with only our own names: functions, places and
values are in its namespace. It is flat, since Python allows only twenty nested blocks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any, NamedTuple

from apiroutes.code_origin import DIRECTORY
from apiroutes.concurrency import is_async
from apiroutes.exits import async_names, in_task, sync_names
from apiroutes.handlers.calls import REQUEST_PARTS, SESSION, Arguments, Needed, Reader, reader_of_all
from apiroutes.handlers.dependency_graph import Graph, Node
from apiroutes.handlers.signatures import Signature

__all__ = ["Plan", "PlanOf", "plan_of"]

_PARTS = {
    REQUEST_PARTS[name]: text
    for name, text in {
        "request": "request",
        "req": "request",
        "response": "response",
        "res": "response",
        "params": "request.params",
        "query": "request.query",
        "body": "request.body",
        "context": "request.context",
    }.items()
}
_PARTS[SESSION] = "request.session"
# Of this package, so that an error page shows the project's frames and not these.
_FILE = f"{DIRECTORY}handlers/<plan>"


class Plan(NamedTuple):
    """A function of request and response.

    `is_async`: whether it returns a coroutine. `has_exits`: whether something comes after the handler.
    """

    run: Callable[[Any, Any], Any]
    is_async: bool
    has_exits: bool


class PlanOf(NamedTuple):
    """What a plan is made for: a handler's function and signature, and what comes before and after it.

    `prepare` reads the body for a handler that takes it as it is; `respond` makes the response from a result;
    `told` returns what is raised for a request that does not fit. `has_deadline`: whether each step has to
    check the deadline.
    """

    function: Callable[..., Any]
    signature: Signature
    prepare: Callable[[Any], object] | None
    respond: Callable[[Any, Any, Any], object]
    told: Callable[[Any, Any], BaseException] | None
    has_deadline: bool


def plan_of(target: PlanOf, graph: Graph, must_be_async: bool = False) -> Plan:
    """Return the plan. One with a coroutine in it is one coroutine, and calls plain functions in a thread."""
    if must_be_async or graph.is_async or is_async(target.function):
        source = _AsyncSource(target, graph)
        run = source.compile(async_names())
        return Plan(in_task(run) if source.is_held else run, True, graph.has_exits)
    return Plan(_Source(target, graph).compile(sync_names()), False, graph.has_exits)


class _Source:
    """Writes the source of a plan, and its namespace."""

    def __init__(self, target: PlanOf, graph: Graph) -> None:
        self.target = target
        self.graph = graph
        self.names: dict[str, Any] = {}
        generators = [i for i, node in enumerate(graph.nodes) if node.provider.is_generator]
        self.early = [i for i in generators if graph.nodes[i].ends_early]
        self.late = [i for i in generators if not graph.nodes[i].ends_early]
        self.open: list[int] = []
        self.is_held = False

    def compile(self, names: Mapping[str, Any]) -> Callable[..., Any]:
        """Return the function."""
        lines = [self.head(), *(f"    {line}" for line in self.body())]
        namespace = {**names, **self.names}
        exec(_code_of("\n".join(lines) + "\n"), namespace)
        plan: Callable[..., Any] = namespace["plan"]
        return plan

    def head(self) -> str:
        return "def plan(request, response):"

    def body(self) -> Iterator[str]:
        """Yield the lines of the function."""
        if not self.graph.has_exits:
            yield from self.steps()
            return
        yield "open = ()"
        yield "try:"
        for line in (*self.steps(), *self.exits()):
            yield f"    {line}"
        yield from self.failure()

    def failure(self) -> Iterator[str]:
        yield "except BaseException as error:"
        yield "    unwind(open, error, request)"
        yield "    raise"

    def steps(self) -> Iterator[str]:
        """Yield the lines up to the response."""
        for number, node in enumerate(self.graph.nodes):
            yield from self.check()
            yield from self.read(number, node.signature)
            yield from self.enter(number, node)
        yield from self.check()
        number = len(self.graph.nodes)
        signature = self.target.signature
        yield from self.prepare()
        yield from self.read(number, signature)
        call = self.call(number, self.target.function, signature.arguments, self.graph.needs)
        yield from self.handle(call)

    def check(self) -> Iterator[str]:
        """Yield the line that raises MaxDurationExceeded for a response that was taken away."""
        if self.target.has_deadline:
            yield "response._state"

    def call(
        self,
        number: int,
        function: Callable[..., Any],
        arguments: Arguments,
        needs: Mapping[str, int],
        caller: str = "",
    ) -> str:
        """Return the call of a function with its arguments; `caller` is a function that makes it."""
        by_name = tuple(arguments.by_name)
        sources = [*arguments.by_position, *arguments.by_name.values()]
        texts = [f"f{number}"] if caller else []
        for source in sources:
            if isinstance(source, Needed):
                texts.append(f"v{needs[source.parameter]}")
            else:
                texts.append(f"r{number}[{source}]" if type(source) is int else _PARTS[source])
        if by_name:
            function = _with_names(function, len(arguments.by_position), by_name)
        self.names[f"f{number}"] = function
        return f"{caller or f'f{number}'}({', '.join(texts)})"

    def read(self, number: int, signature: Signature) -> Iterator[str]:
        if signature.readers:
            self.names[f"read{number}"] = self.reader(signature.readers)
            yield f"r{number} = read{number}(request)"

    def reader(self, readers: Sequence[Reader]) -> Callable[[Any], Any]:
        """Return a function that reads all values."""
        return reader_of_all(readers, self.target.told)

    def prepare(self) -> Iterator[str]:
        if self.target.prepare is not None:
            self.names["prepare"] = self.target.prepare
            yield "if request._pending:"
            yield "    prepare(request)"

    def enter(self, number: int, node: Node) -> Iterator[str]:
        """Yield the lines that call a dependency."""
        call = self.call(number, node.provider.call, node.signature.arguments, node.needs)
        if not node.provider.is_generator:
            yield f"v{number} = {call}"
            yield f"if type(v{number}) is Coroutine:"
            yield f"    v{number} = run(v{number})"
            return
        yield f"g{number} = {call}"
        yield from self.opened(number, node)
        yield f"v{number} = next(g{number}, END)"
        yield f"if v{number} is END:"
        yield f"    did_not_yield(p{number})"

    def opened(self, number: int, node: Node) -> Iterator[str]:
        self.names[f"p{number}"] = node.place
        self.open.append(number)
        yield f"open = {_tuple('g', self.open)}"

    def handle(self, call: str) -> Iterator[str]:
        """Yield the lines that call the handler, and make the response from its result."""
        self.names["respond"] = self.target.respond
        yield f"respond({call}, request, response)"

    def exits(self) -> Iterator[str]:
        """Yield the lines after the response: generators that end early, then those that a stream keeps."""
        yield from self.exits_of(self.early, "if response._is_unbuffered: begin(response)")
        if self.late:
            yield from self.stay()
            yield from self.exits_of(self.late, "")

    def stay(self) -> Iterator[str]:
        places = _tuple("p", self.late)
        yield f"if response._is_unbuffered and keep(response, {_tuple('g', self.late)}, {places}):"
        yield "    return"

    def exits_of(self, generators: Sequence[int], first: str) -> Iterator[str]:
        if generators and first:
            yield first
        for number in reversed(generators):
            yield from self.check()
            self.open.remove(number)
            yield f"open = {_tuple('g', self.open)}"
            yield from self.leave(number)

    def leave(self, number: int) -> Iterator[str]:
        yield f"if next(g{number}, END) is not END:"
        yield f"    yielded_twice(g{number}, p{number})"


class _AsyncSource(_Source):
    """Writes the source of a coroutine function, which waits for plain functions in the request's thread.

    With `is_held` it also takes a `Stay`, and waits there for the end of a stream.
    """

    def __init__(self, target: PlanOf, graph: Graph) -> None:
        super().__init__(target, graph)
        self.is_held = graph.outlives_response

    def head(self) -> str:
        return f"async def plan(request, response{', stay' if self.is_held else ''}):"

    def failure(self) -> Iterator[str]:
        yield "except GeneratorExit:"  # the coroutine is closed, and may not wait any more
        yield "    raise"
        yield "except BaseException as error:"
        yield "    await unwind(open, error, request)"
        yield "    raise"

    def read(self, number: int, signature: Signature) -> Iterator[str]:
        if signature.readers:
            self.names[f"read{number}"] = self.reader(signature.readers)
            read = f"read{number}(request)"
            if signature.takes_content:
                read = f"await when_arrived(request, read{number}, request)"
            yield f"r{number} = {read}"

    def reader(self, readers: Sequence[Reader]) -> Callable[[Any], Any]:
        told = self.target.told
        if told is None:
            return super().reader(readers)
        # A look into a body that has not been read would hold the loop.
        return reader_of_all(
            readers, lambda error, request: error if request._body is None else told(error, request)
        )

    def prepare(self) -> Iterator[str]:
        if self.target.prepare is not None:
            self.names["prepare"] = self.target.prepare
            yield "if request._pending:"
            yield "    await when_arrived(request, prepare, request)"

    def enter(self, number: int, node: Node) -> Iterator[str]:
        provider = node.provider
        arguments = node.signature.arguments
        runs_here = provider.never_waits or (provider.is_own and provider.kind != "value")
        caller = "" if runs_here else "await in_thread"
        call = self.call(number, provider.call, arguments, node.needs, caller)
        if not provider.is_generator:
            awaited = provider.kind == "coroutine" and provider.is_own
            yield f"v{number} = {'await ' if awaited else ''}{call}"
            if not awaited:
                yield from self.awaited(f"v{number}", provider.kind == "coroutine")
            return
        wrapped = f"ThreadGenerator({call})" if provider.kind == "generator" else call
        yield f"g{number} = {wrapped}"
        yield from self.opened(number, node)
        yield f"v{number} = await {self.advance(number)}"
        yield f"if v{number} is END:"
        yield f"    did_not_yield(p{number})"

    def advance(self, number: int) -> str:
        """Return what is awaited for a generator's next value, which is END at its end.

        A plain generator has a coroutine for it, whose frames show where its thread is.
        """
        is_plain = self.graph.nodes[number].provider.kind == "generator"
        return f"g{number}.advance()" if is_plain else f"anext(g{number}, END)"

    def awaited(self, name: str, is_awaitable: bool) -> Iterator[str]:
        """Yield the lines that await a plain function's result, if it is a coroutine."""
        test = f"hasattr({name}, '__await__')" if is_awaitable else f"type({name}) is Coroutine"
        yield f"if {test}:"
        yield f"    {name} = await {name}"

    def call(
        self,
        number: int,
        function: Callable[..., Any],
        arguments: Arguments,
        needs: Mapping[str, int],
        caller: str = "",
    ) -> str:
        if number == len(self.graph.nodes) and not is_async(function):  # the handler
            text = super().call(number, function, arguments, needs, "await handle_in_thread")
            return text.replace("handle_in_thread(", "handle_in_thread(response, ", 1)
        return super().call(number, function, arguments, needs, caller)

    def handle(self, call: str) -> Iterator[str]:
        self.names["respond"] = self.target.respond
        if is_async(self.target.function):
            yield f"result = await {call}"
        else:
            yield f"result = {call}"
            yield from self.awaited("result", True)
        yield "respond(result, request, response)"

    def exits(self) -> Iterator[str]:
        yield from self.exits_of(self.early, "if response._is_unbuffered: await begin(response)")
        if self.late:
            yield "if response._is_unbuffered and await stay.keeps(response):"
            yield "    await stay.sent()"
            yield from self.exits_of(self.late, "")

    def leave(self, number: int) -> Iterator[str]:
        yield f"if await {self.advance(number)} is not END:"
        yield f"    await yielded_twice(g{number}, p{number})"


@functools.lru_cache(maxsize=1024)
def _code_of(source: str) -> CodeType:
    return compile(source, _FILE, "exec", dont_inherit=True)


def _tuple(letter: str, numbers: Sequence[int]) -> str:
    return "(" + "".join(f"{letter}{number}, " for number in numbers).rstrip() + ")"


def _with_names(function: Callable[..., Any], count: int, names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a function that takes all arguments by position, the last ones for these names."""
    return lambda *values: function(*values[:count], **dict(zip(names, values[count:])))
