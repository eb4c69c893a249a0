"""What a file imports, by its source: itself, and through the other files of its project.

In: a file and the project's directory. Out: the packages among them. Nothing is imported.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["imported_names", "imported_packages", "parsed"]

_MOST = 500  # files


def parsed(file: Path) -> ast.Module:
    """Return the syntax tree of a file. Raises SyntaxError, ValueError, OSError and RecursionError."""
    return ast.parse(file.read_bytes(), str(file))


def imported_packages(tree: ast.Module, file: Path, root: Path) -> set[str]:
    """Return the packages that a file with this tree imports, itself or through files below `root`.

    Raises what `parsed` does if another of the files cannot be read as Python, and ImportError for a module
    that the file itself needs and that is neither in the project nor installed.
    """
    for node in tree.body:  # one inside `try` may be missing
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            _require_modules(node, root)
    waiting, seen, packages = [file], {file}, set[str]()
    while waiting:
        current = waiting.pop()
        modules = list(_imported_modules(tree if current == file else parsed(current), current, root))
        packages |= {module.partition(".")[0] for module in modules}
        found = {path for module in modules for path in _files_of(module, root)} - seen
        if len(seen) < _MOST:
            seen |= found
            waiting += found
    return packages


def imported_names(tree: ast.Module) -> set[str]:
    """Return the names that the imports of a file bind."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)))
    return {alias.asname or alias.name.partition(".")[0] for node in nodes for alias in node.names}


def _require_modules(node: ast.Import | ast.ImportFrom, root: Path) -> None:
    """Raise ImportError if a module of an import is nowhere."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = [] if node.level else [node.module or ""]
    for name in names:
        first = name.partition(".")[0]
        if (root / first).is_dir() or (root / f"{first}.py").is_file():
            if not any(_files_of(name, root)) and not root.joinpath(*name.split(".")).is_dir():
                raise ImportError(name)
        elif first not in sys.modules and importlib.util.find_spec(first) is None:
            raise ImportError(name)


def _imported_modules(tree: ast.Module, file: Path, root: Path) -> Iterator[str]:
    """Yield the absolute names of all imports in a file that may be modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = file.parents[node.level - 1].relative_to(root).parts
                base = ".".join((*package, base) if base else package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _files_of(module: str, root: Path) -> Iterator[Path]:
    """Yield the files of the project that are run for an import of a module."""
    path = root
    for part in module.split("."):
        path = path / part
        if path.with_suffix(".py").is_file():
            yield path.with_suffix(".py")
        if (path / "__init__.py").is_file():
            yield path / "__init__.py"
