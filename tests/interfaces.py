"""The interface through which the tests call an App, and sources of tests made async for its loop.

`pytest --interface asgi` has every request of a test's harness go through `App.asgi`; `asgi-loop` makes the
plain handlers and middleware of the tests' projects async as well, so that they run on the event loop.
What differs on purpose stands in `asgi_deviations.txt` with its reason.
"""

from __future__ import annotations

import ast
import atexit
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from apiroutes import App
from apiroutes.http import METHODS
from apiroutes.types import WSGIApplication

INTERFACES = ("wsgi", "asgi", "asgi-loop")
DEVIATIONS = Path(__file__).parent / "asgi_deviations.txt"


class _Chosen:
    interface = "wsgi"


def choose(interface: str) -> None:
    """Have all tests of this process use an interface."""
    assert interface in INTERFACES
    _Chosen.interface = interface


def chosen() -> str:
    """Return the interface that the tests use."""
    return _Chosen.interface


def through_interface(application: WSGIApplication) -> WSGIApplication:
    """Return an App as the WSGI application to call; any other application as it is."""
    if _Chosen.interface == "wsgi" or not isinstance(application, App):
        return application
    from tests.asgi_server import AsWSGI  # which imports asyncio, unlike an App that WSGI calls

    return AsWSGI(application.asgi)


def for_interface(source: str) -> str:
    """Return the source of a test's module as it is to be loaded."""
    if _Chosen.interface == "wsgi":
        return source
    # What a test shares with its handler by the environ is in the scope's state.
    state = r'\1.get("asgi.scope", {"state": \1})["state"][\2]'
    source = re.sub(r"((?:req\.)?environ)\[(['\"][a-z]+['\"])\]", state, source)
    return made_async(source) if _Chosen.interface == "asgi-loop" else source


def directory_for_interface(directory: Path) -> Path:
    """Return the directory of a project that tests share: itself, or a copy whose sources are made async."""
    if _Chosen.interface != "asgi-loop":
        return directory
    copy = Path(tempfile.mkdtemp(prefix="asgi-loop-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    shutil.copytree(directory, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*.py"):
        path.write_text(made_async(path.read_text(encoding="utf-8")), encoding="utf-8")
    return copy


# -- plain sources made async --------------------------------------------------------------

_WAITING = {"wait", "is_set", "sleep", "acquire"}


def made_async(source: str) -> str:
    """Return a source with its plain handlers and middleware as async functions, on the same lines.

    A module with parsing off stays as it is: on the loop its content can be read by `async for` alone.
    Functions stay plain that cannot be awaited where they are used, or wait, which would hold the loop.
    """
    if re.search(r"bodyParser.*False", source):
        return source
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    insertions: list[tuple[int, int, str]] = []
    for function in _handlers_and_middleware(tree):
        calls = _calls_of_next(function)
        if calls is None:
            continue
        insertions.append((function.lineno, function.col_offset, "async "))
        for call in calls:
            insertions.append((call.lineno, call.col_offset, "(await "))
            insertions.append((call.end_lineno or 0, call.end_col_offset or 0, ")"))
    lines = source.encode().split(b"\n")
    for line, column, text in sorted(insertions, reverse=True):
        lines[line - 1] = lines[line - 1][:column] + text.encode() + lines[line - 1][column:]
    return b"\n".join(lines).decode()


def _handlers_and_middleware(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    nodes = list(ast.walk(tree))
    called = set().union(*map(_called_names, nodes))
    coroutines = {node.name for node in nodes if isinstance(node, ast.AsyncFunctionDef) and not _yields(node)}
    for node in nodes:
        if not isinstance(node, ast.FunctionDef) or node.decorator_list or _yields(node):
            continue
        is_handler = node in tree.body and node.name in (*METHODS, "handler")
        if not (is_handler or _takes_next(node)) or node.name in called:
            continue
        # What it returns of an async function would not be awaited twice.
        if {name for inner in _own_nodes(node) for name in _called_names(inner)} & (coroutines | _WAITING):
            continue
        yield node


def _called_names(node: ast.AST) -> set[str]:
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return {function.attr} & _WAITING
    return {function.id} if isinstance(function, ast.Name) else set()


def _yields(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own_nodes(function))


def _takes_next(function: ast.FunctionDef) -> bool:
    return [argument.arg for argument in function.args.args][2:3] == ["next"]


def _own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function's body, without those of the functions in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.GeneratorExp)):
            waiting.extend(ast.iter_child_nodes(node))


def _calls_of_next(function: ast.FunctionDef) -> list[ast.Call] | None:
    """Return the calls of its parameter `next`; None if something else is done with it."""
    if not _takes_next(function):
        return []
    calls = [
        node
        for node in _own_nodes(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "next"
    ]
    uses = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == "next"]
    return calls if len(uses) == len(calls) else None


# -- deviations ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Deviation:
    """Tests that fail through these interfaces on purpose.

    `pattern` is a shell pattern of their ids, in which brackets are plain. Tests that would wait for ever are
    not run.
    """

    interfaces: tuple[str, ...]
    pattern: str
    reason: str
    is_run: bool = True

    @property
    def file(self) -> str:
        """The file of the tests."""
        return self.pattern.partition("::")[0]

    def covers(self, test: str) -> bool:
        """Return whether the test with this id is one of them."""
        return fnmatchcase(test, re.sub(r"[\[\]]", "?", self.pattern))


def deviations() -> list[Deviation]:
    """Return the list in `asgi_deviations.txt`. Raises ValueError for a line without a reason."""
    return list(_read_deviations(DEVIATIONS.read_text(encoding="utf-8")))


def _read_deviations(text: str) -> Iterator[Deviation]:
    reason = ""
    for line in text.splitlines():
        if not line:
            reason = ""
        elif line.startswith("    "):
            interface, _, pattern = line.strip().partition(" ")
            name = interface.removesuffix("!")
            chosen = INTERFACES[1:] if name == "both" else (name,)
            if not reason or not pattern or not set(chosen) <= set(INTERFACES[1:]):
                raise ValueError(f"{line!r} needs an interface, a test and, above it, a reason")
            yield Deviation(chosen, f"tests/{pattern.strip()}", reason, is_run=name == interface)
        elif not line.startswith("#"):
            reason = f"{reason} {line}".strip()
