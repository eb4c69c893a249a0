"""What a file imports, by its source: itself, and through the other files of its project.

In: a file and the project's directory. Out: whether a package is among them. Nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["imported_names", "reaches"]

_MOST = 500  # files


def reaches(file: Path, root: Path, package: str) -> bool:
    """Return whether a file imports a package, itself or through files below `root`.

    Raises SyntaxError, ValueError and OSError for a file that cannot be read as Python. Other such files are
    passed over.
    """
    waiting, seen = [file], {file}
    while waiting:
        current = waiting.pop()
        try:
            modules = list(_imported_modules(_tree_of(current), current, root))
        except (OSError, SyntaxError, ValueError, RecursionError):
            if current == file:
                raise
            continue
        if any(module.partition(".")[0] == package for module in modules):
            return True
        found = {path for module in modules for path in _files_of(module, root)} - seen
        if len(seen) < _MOST:
            seen |= found
            waiting += found
    return False


def imported_names(file: Path) -> set[str]:
    """Return the names that the imports of a module bind. Raises as `reaches` does."""
    nodes = (node for node in ast.walk(_tree_of(file)) if isinstance(node, (ast.Import, ast.ImportFrom)))
    return {alias.asname or alias.name.partition(".")[0] for node in nodes for alias in node.names}


def _tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_bytes(), str(file))


def _imported_modules(tree: ast.Module, file: Path, root: Path) -> Iterator[str]:
    """Yield the absolute names of what may be modules, of all imports in a file."""
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
