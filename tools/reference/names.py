"""Names of the package as sections of a page: signature, description, arguments, members.

In: functions and classes. Out: Markdown. Raises Undescribed for a public name without a description, and for
an argument that no description names.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from textwrap import indent
from typing import Any, NamedTuple

import griffe

from tools.reference.markdown import code, fenced, prose, table
from tools.reference.source import (
    Argument,
    Description,
    Undescribed,
    arguments_of,
    described,
    module_of,
    shown_type,
    source_of,
)

__all__ = ["Member", "arguments_table", "class_section", "function_section", "members_of"]

_WIDTH = 88
# What functions return that these decorate.
_CONTEXT_MANAGERS = {
    "contextmanager": "AbstractContextManager",
    "asynccontextmanager": "AbstractAsyncContextManager",
}
_HASHES = "#"


class Member(NamedTuple):
    """A public member of a class: griffe's object, what it is at runtime, and the class that has it."""

    name: str
    source: Any
    value: Any

    @property
    def is_method(self) -> bool:
        if self.source.kind is not griffe.Kind.FUNCTION:  # properties are attributes
            return False
        return all(str(decorator.value) != "lazy" for decorator in self.source.decorators)


def function_section(
    name: str, function: Any, *, level: int = 2, up: str = "../", overloads: Sequence[int] = ()
) -> str:
    """Return the section of a function; of one with overloads, those of the given numbers."""
    source = source_of(function)
    return _callable_section(name, source, function, level, up, overloads)


def arguments_table(name: str, function: Any, up: str = "") -> str:
    """Return the table of a function's arguments, for a page at `up`."""
    source = source_of(function)
    arguments = arguments_of(source, function, described(source, name).arguments)
    return _arguments_table(arguments, up)


def _callable_section(
    name: str,
    source: Any,
    runtime: Any,
    level: int,
    up: str,
    overloads: Sequence[int] = (),
    of: str = "",
) -> str:
    description = described(source, name)
    shown = [source.overloads[number] for number in overloads] or [source]
    arguments = arguments_of(source, runtime, description.arguments)
    taken = {parameter.name for one in shown for parameter in one.parameters}
    arguments = [argument for argument in arguments if argument.name in taken or not overloads]
    _check_arguments(source.path, arguments, description)
    is_method = source.parent.kind is griffe.Kind.CLASS
    signatures = [_signature(name, one, runtime, is_method=is_method) for one in shown]
    parts = [
        f"{_HASHES * level} {code(of + name)}",
        fenced("\n".join(signatures)),
        prose(description.prose, up),
        _arguments_table(arguments, up),
    ]
    return "\n\n".join(filter(None, parts))


def _signature(name: str, source: Any, runtime: Any, *, is_method: bool) -> str:
    arguments = arguments_of(source, runtime, {})
    returned = shown_type(source.returns, source.module.path)
    keyword = "async def" if "async" in source.labels else "def"
    for decorator in source.decorators:
        kind = _CONTEXT_MANAGERS.get(str(decorator.value).rpartition(".")[2])
        if kind is not None:
            keyword, returned = "def", re.sub(r"^\w+", kind, returned)
    return _definition(f"{keyword} {name}", arguments, returned or "None", is_method=is_method)


def _definition(name: str, arguments: Sequence[Argument], returned: str, *, is_method: bool) -> str:
    """Return a definition without its body, on one line or with a line for each parameter."""
    parts = ["self"] if is_method else []
    for index, argument in enumerate(arguments):
        before = arguments[index - 1].kind if index else None
        if before == "positional-only" and argument.kind != before:
            parts.append("/")
        if argument.kind == "keyword-only" and before not in ("keyword-only", "variadic positional"):
            parts.append("*")
        parts.append(argument.written)
    if arguments and arguments[-1].kind == "positional-only":
        parts.append("/")
    end = f") -> {returned}: ..."
    whole = f"{name}({', '.join(parts)}{end}"
    if len(whole) <= _WIDTH:
        return whole
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), end])


def _arguments_table(arguments: Sequence[Argument], up: str) -> str:
    rows = [
        (code(argument.name), "" if argument.default is None else code(argument.default), argument.meaning)
        for argument in arguments
        if argument.meaning
    ]
    if not rows:
        return ""
    if any(default for _, default, _ in rows):
        return table(["argument", "default", "meaning"], [(n, d, prose(m, up)) for n, d, m in rows])
    return table(["argument", "meaning"], [(n, prose(m, up)) for n, _, m in rows])


def _check_arguments(path: str, arguments: Sequence[Argument], description: Description) -> None:
    """Raise Undescribed for an argument that neither a table nor the prose names."""
    for argument in arguments:
        is_named = re.search(rf"\b{re.escape(argument.name)}\b", description.prose)
        if not argument.meaning and not is_named and not argument.kind.startswith("variadic"):
            raise Undescribed(f"the docstring of {path} says nothing of {argument.name!r}")


# -- classes


def class_section(
    name: str,
    cls: type,
    *,
    level: int = 2,
    up: str = "../",
    constructor: bool = True,
    members: bool = True,
    leave_out: Sequence[str] = (),
) -> str:
    """Return the section of a class, with its own members and those of its bases in the package."""
    source = source_of(cls)
    description = described(source, name)
    parts = [f"{_HASHES * level} {code(name)}"]
    arguments = _constructor(name, source, cls, description) if constructor else []
    parts.append(_class_line(name, cls, arguments, with_initializer=constructor))
    parts += [prose(description.prose, up), _arguments_table(arguments, up)]
    if members:
        listed = [member for member in members_of(cls) if member.name not in leave_out]
        told = {argument.name for argument in arguments}  # in the table of arguments
        listed = [member for member in listed if member.source.docstring or member.name not in told]
        parts += member_sections(listed, level + 1, up, methods_of=f"{name}.")
    return "\n\n".join(filter(None, parts))


def _class_line(name: str, cls: type, arguments: Sequence[Argument], *, with_initializer: bool) -> str:
    """Return a class as Python writes it, if that tells something: how it is made, or its base."""
    bases = [base.__name__ for base in cls.__bases__ if issubclass(base, BaseException)]
    line = f"class {name}({', '.join(bases)}):" if bases else f"class {name}:"
    if with_initializer:
        initializer = _definition("def __init__", arguments, "None", is_method=True)
        return fenced(f"{line}\n{indent(initializer, '    ')}")
    return fenced(f"{line} ...") if bases else ""


def _constructor(name: str, source: Any, cls: type, description: Description) -> list[Argument]:
    maker = source.members.get("__init__")
    if maker is not None:
        arguments = arguments_of(maker, vars(cls)["__init__"], description.arguments)
    else:
        arguments = [*_fields(source, cls, description.arguments)]
    _check_arguments(source.path, arguments, description)
    return arguments


def _fields(source: Any, cls: type, meanings: dict[str, str]) -> Iterator[Argument]:
    """Yield the fields of a Struct or dataclass as parameters."""
    for parameter in inspect.signature(cls).parameters.values():
        attribute = source.members[parameter.name]
        annotation = shown_type(attribute.annotation, source.module.path)
        has_default = parameter.default is not inspect.Parameter.empty
        default = _default_of(str(attribute.value)) if has_default else None
        written = f"{parameter.name}: {annotation}" + (f" = {default}" if has_default else "")
        yield Argument(
            parameter.name, "positional or keyword", written, default, meanings.get(parameter.name, "")
        )


def _default_of(source: str) -> str:
    """Return the default of a field: of one that is made for each object, how that is."""
    factory = re.fullmatch(r"field\(default_factory=(\w+)\)", source)
    return f"{factory[1]}()" if factory else source.replace("'", '"')


def members_of(cls: type) -> list[Member]:
    """Return the public members that a class has of the package, each where it is defined first."""
    found: dict[str, Member] = {}
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] != cls.__module__.partition(".")[0]:
            continue
        module = module_of(base.__module__)
        for name, member in module[base.__qualname__].members.items():
            if not name.startswith("_") and not member.is_alias:
                found.setdefault(name, Member(name, member, inspect.getattr_static(cls, name, None)))
    return list(found.values())


def member_sections(
    members: Sequence[Member], level: int, up: str, *, methods_of: str = "", attributes_of: str = ""
) -> list[str]:
    """Return a table of the attributes, and a section for each method.

    `methods_of` and `attributes_of` stand before their names, such as "res.".
    """
    attributes = [member for member in members if not member.is_method]
    methods = [member for member in members if member.is_method]
    parts = [attributes_table(attributes, up, of=attributes_of)] if attributes else []
    return parts + [
        _callable_section(method.name, method.source, _plain(method.value), level, up, of=methods_of)
        for method in methods
    ]


def attributes_table(members: Sequence[Member], up: str = "../", of: str = "") -> str:
    """Return a table of attributes: name, type, meaning."""
    rows = []
    for member in members:
        source = member.source
        annotation = source.returns if source.kind is griffe.Kind.FUNCTION else source.annotation
        if annotation is None:
            raise Undescribed(f"{source.path} has no annotation ({source.filepath}:{source.lineno})")
        meaning = described(source, source.path).prose
        rows.append(
            (code(of + member.name), code(shown_type(annotation, source.module.path)), prose(meaning, up))
        )
    return table(["attribute", "type", "meaning"], rows)


def _plain(value: Any) -> Any:
    """Return the function inside of a class or static method."""
    return getattr(value, "__func__", value)
