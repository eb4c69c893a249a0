"""Any graph of dependencies is walked in one order, whatever is plain and whatever is async in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exits.support import HEAD, seen_in, through
from tests.support import app_of, call


class Node(NamedTuple):
    """A dependency; `needs` are positions of earlier ones."""

    is_async: bool
    is_generator: bool
    needs: tuple[int, ...]


class Shape(NamedTuple):
    """A graph, and what fails in it: the handler, or a dependency when it is entered or left."""

    nodes: list[Node]
    handler: tuple[int, ...]
    is_async: bool
    fails: str

    def source(self) -> str:
        lines = [HEAD]
        for number, node in enumerate(self.nodes):
            needs = ", ".join(f"n{need}: Annotated[int, Depends(n{need})]" for need in node.needs)
            lines += [
                f"{'async ' if node.is_async else ''}def n{number}({needs}):",
                f"    seen.append('enter {number}')",
                f"    {self._failure(f'enter {number}')}",
            ]
            if node.is_generator:
                lines += [
                    "    try:",
                    f"        yield {number}",
                    "    except ValueError:",
                    f"        seen.append('error {number}')",
                    "        raise",
                    f"    seen.append('leave {number}')",
                    f"    {self._failure(f'leave {number}')}",
                ]
            else:
                lines.append(f"    return {number}")
        needs = ", ".join(f"n{need}: Annotated[int, Depends(n{need})]" for need in self.handler)
        lines += [
            f"{'async ' if self.is_async else ''}def GET({needs}):",
            "    seen.append('handle')",
            f"    {self._failure('handle')}",
            f"    return [{', '.join(f'n{need}' for need in self.handler)}]",
        ]
        return "\n".join(lines) + "\n"

    def _failure(self, place: str) -> str:
        return "raise ValueError" if place == self.fails else "pass"

    def expected(self) -> list[str]:
        """What a plain walk of the graph does."""
        notes: list[str] = []
        open_ones: list[int] = []
        entered: set[int] = set()

        def enter(number: int) -> None:
            if number in entered:
                return
            entered.add(number)
            for need in self.nodes[number].needs:
                enter(need)
            note(f"enter {number}")
            if self.nodes[number].is_generator:
                open_ones.append(number)

        def note(text: str) -> None:
            notes.append(text)
            if text == self.fails:
                raise ValueError

        try:
            for need in self.handler:
                enter(need)
            note("handle")
            while open_ones:
                note(f"leave {open_ones.pop()}")
        except ValueError:
            notes += [f"error {number}" for number in reversed(open_ones)]
        return notes


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    nodes: list[Node] = []
    for number in range(draw(st.integers(1, 6))):
        needs = st.lists(st.integers(0, number - 1), unique=True, max_size=3) if number else st.just([])
        nodes.append(Node(draw(st.booleans()), draw(st.booleans()), tuple(draw(needs))))
    handler = draw(st.lists(st.integers(0, len(nodes) - 1), unique=True, min_size=1))
    places = ["nothing", "handle", *_places(nodes)]
    return Shape(nodes, tuple(handler), draw(st.booleans()), draw(st.sampled_from(places)))


def _places(nodes: list[Node]) -> Iterator[str]:
    for number, node in enumerate(nodes):
        yield f"enter {number}"
        if node.is_generator:
            yield f"leave {number}"


# A busy machine draws slowly.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(shapes(), st.sampled_from(["wsgi", "asgi"]))
def test_a_plan_does_what_a_walk_does(shape: Shape, interface: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        app = app_of(Path(directory), shape.source())
    answer = call(through(app, interface))
    assert seen_in(app) == shape.expected()
    assert answer.status == (500 if shape.fails in shape.expected() else 200)
    if answer.status == 200:
        assert answer.json() == list(shape.handler)
