"""For the tests of `@cached`: modules with functions of their own, and an App whose cache they use."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from apiroutes import App
from tests.support import HELLO, project

_numbers = itertools.count()

# What the modules begin with. `calls` has the arguments of each run of a function.
HEAD = """
import asyncio, collections, dataclasses, datetime, decimal, enum, threading, time, typing, uuid
from typing import Any, NamedTuple
import attrs, msgspec, pydantic
from apiroutes import cached
calls = []
"""


def app_of_nothing(root: Path, **settings: Any) -> App:
    """An App whose cache functions outside of requests use, as long as it is the latest and lives."""
    return App(project(root, {"pages/api/x.py": HELLO}), **settings)


def module_of(source: str, name: str = "") -> Any:
    """Return a module with a source; each has another name, but for one that is given."""
    module = ModuleType(name or f"functions_{next(_numbers)}")
    sys.modules[module.__name__] = module
    exec(compile(HEAD + source, f"{module.__name__}.py", "exec", dont_inherit=True), vars(module))
    return module


def error_of(source: str) -> str:
    """Return the type and text of what the definition of a function raises."""
    try:
        module_of(source)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""
