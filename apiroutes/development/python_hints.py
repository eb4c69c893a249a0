"""Hints about Python: imports, names, the environment, asyncio.

In: the facts of a failure. Out: what to write, or None where the mistake is not this one for certain.
"""

from __future__ import annotations

import ast
import difflib
import os
import sys
from pathlib import Path
from types import ModuleType

from apiroutes.development.hint_facts import Facts
from apiroutes.development.hint_texts import bare, code
from apiroutes.handlers import FOREIGN_NAMES, import_failure

__all__ = [
    "EXPORTS",
    "asyncio_run_in_loop",
    "failed_import",
    "missing_variable",
    "module_for_class",
    "no_running_loop",
    "other_loop",
    "unknown_name",
]

_NEEDING_A_LOOP = ("create_task", "gather", "get_running_loop")
# What a project imports from apiroutes.
EXPORTS = (
    "ApiError",
    "Event",
    "Request",
    "Response",
    "event_stream",
    "file",
    "file_route",
    "from_wsgi",
    "html",
    "json",
    "redirect",
    "security_scheme",
    "stream",
    "text",
    "use",
)
_PARAMETERS = ("request", "req", "response", "res", "body", "query", "params", "context")
_JAVASCRIPT = {"null": "None", "true": "True", "false": "False", "undefined": "None"}


# -- imports --------------------------------------------------------------------------------------


def failed_import(facts: Facts) -> str | None:
    """An import inside a function, which fails as it would at the start of the project."""
    if facts.step is None or not _is_own_import(facts):
        return None
    missing = (facts.error.name or "") if isinstance(facts.error, ModuleNotFoundError) else ""
    package = missing.partition(".")[0]
    if package != missing and package in sys.modules and not (facts.root / package).exists():
        return None  # the package is there, and has no such module
    return _remedy(facts)


def _is_own_import(facts: Facts) -> bool:
    """Return whether a statement of the project imports, not a library that lacks something of its own."""
    assert facts.step is not None
    after = facts.steps[facts.steps.index(facts.step) + 1 :]
    tree = None if facts.source is None else facts.source.tree
    if tree is None or not all("importlib" in step.code.co_filename for step in after):
        return False
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return any(node.lineno <= facts.step.line <= (node.end_lineno or 0) for node in imports)


def _remedy(facts: Facts) -> str:
    """Return the remedy that the start of the project has for the same mistake."""
    assert facts.step is not None
    path = Path(facts.step.code.co_filename)
    file = path.relative_to(facts.root).as_posix() if path.is_relative_to(facts.root) else path.name
    return import_failure(facts.error, facts.root, file).problem.remedy


# -- names ----------------------------------------------------------------------------------------


def unknown_name(facts: Facts) -> str | None:
    """A name that is not defined, and what was probably meant."""
    error, step = facts.error, facts.step
    if type(error) is not NameError or step is None or not facts.is_innermost:
        return None
    name = error.name
    if not isinstance(name, str) or facts.expression(ast.Name, lambda node: node.id == name) is None:
        return None
    if name in _PARAMETERS and facts.is_in_handler():
        return f"Take `{name}` as a parameter of the handler: `def {step.code.co_name}({name})`."
    if name in _JAVASCRIPT:
        return f"Python writes `{_JAVASCRIPT[name]}`."
    if name in FOREIGN_NAMES:
        return FOREIGN_NAMES[name]
    ours = name in EXPORTS
    is_module = name in sys.stdlib_module_names
    if ours and is_module:
        return f"Write `from apiroutes import {name}`, or `import {name}` for Python's own module."
    if ours or is_module:
        statement = f"from apiroutes import {name}" if ours else f"import {name}"
        return f"Write `{statement}` at the top of the file."
    known = {*step.frame.f_locals, *step.frame.f_globals, *step.frame.f_builtins, *EXPORTS}
    close = difflib.get_close_matches(name, sorted(known), 1, 0.75)
    return f"Did you mean `{close[0]}`?" if close else None


def module_for_class(facts: Facts) -> str | None:
    """`datetime.now()`, where `datetime` is the module that has a class of its name."""
    module, name = getattr(facts.error, "obj", None), getattr(facts.error, "name", None)
    node = facts.expression(ast.Attribute)
    if not isinstance(module, ModuleType) or not isinstance(name, str) or node is None:
        return None
    own = module.__name__.rpartition(".")[2]
    inner = vars(module).get(own)
    if not facts.is_innermost or not isinstance(inner, type) or not hasattr(inner, name):
        return None
    return (
        f"{code(node.value)} is the module. Write `{bare(node.value)}.{own}.{name}`, or import the class: "
        f"`from {module.__name__} import {own}`."
    )


def missing_variable(facts: Facts) -> str | None:
    """`os.environ["KEY"]` without such a variable."""
    last = facts.steps[-1]
    is_lookup = last.code is type(os.environ).__getitem__.__code__
    if not is_lookup or last.frame.f_locals.get("self") is not os.environ:
        return None
    return _remedy(facts) if facts.own else None


# -- asyncio --------------------------------------------------------------------------------------


def asyncio_run_in_loop(facts: Facts) -> str | None:
    """`asyncio.run()` or `run_until_complete()` in a coroutine."""
    runs = facts.frame_of("asyncio/runners.py", "run") is not None
    waits = facts.frame_of("asyncio/base_events.py", "_check_running") is not None
    last = facts.steps[-1].code.co_name
    if not (runs and last == "run") and not (waits and last == "_check_running"):
        return None
    call = facts.expression(ast.Call, lambda node: bool(node.args))
    awaited = bare(call.args[0]) if call is not None else "the_coroutine()"
    if facts.takes_awaits:
        return f"This code runs on the event loop already. Write `await {awaited}`."
    assert facts.step is not None
    return (
        f"This code runs on the event loop already. Make `{facts.step.code.co_name}` an `async def`, and "
        f"write `await {awaited}`."
    )


def other_loop(facts: Facts) -> str | None:
    """A lock, a queue or a client of another event loop."""
    last = facts.steps[-1].code
    if not last.co_filename.endswith("mixins.py") or last.co_name != "_get_loop":
        return None
    return (
        "This object was first used on another event loop, such as one of `asyncio.run()`. All handlers of "
        "the process run on one loop: use it only in handlers, not in `asyncio.run()`."
    )


def no_running_loop(facts: Facts) -> str | None:
    """`asyncio.create_task()` in a plain function, which runs in a thread."""
    if str(facts.error) != "no running event loop" or facts.step is None or facts.takes_awaits:
        return None
    call = facts.expression(ast.Call)
    if call is None or bare(call.func).rpartition(".")[2] not in _NEEDING_A_LOOP:
        return None
    return (
        f"{code(call.func)} needs the event loop, and a plain function runs in a thread. Write "
        f"`async def {facts.step.code.co_name}`."
    )
