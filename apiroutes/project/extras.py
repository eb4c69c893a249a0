"""The libraries that settings and functions need, which are installed as extras of this package.

In: settings, the files of a project. Out: a problem for each setting that needs a library that is not
installed, and for each file that imports a function that needs one. No library is imported. A project learns
of a missing library at its start, not when it first uses it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from apiroutes.errors import Problem, Problems
from apiroutes.places import Place, located, place_at
from apiroutes.project.own_files import own_files, source_of_file
from apiroutes.settings import Settings

__all__ = ["check_extras", "check_imports"]

# By setting: the module that it needs, and the extra that installs it.
_NEEDS = {
    "telemetry": ("opentelemetry.trace", "otel"),
    "metrics_path": ("prometheus_client", "prometheus"),
    "log_format": ("pythonjsonlogger", "json-logs"),
    "cache": ("redis", "redis"),
    "rate_limit_store": ("redis", "redis"),
}
# Functions that hash passwords when they are called, which is at the first sign-up.
_HASHING = frozenset(
    (
        "hash_password",
        "hash_password_async",
        "needs_rehash",
        "verify_password",
        "verify_password_async",
    )
)
_OF_PACKAGE = frozenset(f"apiroutes.{name}" for name in _HASHING)
_NEED_NOTHING = (None, False, "text", "sqlite", "memory", "none")


def check_extras(
    settings: Settings, place_of: Callable[[str], tuple[str, Place]], problems: Problems
) -> None:
    """Add a problem for each setting whose library is missing."""
    for name, (module, extra) in _NEEDS.items():
        if getattr(settings, name) not in _NEED_NOTHING and not _is_installed(module):
            spelled, place = place_of(name)
            remedy = f"Run: pip install 'apiroutes[{extra}]'"
            message = f"{spelled}: {module.partition('.')[0]} is not installed."
            problems.append(located(Problem(place.file, message, remedy), place))


def check_imports(root: Path, problems: Problems) -> None:
    """Add a problem for each file of the project in `root` that imports what needs a missing library."""
    if _is_installed("argon2"):
        return
    for path in sorted(own_files(root)):
        source = source_of_file(path)
        found = [*_hashing_in(source)] if b"_password" in source or b"_rehash" in source else []
        if found:
            line, name = min(found)
            file = path.relative_to(root).as_posix()
            message = f"imports `{name}`, but argon2-cffi is not installed."
            problem = Problem(file, message, "Run: pip install 'apiroutes[auth]'")
            problems.append(located(problem, place_at(root, file, line, name)))


def _hashing_in(source: bytes) -> Iterator[tuple[int, str]]:
    """Yield the lines that import a password function, or use it from the package, with its name."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # it has changed since it was imported
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "apiroutes" and not node.level:
            yield from ((alias.lineno, alias.name) for alias in node.names if alias.name in _HASHING)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in _OF_PACKAGE:
            yield node.lineno, node.attr


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # the package that contains it is missing
        return False
