"""The types of a document as Python: classes of msgspec, and aliases.

In: named types. Out: annotations, and the declarations of the types that they name. Objects are classes;
other named types are aliases. A union that msgspec cannot decode by itself is a class that tries its parts.
"""

from __future__ import annotations

import itertools
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from apiroutes.clients.model import NamedType
from apiroutes.clients.naming import Names, identifier, pascal, snake, type_name
from apiroutes.clients.schema_types import (
    NULL,
    UNKNOWN,
    AllOf,
    AnyOf,
    Field,
    ListOf,
    Literals,
    ObjectOf,
    Primitive,
    Reference,
    TupleOf,
    Type,
    any_of,
)
from apiroutes.structs import Struct

__all__ = ["WORDS", "PythonTypes", "docstring", "quoted", "variable"]

_PRIMITIVES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "unknown": "_t.Any",
    "never": "None",
    "binary": "str",
    "base64": "bytes",
    "date-time": "_datetime.datetime",
    "date": "_datetime.date",
    "time": "_datetime.time",
    "duration": "_datetime.timedelta",
    "uuid": "_uuid.UUID",
    "decimal": "_decimal.Decimal",
}
# The JSON form of these types, by which msgspec distinguishes the parts of a union.
_FORMS = {"integer": "int", "number": "float", "boolean": "bool", "null": "null", "unknown": "any"}
# Names that annotations use, which are therefore reserved.
WORDS = frozenset({*keyword.kwlist, "str", "int", "float", "bool", "bytes", "list", "dict", "tuple"})


_ESCAPED = re.compile(r'["\\\x00-\x1f]')


class _Alias(Struct):
    """`variants` are the parts of a union that msgspec cannot decode."""

    name: str
    text: str
    variants: Sequence[str] = ()


class PythonTypes:
    """Annotations for types; `declarations` contains what they name, after all annotations were requested."""

    def __init__(self, types: Sequence[NamedType], names: Names, private: Iterable[str]) -> None:
        self._types = {named.name: named.type for named in types}
        self._module = names
        self._names = {named.name: names.claim(type_name(named.name).lstrip("_") or "_") for named in types}
        self._classes: list[list[str]] = []
        self._aliases: list[_Alias] = []
        self._hard_unions: dict[AnyOf, str] = {}
        self._conjunctions: dict[AllOf, str] = {}
        # A field with the name of a type would hide the type from later fields.
        self._no_fields = {*WORDS, *private, *self._names.values(), "self"}
        for named in types:
            self._declare(named)

    @property
    def names(self) -> list[str]:
        """The names of the types of the document."""
        return list(self._names.values())

    def annotation(self, type_: Type, context: str) -> str:
        """Return the annotation of a type; an unnamed type gets a name from its context."""
        if isinstance(type_, AllOf):
            return self._conjunction(type_, context)
        if isinstance(type_, Primitive):
            return _PRIMITIVES[type_.name]
        if isinstance(type_, Literals):
            return _literal(type_)
        if isinstance(type_, Reference):
            return self._names.get(type_.name, "_t.Any")
        if isinstance(type_, ListOf):
            return f"list[{self.annotation(type_.item, context)}]"
        if isinstance(type_, TupleOf):
            return self._tuple(type_, context)
        if isinstance(type_, ObjectOf):
            return self._object(type_, context)
        assert isinstance(type_, AnyOf)
        return self._union(type_, context)

    def _conjunction(self, type_: AllOf, context: str) -> str:
        """Return the annotation of a conjunction, which may contain itself through a reference."""
        if type_ in self._conjunctions:
            return self._conjunctions[type_]
        flat = self.flattened(type_)
        if not (isinstance(flat, ObjectOf) and _is_class(flat)):
            return self.annotation(flat, context)
        name = self._conjunctions[type_] = self._claim(context)
        self._declare_class(name, flat)
        return name

    def flattened(self, type_: Type, seen: tuple[str, ...] = ()) -> Type:
        """Return the type without a conjunction: several objects become one with the fields of all."""
        if not isinstance(type_, AllOf):
            return type_
        parts = [self.flattened(part, seen) for part in type_.parts]
        parts = [part for part in parts if part != UNKNOWN]
        if len(parts) == 1:
            return parts[0]
        resolved = [self.resolved(part, seen) for part in parts]
        objects = [part for part in resolved if isinstance(part, ObjectOf)]
        if not objects or len(objects) < len(parts):
            return UNKNOWN
        fields = {field.name: field for part in objects for field in part.fields}
        required = {field.name for part in objects for field in part.fields if field.is_required}
        merged = [
            Field(field.name, field.type, field.name in required, field.description)
            for field in fields.values()
        ]
        # An object without fields in a conjunction accepts any fields: it adds none.
        rest = [part.rest for part in objects if part.rest is not None and part.fields]
        return ObjectOf(tuple(merged), rest[0] if rest else (None if merged else UNKNOWN))

    def resolved(self, type_: Type, seen: tuple[str, ...] = ()) -> Type:
        """Return the type without a conjunction, and what it refers to if it is a reference."""
        type_ = self.flattened(type_, seen)
        if not isinstance(type_, Reference):
            return type_
        # A type that is defined by itself says nothing.
        is_known = type_.name in self._types and type_.name not in seen
        return self.resolved(self._types[type_.name], (*seen, type_.name)) if is_known else UNKNOWN

    # -- declarations

    def _claim(self, context: str) -> str:
        name = self._module.claim(context)
        self._no_fields.add(name)
        return name

    def _declare(self, named: NamedType) -> None:
        name = self._names[named.name]
        type_ = self.flattened(named.type)
        if isinstance(type_, ObjectOf) and _is_class(type_):
            self._declare_class(name, type_, named.description)
        elif isinstance(type_, AnyOf) and not self._is_plain(type_, (named.name,)):
            self._declare_union(name, type_)
        else:
            self._aliases.append(_Alias(name, self.annotation(type_, name)))

    def _declare_class(self, name: str, type_: ObjectOf, description: str = "") -> None:
        annotations = [self.annotation(field.type, f"{name}{pascal(field.name)}") for field in type_.fields]
        fields = Names(self._no_fields)
        names = {field.name: fields.claim(variable(field.name)) for field in type_.fields}
        renamed = {python: json for json, python in names.items() if python != json}
        keywords = ", kw_only=True" + (f", rename={_dictionary(renamed)}" if renamed else "")
        lines = [f"class {name}(_msgspec.Struct{keywords}):", *docstring(description, "    ")]
        for field, annotation in zip(type_.fields, annotations):
            lines += [f"    # {line}" for line in field.description.splitlines()]
            lines.append(f"    {names[field.name]}: {_with_default(field, annotation)}")
        self._classes.append([*lines, "", ""])

    def _declare_union(self, name: str, type_: AnyOf) -> None:
        parts = self._parts(type_)
        variants = [self.annotation(part, f"{name}{number}") for number, part in enumerate(parts, 1)]
        self._aliases.append(_Alias(name, " | ".join(dict.fromkeys(variants)), variants))

    def declarations(self) -> Iterator[str]:
        """Yield the lines of classes and aliases, each alias after those that it names."""
        for lines in self._classes:
            yield from lines
        aliases = {alias.name: alias for alias in self._aliases}
        written: set[str] = set()
        for name in aliases:
            yield from _alias_lines(name, aliases, written, ())
        if aliases:
            yield ""
            yield ""

    # -- parts of types

    def _tuple(self, type_: TupleOf, context: str) -> str:
        items = [self.annotation(item, f"{context}{number}") for number, item in enumerate(type_.items, 1)]
        if type_.rest is None and type_.required == len(items):
            return f"tuple[{', '.join(items) or '()'}]"
        # msgspec supports only tuples of a fixed length.
        rest = [] if type_.rest is None else [type_.rest]
        return f"list[{self.annotation(any_of([*type_.items, *rest]), f'{context}Item')}]"

    def _object(self, type_: ObjectOf, context: str) -> str:
        if _is_class(type_):
            name = self._claim(context)
            self._declare_class(name, type_)
            return name
        rest = UNKNOWN if type_.rest is None or type_.fields else type_.rest
        return f"dict[str, {self.annotation(rest, f'{context}Value')}]"

    def _union(self, type_: AnyOf, context: str) -> str:
        if not self._is_plain(type_):
            others = AnyOf(tuple(part for part in type_.parts if part != NULL))
            suffix = " | None" if NULL in type_.parts else ""
            return (self._hard_union(others, context) if len(others.parts) > 1 else "_t.Any") + suffix
        parts = self._parts(type_)
        if any("any" in self._forms(part, ()) for part in parts):
            return "_t.Any"
        annotations = [self.annotation(part, f"{context}{number}") for number, part in enumerate(parts, 1)]
        # None comes last, as people write it.
        annotations.sort(key="None".__eq__)
        return " | ".join(dict.fromkeys(annotations))

    def _hard_union(self, type_: AnyOf, context: str) -> str:
        """Return the name of a union that msgspec cannot decode; the same parts have the same name."""
        if type_ not in self._hard_unions:
            parts = [self._names.get(part.name, "") for part in type_.parts if isinstance(part, Reference)]
            is_named = all(parts) and len(parts) == len(type_.parts) <= 3
            name = self._claim("Or".join(parts) if is_named else context)
            self._hard_unions[type_] = name
            self._declare_union(name, type_)
        return self._hard_unions[type_]

    def _parts(self, type_: AnyOf) -> list[Type]:
        """Return the parts of a union, with all of its literals combined into one."""
        flat = any_of([self.flattened(part) for part in type_.parts])
        parts = flat.parts if isinstance(flat, AnyOf) else (flat,)
        literals = [value for part in parts if isinstance(part, Literals) for value in part.values]
        merged: list[Type] = [Literals(tuple(literals))] if literals else []
        return merged + [part for part in parts if not isinstance(part, Literals)]

    def _is_plain(self, type_: AnyOf, seen: tuple[str, ...] = ()) -> bool:
        """Return whether msgspec decodes the union: if it has at most one part of each form of JSON."""
        forms = Counter(form for part in self._parts(type_) for form in self._forms(part, seen))
        if forms["any"]:
            return True
        return all(count == 1 for form, count in forms.items() if form != "null") and (
            not forms["union"] or set(forms) <= {"union", "null"}
        )

    def _forms(self, type_: Type, seen: tuple[str, ...]) -> Iterator[str]:
        """Yield the forms of JSON that a type has; `union` for one that msgspec cannot decode."""
        type_ = self.flattened(type_)
        if isinstance(type_, Primitive):
            yield _FORMS.get(type_.name, "text")
        elif isinstance(type_, Literals):
            yield from {_form_of_value(value) for value in type_.values}
        elif isinstance(type_, Reference):
            if type_.name in seen:
                return  # a union contains what it refers to, and that adds nothing
            target = self.flattened(self._types.get(type_.name, UNKNOWN))
            seen = (*seen, type_.name)
            if isinstance(target, AnyOf) and not self._is_plain(target, seen):
                yield "union"
            else:
                yield from self._forms(target, seen)
        elif isinstance(type_, AnyOf):
            yield from itertools.chain.from_iterable(self._forms(part, seen) for part in self._parts(type_))
        else:
            yield "object" if isinstance(type_, ObjectOf) else "array"


def _alias_lines(
    name: str, aliases: Mapping[str, _Alias], written: set[str], open_: tuple[str, ...]
) -> Iterator[str]:
    if name in written:
        return
    alias = aliases[name]
    if alias.variants:
        written.add(name)
        # The parts are looked up at the first use.
        yield from _two_aliases(name, alias.text, f'_union("{name}", lambda: ({", ".join(alias.variants)}))')
        return
    is_recursive = False
    for other in re.findall(r"\w+", alias.text):
        if other in (*open_, name):
            is_recursive = True
        elif other in aliases:
            yield from _alias_lines(other, aliases, written, (*open_, name))
    written.add(name)
    if is_recursive:
        yield from _two_aliases(name, alias.text, "_t.Any")
    else:
        yield f"{name}: _t.TypeAlias = {alias.text}"


def _two_aliases(name: str, text: str, at_runtime: str) -> Iterator[str]:
    yield "if _t.TYPE_CHECKING:"
    yield f"    {name}: _t.TypeAlias = {quoted(text)}"
    yield "else:"
    yield f"    {name} = {at_runtime}"


def _is_class(type_: ObjectOf) -> bool:
    # A class would lose members with other names, and msgspec cannot rename a field to a name that JSON
    # escapes.
    names = [field.name for field in type_.fields]
    return bool(names) and type_.rest is None and not any(_ESCAPED.search(name) for name in names)


def _with_default(field: Field, annotation: str) -> str:
    if isinstance(field.type, Literals) and len(field.type.values) == 1 and field.is_required:
        return f"{annotation} = {_value(field.type.values[0])}"  # such as the tag of a class in a union
    if field.is_required:
        return annotation
    return f"{annotation} = _UNSET" if annotation == "_t.Any" else f"{annotation} | _Unset = _UNSET"


def _form_of_value(value: object) -> str:
    if value is None:
        return "null"
    return {str: "text", bool: "bool", int: "int", float: "float"}[type(value)]


def _literal(type_: Literals) -> str:
    # Literal does not allow floats, and msgspec does not allow bools in it.
    exact = [value for value in type_.values if value is None or type(value) in (str, int)]
    names = [type(value).__name__ for value in type_.values if type(value) in (bool, float)]
    parts = [f"_t.Literal[{', '.join(map(_value, exact))}]"] if exact else []
    return " | ".join(dict.fromkeys([*parts, *names])) or "None"


def _value(value: object) -> str:
    return quoted(value) if isinstance(value, str) else repr(value)


def _dictionary(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{quoted(key)}: {quoted(value)}" for key, value in values.items()) + "}"


def quoted(text: str) -> str:
    """Return a string literal."""
    if not text.isprintable():
        return ascii(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def variable(name: str) -> str:
    """Return the name of a field, a parameter or a method."""
    # Inside a class, Python mangles names that begin with two underscores.
    text = identifier(snake(name))
    return identifier(text.lstrip("_")) if text.startswith("__") else text


def docstring(text: str, indent: str) -> list[str]:
    """Return the lines of a docstring; none for an empty text."""
    if not text.strip():
        return []
    escaped = text.strip().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    first, *lines = escaped.splitlines()
    if not lines:
        return [f'{indent}"""{first}{" " if first.endswith(chr(34)) else ""}"""', ""]
    return [f'{indent}"""{first}', *(f"{indent}{line}".rstrip() for line in lines), f'{indent}"""', ""]
