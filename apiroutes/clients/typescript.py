"""A TypeScript client of an OpenAPI document: typed, small, without dependencies.

In: a document as `openapi.document` makes it. Out: the source of one module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from apiroutes.clients.model import Api, NamedType, Operation, Parameter, Response, read_api
from apiroutes.clients.naming import Names, camel, identifier, type_name
from apiroutes.clients.schema_types import (
    TEXT,
    AnyOf,
    Field,
    ListOf,
    Literals,
    ObjectOf,
    Primitive,
    Reference,
    TupleOf,
    Type,
)
from apiroutes.structs import Struct

__all__ = ["typescript_client"]

_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
# The code that clients share, with marks around generated parts, and around functions that not all need.
_TEMPLATE = Path(__file__).with_name("client.ts")
_PART = re.compile(r"^// <(\w+)>\n(.*?)^// </\1>\n", re.MULTILINE | re.DOTALL)
_EXAMPLES = re.compile(r"^// <(types|operations|client)>\n.*?^// </\1>\n", re.MULTILINE | re.DOTALL)
_NO_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"", re.DOTALL)
_EXPORTED = re.compile(r"^export (?:type|interface|class|function) (\w+)", re.MULTILINE)
# Names that no type and no function may have: reserved words (ECMA-262 section 12.7.2, strict mode), and the
# types of the language.
_RESERVED = """
    arguments as async await break case catch class const continue debugger default delete do else enum eval
    export extends false finally for function if implements import in instanceof interface let new null
    package private protected public return static super switch this throw true try typeof undefined var
    void while with yield any bigint boolean never number object string symbol unknown
"""
_WORDS = frozenset(_RESERVED.split())
_PRIMITIVES = {"integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_PRIMITIVES |= {"binary": "Blob", "unknown": "unknown", "never": "never"}


def typescript_client(document: Mapping[str, Any]) -> str:
    """Return a module with a type for each schema, a function for each operation, and `createClient`."""
    return _Writer(read_api(document)).module()


class _Named(Struct, frozen=True):
    """`local` is the name inside the module, where names of the language and the template are reserved."""

    local: str
    exported: str


class _Writer:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._template = _TEMPLATE.read_text(encoding="utf-8")
        # The examples use the same functions as the generated parts.
        self._locals = Names({*re.findall(r"[A-Za-z_$][\w$]*", _NO_CODE.sub("", self._template)), *_WORDS})
        self._exports = Names({*_EXPORTED.findall(_EXAMPLES.sub("", self._template)), *_WORDS})
        self._types = {type_.name: self._name(type_name(type_.name)) for type_ in api.types}
        self._functions = [self._name(identifier(camel(part.name))) for part in api.operations]

    def _name(self, name: str) -> _Named:
        exported = self._exports.claim(name)
        return _Named(self._locals.claim(exported), exported)

    def module(self) -> str:
        """Return the template with the generated parts in their places."""
        operations = [*self._operation_lines()]
        generated = {
            "header": [
                "// A client of an API, written by `apiroutes client --typescript`.",
                "/* eslint-disable */",
            ],
            "types": [line for type_ in self._api.types for line in self._type_lines(type_)],
            "operations": operations[:-1],  # without the last blank line
            "client": [*self._client_lines()],
        }
        parts = {name: text for name, text in _PART.findall(self._template) if name not in generated}
        parts = _called(parts, "\n".join(operations))
        parts |= {name: "".join(f"{line}\n" for line in lines) for name, lines in generated.items()}
        module = _PART.sub(lambda part: parts.get(part[1], ""), self._template)
        return module + "".join(self._renamed())

    def _renamed(self) -> Iterator[str]:
        """Export items under their own names if they have other names inside the module."""
        for keyword, names in (("type ", self._types.values()), ("", self._functions)):
            for name in names:
                if name.local != name.exported:
                    yield f"\nexport {keyword}{{ {name.local} as {name.exported} }};\n"

    # -- types

    def _type_lines(self, named: NamedType) -> Iterator[str]:
        name = self._types[named.name]
        export = "export " if name.local == name.exported else ""
        yield from _comment(named.description, "")
        if isinstance(named.type, ObjectOf) and named.type.fields:
            yield f"{export}type {name.local} = {{"
            for field in named.type.fields:
                yield from _comment(field.description, "  ")
                yield f"  {self._member(field)};"
            if named.type.rest is not None:
                yield "  [key: string]: unknown;"
            yield "};"
        else:
            yield f"{export}type {name.local} = {self._type(named.type)};"
        yield ""

    def _type(self, type_: Type) -> str:
        if isinstance(type_, Primitive):
            return _PRIMITIVES.get(type_.name, "string")
        if isinstance(type_, Literals):
            return " | ".join(json.dumps(value) for value in type_.values) or "never"
        if isinstance(type_, Reference):
            return self._types[type_.name].local if type_.name in self._types else "unknown"
        if isinstance(type_, ListOf):
            return f"{_grouped(self._type(type_.item))}[]"
        if isinstance(type_, TupleOf):
            return self._tuple(type_)
        if isinstance(type_, ObjectOf):
            return self._object(type_)
        operator = " | " if isinstance(type_, AnyOf) else " & "
        return operator.join(dict.fromkeys(_grouped(self._type(part)) for part in type_.parts))

    def _tuple(self, type_: TupleOf) -> str:
        items = [
            self._type(item) if number < type_.required else f"{_grouped(self._type(item))}?"
            for number, item in enumerate(type_.items)
        ]
        rest = [] if type_.rest is None else [f"...{_grouped(self._type(type_.rest))}[]"]
        return "[" + ", ".join([*items, *rest]) + "]"

    def _object(self, type_: ObjectOf) -> str:
        if not type_.fields:
            rest = "never" if type_.rest is None else self._type(type_.rest)
            return f"{{ [key: string]: {rest} }}"
        fields = [self._member(field) for field in type_.fields]
        # The type of other members would have to include the types of all fields.
        return "{ " + "; ".join(fields + ["[key: string]: unknown"] * (type_.rest is not None)) + " }"

    def _member(self, field: Field) -> str:
        return f"{_key(field.name)}{'' if field.is_required else '?'}: {self._type(field.type)}"

    # -- operations

    def _operation_lines(self) -> Iterator[str]:
        for name, operation in zip(self._functions, self._api.operations):
            yield from _comment(_description(operation), "")
            export = "export " if name.local == name.exported else ""
            parameters = self._parameters(operation)
            yield f"{export}function {name.local}("
            if parameters is not None:
                yield f"  {parameters},"
            yield "  options?: ApiOptions,"
            yield f"): {self._returned(operation)} {{"
            yield f"  return {self._call(operation)};"
            yield "}"
            yield ""

    def _client_lines(self) -> Iterator[str]:
        for name, operation in zip(self._functions, self._api.operations):
            yield from _comment(_description(operation), "    ")
            if self._parameters(operation) is None:
                yield (
                    f"    {name.exported}: (options?: ApiOptions) => {name.local}(merged(defaults, options)),"
                )
                continue
            mark = "" if _is_required(operation) else "?"
            yield (
                f"    {name.exported}: (parameters{mark}: Parameters<typeof {name.local}>[0],"
                " options?: ApiOptions) =>"
            )
            yield f"      {name.local}(parameters, merged(defaults, options)),"

    def _parameters(self, operation: Operation) -> str | None:
        """Return the argument with the inputs of an operation; None for an operation without inputs."""
        groups = (
            ("path", operation.path_parameters),
            ("query", operation.query),
            ("headers", operation.headers),
        )
        members = [self._group(name, parameters) for name, parameters in groups if parameters]
        if operation.bodies:
            body = " | ".join(dict.fromkeys(self._body_types(operation)))
            members.append(f"body: {body}" if operation.body_is_required else f"body?: {body} | undefined")
        if not members:
            return None
        default = "" if _is_required(operation) else " = {}"
        return f"parameters: {{ {'; '.join(members)} }}{default}"

    def _group(self, name: str, parameters: Sequence[Parameter]) -> str:
        fields = "; ".join(
            f"{_key(part.name)}: {'Path' if part.is_catch_all else self._type(part.type)}"
            if part.is_required
            else f"{_key(part.name)}?: {self._type(part.type)} | undefined"
            for part in parameters
        )
        is_required = any(part.is_required for part in parameters)
        return f"{name}: {{ {fields} }}" if is_required else f"{name}?: {{ {fields} }} | undefined"

    def _body_types(self, operation: Operation) -> Iterator[str]:
        for body in operation.bodies:
            if body.kind == "bytes":
                yield "Raw"
            else:
                yield self._type(body.type)
            if body.kind in ("multipart", "form"):
                yield "FormData" if body.kind == "multipart" else "URLSearchParams"

    def _returned(self, operation: Operation) -> str:
        if operation.events is not None:
            return f"ApiEvents<{self._type(operation.events)}>"
        results = [f"ApiSuccess<{part.status}, {self._content(part)}>" for part in operation.successes]
        # Failures with the same content are combined; failures with the content of all others are among
        # these.
        failures: dict[str, list[int | None]] = {}
        for part in operation.failures:
            failures.setdefault(self._content(part), []).append(part.status)
        results = results or ["ApiSuccess<number, unknown>"]
        for type_, statuses in failures.items():
            if None in statuses:
                own = [part.status for part in operation.failures if part.status not in statuses]
                text = f"ErrorStatus<{_either(own)}>" if own else "ErrorStatus"
            else:
                text = _either(statuses)
            results.append(f"ApiFailure<{text}, {type_}>")
        return "ApiCall<\n  | " + "\n  | ".join(results) + "\n>"

    def _content(self, response: Response) -> str:
        types = {
            "undefined" if content.kind == "empty" else self._type(content.type)
            for content in response.contents
        }
        return "unknown" if "unknown" in types else " | ".join(sorted(types, key=_is_plain))

    def _call(self, operation: Operation) -> str:
        parts = [f"{name}: parameters.{name}" for name in ("query", "headers") if getattr(operation, name)]
        if operation.bodies:
            parts.append(f'body: parameters.body, kind: "{operation.bodies[0].kind}"')
        arguments = "{ " + ", ".join(parts) + " }" if parts else "{}"
        method = _string(operation.method)
        if operation.events is None:
            return f"call({method}, {_path(operation)}, {arguments}, options)"
        parse = "String" if operation.events == TEXT else "JSON.parse"
        return f"events({method}, {_path(operation)}, {arguments}, options, {parse})"


def _called(parts: Mapping[str, str], code: str) -> dict[str, str]:
    """Return the functions that code calls; unused ones would be an error for `tsc --noUnusedLocals`.

    A function calls only those above it.
    """
    called = {}
    for name, text in reversed([*parts.items()]):
        # `segments` passes `segment` on.
        if re.search(rf"\b{name}[(<]|\({name}\)", code):
            called[name] = text
            code += text
    return called


def _either(statuses: Sequence[int | None]) -> str:
    return " | ".join(map(str, statuses))


def _is_required(operation: Operation) -> bool:
    parameters = (*operation.path_parameters, *operation.query, *operation.headers)
    return any(part.is_required for part in parameters) or (
        bool(operation.bodies) and operation.body_is_required
    )


def _path(operation: Operation) -> str:
    """Return the path as a template literal that encodes its parameters."""
    pieces = []
    for part in operation.path:
        if isinstance(part, Parameter):
            encode = "segments" if part.is_catch_all else "segment"
            pieces.append(f"${{{encode}(parameters.path[{_string(part.name)}])}}")
        else:
            pieces.append(_literal(part))
    return f"`{''.join(pieces)}`"


def _literal(text: str) -> str:
    """Escape a string for a template literal, so that none of it is code (ECMA-262 section 12.9.6)."""
    return _string(text)[1:-1].replace("`", "\\`").replace("${", "\\${")


def _string(text: str) -> str:
    """Return a string as a literal in ASCII."""
    return json.dumps(text)


def _key(name: str) -> str:
    return name if _KEY.fullmatch(name) else _string(name)


def _grouped(type_: str) -> str:
    return f"({type_})" if " | " in type_ or " & " in type_ else type_


def _is_plain(type_: str) -> tuple[bool, str]:
    """Sort types of the document before those of the language."""
    return type_ in ("string", "Blob", "undefined"), type_


def _description(operation: Operation) -> str:
    return "\n".join(filter(None, [operation.description, "@deprecated" if operation.is_deprecated else ""]))


def _comment(text: str, indent: str) -> Iterator[str]:
    if text:
        lines = text.replace("*/", "* /").splitlines()
        if len(lines) == 1:
            yield f"{indent}/** {lines[0]} */"
            return
        yield f"{indent}/**"
        yield from (f"{indent} * {line}".rstrip() for line in lines)
        yield f"{indent} */"
