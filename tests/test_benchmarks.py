"""The benchmarks: what they count and report, that the peers give one response, and how they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from benchmarks.peers.handwritten import read_query

DIRECTORY = Path(__file__).parents[1] / "benchmarks"
MODULES = {
    ".".join(path.relative_to(DIRECTORY.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in DIRECTORY.rglob("*.py")
    if "project" not in path.parts
}


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of the benchmarks that the file imports, also those that it imports late."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & MODULES.keys() or {node.module}
        elif isinstance(node, ast.Constant) and node.value in MODULES:
            yield str(node.value)


def test_imports_of_the_benchmarks_have_no_circle() -> None:
    imports = {name: set(imported(path)) for name, path in MODULES.items()}
    del imports["benchmarks.peers"]  # it names its modules, and imports them on request
    TopologicalSorter(imports).prepare()  # raises CycleError
    assert "benchmarks.contenders" in imports["benchmarks.inprocess"]


# -- workloads


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("sort=name&page=2", {"sort": "name", "page": "2"}),
        ("a=b+c&d=%40%2f%2F", {"a": "b c", "d": "@//"}),
        ("a=100%25+sure&b=", {"a": "100% sure", "b": ""}),
    ],
)
def test_the_hand_written_peer_reads_queries(query: str, values: dict[str, str]) -> None:
    assert read_query(query) == values
