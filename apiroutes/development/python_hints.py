"""Hints about Python: imports, names, the environment, asyncio.

In: the facts of a failure. Out: what to write, or None where the mistake is not this one for certain.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType

from apiroutes.development.hint_facts import Facts
from apiroutes.development.hint_texts import bare, code, quoted
from apiroutes.development.packages import package_of

__all__ = [
    "EXPORTS",
    "asyncio_run_in_loop",
    "circular_import",
    "missing_module",
    "missing_variable",
    "module_for_class",
    "no_running_loop",
    "other_loop",
    "unknown_name",
]

_FOREIGN_NAMES = {
    "HTTPException": 'Write `raise ApiError(404, "Not found")`, with `from apiroutes import ApiError`.',
    "abort": 'Write `raise ApiError(404, "Not found")`, with `from apiroutes import ApiError`.',
    "NotFound": 'Write `raise ApiError(404, "Not found")`, with `from apiroutes import ApiError`.',
    "jsonify": "Return the dict or the list itself: it is sent as JSON.",
    "JSONResponse": "Return the dict or the list itself, or `json(value, status=201)` of apiroutes.",
    "NextResponse": "Return the value itself, or `json(value, status=201)` of apiroutes.",
    "make_response": "Return `json(value, status=201)`, with `from apiroutes import json`.",
    "send_file": "Return `file(path)`, with `from apiroutes import file`.",
    "StreamingResponse": "Return `stream(chunks)`, with `from apiroutes import stream`.",
    "g": "Use `context`, which middleware fills: take it as a parameter of the handler.",
}
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


def missing_module(facts: Facts) -> str | None:
    """A module beside the file, imported without the dot; or a package that is not installed."""
    error = facts.error
    assert isinstance(error, ModuleNotFoundError)
    name, step = error.name, facts.own[-1] if facts.own else None
    if not name or step is None or not _is_own_import(facts):
        return None
    top = name.partition(".")[0]
    directory = Path(step.code.co_filename).parent
    if (directory / f"{top}.py").is_file() or (directory / top / "__init__.py").is_file():
        return f"`{top}` is beside this file. Import it with a dot: `from .{name} import ...`."
    if top in sys.modules or importlib.util.find_spec(top) is not None:
        return None  # the package is there, and a module of it is not
    return package_of(top)


def _is_own_import(facts: Facts) -> bool:
    """Return whether a statement of the project imports, not a library that lacks one of its own."""
    after = facts.steps[facts.steps.index(facts.own[-1]) + 1 :]
    return all("importlib" in step.code.co_filename for step in after)


_CIRCLE = re.compile(r"cannot import name '(\w+)' from partially initialized module '([\w.%]+)'")


def circular_import(facts: Facts) -> str | None:
    """Two modules that import each other."""
    found = _CIRCLE.match(str(facts.error))
    if found is None or not facts.is_innermost:
        return None
    name, module = found[1], found[2].rpartition(".")[2]
    return (
        f"`{module}` and this file import each other, so `{name}` is not there yet. Move what both need into "
        f"a third file, or import it inside the function that uses it."
    )


# -- names ----------------------------------------------------------------------------------------


def unknown_name(facts: Facts) -> str | None:
    """A name that is not defined, and probably another one."""
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
    if name in _FOREIGN_NAMES:
        return _FOREIGN_NAMES[name]
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
    name = facts.error.args[0] if facts.error.args else None
    if not isinstance(name, str) or not facts.own:
        return None
    close = difflib.get_close_matches(name, sorted(os.environ), 1, 0.85)
    meant = f" There is `{close[0]}`." if close else ""
    return (
        f"The environment has no `{name}`.{meant} Write `{name}=...` into `.env` in the project's directory, "
        f"which is "
        f'read at the start, or read it with a default: `os.environ.get({quoted(name)}, "...")`.'
    )


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
        "the process run on one loop: use it in them alone, and not in `asyncio.run()`."
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
