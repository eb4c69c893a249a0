"""What the source says of a public object: its signature, its docstring, its attributes.

In: objects as users import them. Out: griffe's view of their source, and types and defaults as a user would
write them. Raises Undescribed for what has no description.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import griffe

import apiroutes

__all__ = [
    "PACKAGE",
    "Argument",
    "Description",
    "Undescribed",
    "arguments_of",
    "described",
    "files_of",
    "module_of",
    "shown_type",
    "source_of",
]

PACKAGE = Path(apiroutes.__file__).parent
# Files of projects, which the package copies and does not import.
_TEMPLATES = "scaffold/templates/"

# Names of types that a page explains, or that everybody knows; other aliases are written out.
_KEPT = frozenset(("Middleware", "WSGIApplication", "ASGIFunction", "Environ", "DeclaredHandlers"))


class Undescribed(Exception):
    """Something public has no description in the source, or one of something that is not there."""


class Argument(NamedTuple):
    """A parameter: `written` as in a signature, its default as source (None without one), and its meaning.

    `kind` is griffe's, such as "keyword-only".
    """

    name: str
    kind: str
    written: str
    default: str | None
    meaning: str


class Description(NamedTuple):
    """A docstring in parts: its prose, and what it says of arguments, by their names."""

    prose: str
    arguments: dict[str, str]


def files_of(package: Path) -> Iterator[tuple[str, str]]:
    """Yield the files of a package, relative to it, each with its text."""
    for path in sorted(package.rglob("*.py")):
        file = path.relative_to(package).as_posix()
        if not file.startswith(_TEMPLATES):
            yield file, path.read_text(encoding="utf-8")


@cache
def module_of(name: str) -> griffe.Module:
    """Return the source of a module of the package."""
    path = Path(str(importlib.import_module(name).__file__))
    found = griffe.visit(name, path, path.read_text(encoding="utf-8"))
    assert isinstance(found, griffe.Module)
    return found


def source_of(value: Any) -> Any:
    """Return griffe's object of a function or class."""
    return module_of(value.__module__)[value.__qualname__]


def described(of: Any, name: str) -> Description:
    """Return what the docstring of a griffe object says. Raises Undescribed without one."""
    if of.docstring is None or not of.docstring.value.strip():
        raise Undescribed(f"{name} has no docstring ({of.filepath}:{of.lineno})")
    texts: list[str] = []
    arguments: dict[str, str] = {}
    for section in of.docstring.parse("google", warnings=False):
        if section.kind is griffe.DocstringSectionKind.text:
            texts.append(section.value)
        elif section.kind is griffe.DocstringSectionKind.parameters:
            arguments |= {item.name.lstrip("*"): item.description for item in section.value}
        else:
            raise Undescribed(f"{name}: a section {section.kind.value!r} is not read (write it as prose)")
    return Description("\n\n".join(texts).strip(), arguments)


def arguments_of(function: Any, runtime: Any, meanings: dict[str, str]) -> list[Argument]:
    """Return the parameters of a griffe function; `runtime` is the function itself.

    Raises Undescribed for meanings of parameters that there are not.
    """
    defaults = inspect.signature(runtime).parameters
    found = []
    for parameter in function.parameters:
        if parameter.name in ("self", "cls"):
            continue
        default = None
        if parameter.default is not None and not _is_variadic(parameter):
            default = _shown_default(str(parameter.default), defaults[parameter.name].default)
        stars = {"variadic positional": "*", "variadic keyword": "**"}.get(_kind(parameter), "")
        annotation = shown_type(parameter.annotation, function.module.path)
        written = f"{stars}{parameter.name}" + (f": {annotation}" if annotation else "")
        if default is not None:
            written += f" = {default}" if annotation else f"={default}"
        name = parameter.name.lstrip("*")
        found.append(Argument(name, _kind(parameter), written, default, meanings.get(name, "")))
    unknown = meanings.keys() - {argument.name for argument in found}
    if unknown:
        raise Undescribed(f"{function.path} describes {', '.join(sorted(unknown))}, which it does not take")
    return found


def _kind(parameter: Any) -> str:
    return str(parameter.kind.value)


def _is_variadic(parameter: Any) -> bool:
    return _kind(parameter).startswith("variadic")


def _shown_default(source: str, value: object) -> str:
    """Return a default as a user would write it: what a private name stands for."""
    if not re.search(r"\b_[A-Za-z]", source):
        return _double_quoted(source)
    plain = (str, int, float, bool, tuple, list, dict, type(None))
    return _double_quoted(repr(value)) if isinstance(value, plain) else "..."


def _double_quoted(text: str) -> str:
    return re.sub(r"'([^'\"\\]*)'", r'"\1"', text)


# -- types


def shown_type(annotation: Any, module: str) -> str:
    """Return an annotation of a module with the package's aliases written out, and `|` for unions."""
    if annotation is None:
        return ""
    tree = ast.parse(str(annotation), mode="eval")
    return _double_quoted(ast.unparse(_Expanded(module).visit(tree)))


class _Expanded(ast.NodeTransformer):
    """Replaces names of aliases by what they stand for."""

    def __init__(self, module: str) -> None:
        self._module = module

    def visit_Name(self, node: ast.Name) -> ast.AST:
        found = _alias(self._module, node.id)
        if found is None:
            return ast.Name(node.id.lstrip("_"))  # a type variable may be private
        module, value = found
        return _Expanded(module).visit(ast.parse(value, mode="eval").body)  # type: ignore[no-any-return]

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        named = _unquoted(node)
        return node if named is node else self.visit(named)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id in ("Union", "Optional"):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if node.value.id == "Optional":
                parts = [*parts, ast.Constant(None)]
            whole = parts[0]
            for part in parts[1:]:
                whole = ast.BinOp(whole, ast.BitOr(), part)
            return self.visit(whole)  # type: ignore[no-any-return]
        if isinstance(node.value, ast.Name) and node.value.id == "Literal":
            return node
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return node if isinstance(node.value, ast.Name) else self.generic_visit(node)


def _unquoted(node: ast.expr) -> ast.expr:
    """Return what a forward reference names."""
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return ast.parse(str(node.value), mode="eval").body if is_text else node  # type: ignore[attr-defined]


def _alias(module: str, name: str) -> tuple[str, str] | None:
    """Return the module and the source of what an alias stands for; None for what is no alias."""
    if name in _KEPT:
        return None
    member = module_of(module).members.get(name)
    if member is not None and member.is_alias:
        path, _, original = str(member.target_path).rpartition(".")  # type: ignore[union-attr]
        while path.startswith("apiroutes") and not _is_module(path):
            path, _, original = path.rpartition(".")
        return _alias(path, original) if path.startswith("apiroutes") else None
    if not isinstance(member, griffe.Attribute):
        return None
    value = member.value
    if isinstance(value, griffe.ExprCall):  # a type variable stands for its default
        default = re.search(r"^TypeVar\(.*\bdefault=(\w+)", str(value))
        return (module, default[1]) if default else None
    is_type = isinstance(value, (griffe.ExprSubscript, griffe.ExprBinOp, griffe.ExprName))
    return (module, str(value)) if is_type else None


def _is_module(path: str) -> bool:
    try:
        importlib.import_module(path)
    except ImportError:
        return False
    return True
