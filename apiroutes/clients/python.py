"""A Python client of an OpenAPI document, over httpx, with types of msgspec.

In: a document as `openapi.document` makes it. Out: the source of one module, for Python 3.10 and later.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from apiroutes.clients.model import Operation, Parameter, Response, read_api
from apiroutes.clients.naming import Names, pascal
from apiroutes.clients.python_types import WORDS, PythonTypes, docstring, quoted, variable
from apiroutes.clients.schema_types import BINARY, TEXT, UNKNOWN, Field, ListOf, ObjectOf, Type, any_of
from apiroutes.structs import Struct

__all__ = ["python_client"]

# The code that all clients share, with marks around the generated parts.
_TEMPLATE = Path(__file__).with_name("client.py.txt")
_PART = re.compile(r"^ *# <(\w+)>\n.*?^ *# </\1>\n", re.MULTILINE | re.DOTALL)
_EXAMPLES = re.compile(r"^ *# <(types|constants|sync|async)>\n.*?^ *# </\1>\n", re.MULTILINE | re.DOTALL)
_PROBLEM = "application/problem+json"
# Modules that are imported if a type comes from them.
_MODULES = ("datetime", "decimal", "uuid")
_FORM = "_t.Mapping[str, _t.Any]"
_RAW = "bytes | _t.Iterable[bytes] | _t.AsyncIterable[bytes]"


def python_client(document: Mapping[str, Any]) -> str:
    """Return a module with a class for each schema, and `Client` and `AsyncClient` with the operations."""
    return _Writer(document).module()


class _Error(Struct, frozen=True):
    """The exception for a status that an operation declares with its own type."""

    operation: str
    status: int
    name: str
    content: str


class _Method(Struct, frozen=True):
    """A method of both classes; `kind` is call, stream or iterate, `arguments` are for the call inside."""

    name: str
    kind: str
    description: str
    parameters: list[str]
    path: str
    arguments: str
    returned: str


class _Writer:
    def __init__(self, document: Mapping[str, Any]) -> None:
        api = read_api(document)
        self._template = _TEMPLATE.read_text(encoding="utf-8")
        runtime = ast.parse(_EXAMPLES.sub("", self._template))
        names = {*_bound(runtime), *(f"_{name}" for name in _MODULES)}
        self._private = {name for name in names if name.startswith("_")}
        self._own = names - self._private
        used = {node.id for node in ast.walk(runtime) if isinstance(node, ast.Name)}
        self._module = Names({*WORDS, *self._private, *self._own, *used})
        self._types = PythonTypes(api.types, self._module, self._private)
        self._method_names = Names({*WORDS, *self._private, *self._types.names, "close", "aclose"})
        self._constant_names = Names(self._private)
        self._errors: list[_Error] = []
        self._constants: list[str] = []
        self._methods = [method for operation in api.operations for method in self._read(operation)]

    def module(self) -> str:
        """Return the template with the generated parts in their places."""
        types = [*self._types.declarations(), *self._error_lines()]
        sync = [line for method in self._methods for line in _lines(method, is_async=False)]
        code = "\n".join([*types, *sync])
        modules = [name for name in _MODULES if f"_{name}." in code]
        names = sorted({*self._own, *self._types.names, *(error.name for error in self._errors)})
        generated = {
            "header": [
                '"""A client of an API, written by `apiroutes client --python`."""',
                "",
                "# ruff: noqa",
            ],
            "imports": [f"import {name} as _{name}" for name in modules],
            "all": ["__all__ = [", *(f"    {quoted(name)}," for name in names), "]"],
            "types": types,
            "constants": [*self._constants, "", ""],
            "sync": sync[:-1],  # without the last blank line
            "async": [line for method in self._methods for line in _lines(method, is_async=True)][:-1],
        }
        return _PART.sub(lambda part: "".join(f"{line}\n" for line in generated[part[1]]), self._template)

    def _error_lines(self) -> Iterator[str]:
        for error in self._errors:
            yield f"class {error.name}(ApiError):"
            yield f'    """The {error.status} of `{error.operation}`."""'
            yield ""
            yield f"    content: {error.content}"
            yield ""
            yield ""

    # -- what an operation returns

    def _read(self, operation: Operation) -> Iterator[_Method]:
        name = self._method_names.claim(variable(operation.name).lstrip("_") or "_")
        context = pascal(name)
        constant = self._constant_names.claim(f"_{name.upper()}")
        returned = self._declare(operation, name, constant, context)
        inputs = _Inputs(operation, self._types, {*WORDS, *self._private}, context)
        passed = [constant, "path_"]
        if operation.events is not None:
            passed.append("None" if operation.events == TEXT else returned)
        arguments = ", ".join([*passed, *inputs.arguments])
        raised = [f"`{error.name}`" for error in self._errors if error.operation == name]
        notes = ["Deprecated."] if operation.is_deprecated else []
        notes += [f"Raises {' or '.join(raised)}, or any other `ApiError`."] if raised else []
        description = "\n\n".join(filter(None, [operation.description, *notes]))
        kind = "call" if operation.events is None else "iterate"
        yield _Method(name, kind, description, inputs.parameters, inputs.path, arguments, returned)
        kinds = {content.kind for response in operation.successes for content in response.contents}
        if kinds and kinds <= {"bytes", "text"}:
            stream = self._method_names.claim(f"stream_{name}")
            description = f"Open the response of `{name}`, whose content is then read in pieces."
            yield _Method(
                stream, "stream", description, inputs.parameters, inputs.path, arguments, "_httpx.Response"
            )

    def _declare(self, operation: Operation, name: str, constant: str, context: str) -> str:
        """Write the constant of an operation and its exceptions, and return the type of its result."""
        types = {
            part.status: self._types.annotation(_json(part), f"{context}Response{part.status}")
            for part in operation.responses
            if part.status is not None
        }
        types = {status: text for status, text in types.items() if text not in ("_t.Any", "None")}
        errors = []
        for part in operation.failures:
            if part.status in types:
                error = self._module.claim(f"{context}{part.status}")
                self._errors.append(_Error(name, part.status or 0, error, types[part.status]))
                errors.append(f"{part.status}: {error}")
        if operation.events is None:
            returned = self._returned(operation, types)
        else:
            returned = self._types.annotation(operation.events, f"{context}Event")
        arguments = [
            quoted(operation.method),
            "{" + ", ".join(f"{status}: {text}" for status, text in types.items()) + "}",
            "{" + ", ".join(errors) + "}",
            self._types.annotation(_other(operation), f"{context}Error"),
        ]
        while arguments[-1] in ("_t.Any", "{}"):
            arguments.pop()
        self._constants.append(f"{constant} = _Operation[{returned}]({', '.join(arguments)})")
        return returned

    def _returned(self, operation: Operation, types: Mapping[int, str]) -> str:
        annotations: dict[str, None] = {}
        for response in operation.successes:
            for content in response.contents:
                by_kind = {"text": "str", "bytes": "bytes", "empty": "None"}
                annotations[by_kind.get(content.kind) or types.get(response.status or 0, "_t.Any")] = None
        if not annotations or "_t.Any" in annotations:
            return "_t.Any"
        return " | ".join(sorted(annotations, key="None".__eq__))


def _bound(module: ast.Module) -> Iterator[str]:
    """Yield the names that a module binds."""
    for node in module.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name
        elif isinstance(node, ast.Import):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


class _Inputs:
    """The parameters of a method, and the arguments of the call inside, which are made from them."""

    def __init__(self, operation: Operation, types: PythonTypes, taken: Iterable[str], context: str) -> None:
        self._types = types
        self._context = context
        self._names = Names({*taken, "self", "path_", "headers", "timeout", "reconnect"})
        self.parameters: list[str] = []
        self._keywords: list[str] = []
        self.arguments: list[str] = []
        in_path = {part.name: self._names.claim(variable(part.name)) for part in operation.path_parameters}
        for part in operation.path_parameters:
            annotation = "_Path" if part.is_catch_all else self._annotation(part.name, part.type)
            self.parameters.append(f"{in_path[part.name]}: {annotation}")
        self.path = _path(operation, in_path)
        self._add_body(operation)
        for argument, group in (("query", operation.query), ("fields", operation.headers)):
            self._add_fields([Field(part.name, part.type, part.is_required) for part in group], argument)
        if operation.events is not None:
            self._keywords.append("reconnect: bool = False")
            self.arguments.append("reconnect=reconnect")
        self._keywords += ["headers: _Headers = None", "timeout: _Timeout = _UNSET"]
        self.arguments += ["headers=headers", "timeout=timeout"]
        self.parameters += ["*", *self._keywords]

    def _add_body(self, operation: Operation) -> None:
        """Take a form's fields as keywords, any other body as a whole, and either if any body is allowed."""
        body = next((part for part in operation.bodies if part.kind in ("json", "text", "bytes")), None)
        form = next((part for part in operation.bodies if part.kind in ("multipart", "form")), None)
        is_required = operation.body_is_required
        if body is not None:
            name = self._names.claim("body")
            annotation = _RAW if body.kind == "bytes" else self._annotation("body", body.type)
            kind = "open" if body.type == UNKNOWN else body.kind
            form_kind = "multipart" if form is None and kind == "open" else form and form.kind
            self.parameters.append(_parameter(name, annotation, is_required and form_kind is None))
            if form_kind is None:
                self.arguments += [f"body={name}", f'kind="{kind}"']
                return
            other = self._names.claim("form")
            self._keywords.append(_parameter(other, _FORM, is_required=False))
            self.arguments.append(f"body={name} if {other} is _UNSET else {other}")
            self.arguments.append(f'kind="{kind}" if {other} is _UNSET else "{form_kind}"')
        elif form is not None:
            type_ = self._types.resolved(form.type)
            if isinstance(type_, ObjectOf) and type_.fields:
                self._add_fields(type_.fields, "body")
            else:
                name = self._names.claim("form")
                self._keywords.append(_parameter(name, _FORM, is_required))
                self.arguments.append(f"body={name}")
            self.arguments.append(f'kind="{form.kind}"')

    def _add_fields(self, fields: Sequence[Field], argument: str) -> None:
        """Add a keyword for each field, and an argument that contains them by their original names."""
        names = [self._names.claim(variable(field.name)) for field in fields]
        for name, field in zip(names, fields):
            self._keywords.append(
                _parameter(name, self._annotation(field.name, field.type), field.is_required)
            )
        if fields:
            values = [f"{quoted(field.name)}: {name}" for name, field in zip(names, fields)]
            self.arguments.append(f"{argument}={{{', '.join(values)}}}")

    def _annotation(self, name: str, type_: Type) -> str:
        if type_ in (BINARY, ListOf(BINARY)):
            return "_File" if type_ == BINARY else "list[_File]"
        return self._types.annotation(type_, self._context + pascal(name))


def _parameter(name: str, annotation: str, is_required: bool) -> str:
    if is_required:
        return f"{name}: {annotation}"
    return (
        f"{name}: {annotation} = _UNSET"
        if annotation == "_t.Any"
        else f"{name}: {annotation} | _Unset = _UNSET"
    )


def _json(response: Response) -> Type:
    """Return the type of the JSON of a status that is declared: UNKNOWN for a problem document."""
    types = [part.type for part in response.contents if part.kind == "json" and part.media_type != _PROBLEM]
    return any_of(types) if types else UNKNOWN


def _other(operation: Operation) -> Type:
    """Return the type of the JSON of statuses that are not declared."""
    contents = [part for response in operation.failures for part in response.contents if part.kind == "json"]
    problems = [part.type for part in contents if part.media_type == _PROBLEM]
    others = [
        content.type
        for response in operation.failures
        for content in response.contents
        if response.status is None and content.kind == "json"
    ]
    types = others or problems
    return any_of(types) if types else UNKNOWN


def _path(operation: Operation, names: Mapping[str, str]) -> str:
    """Return the expression of a path that encodes its parameters."""
    pieces = []
    for part in operation.path:
        if isinstance(part, Parameter):
            pieces.append(f"{'_segments' if part.is_catch_all else '_segment'}({names[part.name]})")
        else:
            pieces.append(quoted(part))
    return " + ".join(pieces)


def _lines(method: _Method, is_async: bool) -> Iterator[str]:
    """Yield the lines of a method."""
    returned = {
        "call": method.returned,
        "stream": f"_contextlib.Abstract{'Async' if is_async else ''}ContextManager[{method.returned}]",
        "iterate": f"_t.AsyncGenerator[ApiEvent[{method.returned}], None]"
        if is_async
        else f"_t.Generator[ApiEvent[{method.returned}], None, None]",
    }[method.kind]
    waits = is_async and method.kind == "call"
    yield f"    {'async ' if waits else ''}def {method.name}("
    yield "        self,"
    yield from (f"        {parameter}," for parameter in method.parameters)
    yield f"    ) -> {returned}:"
    yield from docstring(method.description, "        ")[:-1]  # without the blank line below it
    yield f"        path_ = {method.path}"
    yield f"        return {'await ' if waits else ''}self._{method.kind}({method.arguments})"
    yield ""
