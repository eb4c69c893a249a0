"""A TypeScript client of an OpenAPI document: typed, small, without dependencies.

In: a document as `document` makes it. Out: the source of one module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["typescript_client"]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
# The part that all clients share, with marks around the places of the generated parts.
_TEMPLATE = Path(__file__).with_name("client.ts")
_GENERATED = re.compile(r"^// <(\w+)>\n.*?^// </\1>\n", re.MULTILINE | re.DOTALL)


def typescript_client(document: dict[str, Any]) -> str:
    """Return a module with a type for each schema, and `createClient` with a function for each operation."""
    generated = {
        "header": _header(document),
        "types": _types(document),
        "operations": _operations(document),
    }
    template = _TEMPLATE.read_text(encoding="utf-8")
    return _GENERATED.sub(lambda match: "".join(f"{line}\n" for line in generated[match[1]]), template)


def _header(document: dict[str, Any]) -> Iterator[str]:
    name = _one_line(f"{document['info']['title']} {document['info']['version']}")
    yield f"// A client of {name}, written by `apiroutes client`."


def _types(document: dict[str, Any]) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        yield from _comment(schema.get("description"), "")
        yield f"export type {_identifier(name)} = {_type(schema)};"
        yield ""


def _operations(document: dict[str, Any]) -> Iterator[str]:
    names: set[str] = set()
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                name = _camel(item[method]["operationId"])
                while name in names:  # `get_x_2` and `get_x2`
                    name += "_"
                names.add(name)
                yield from _operation(name, path, method, item[method])


def _operation(name: str, path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    text = "\n\n".join(filter(None, [operation.get("summary"), operation.get("description")]))
    yield from _comment(text, "    ")
    members, arguments = _parameters(operation)
    is_required = any(not name.endswith("?") for name, _ in members)
    fields = "; ".join(f"{name}: {type_}" for name, type_ in members)
    parameters = [f"parameters: {{ {fields} }}" + ("" if is_required else " = {}")] if members else []
    signature = ", ".join([*parameters, "init?: RequestInit"])
    result = _result(operation)
    yield f"    {name}: ({signature}): Promise<{result}> =>"
    yield f"      request<{result}>({_string(method.upper())}, {_path(path, operation)}, {arguments}, init),"


def _parameters(operation: dict[str, Any]) -> tuple[list[tuple[str, str]], str]:
    """Return the members of `parameters` with their types, and the argument of `request` made of them."""
    members: list[tuple[str, str]] = []
    arguments: list[str] = []
    for source in ("path", "query"):
        parameters = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] == source]
        if parameters:
            fields = "; ".join(
                f"{_key(parameter['name'])}{'' if parameter.get('required') else '?'}: "
                + _type(parameter["schema"])
                for parameter in parameters
            )
            is_required = any(parameter.get("required") for parameter in parameters)
            members.append((source if is_required else f"{source}?", f"{{ {fields} }}"))
            if source == "query":
                arguments.append("query: parameters.query")
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        members.append(("body", _type(content["schema"])))
        arguments.append(f"{'json' if media_type == 'application/json' else 'form'}: parameters.body")
    return members, "{ " + ", ".join(arguments) + " }" if arguments else "{}"


def _path(path: str, operation: dict[str, Any]) -> str:
    """Return the path as a template literal that encodes its parameters."""
    values = {}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            encode = "segments" if parameter.get("x-catch-all") else "segment"
            name = parameter["name"]
            values[f"{{{name}}}"] = f"${{{encode}(parameters.path[{_string(name)}])}}"
    if not values:
        return f"`{_literal(path)}`"
    names = "|".join(map(re.escape, sorted(values, key=len, reverse=True)))
    return "`" + "".join(values.get(part) or _literal(part) for part in re.split(f"({names})", path)) + "`"


def _literal(text: str) -> str:
    """Escape a string for a template literal, so that none of it is code (ECMA-262 section 12.9.6)."""
    return _string(text)[1:-1].replace("`", "\\`").replace("${", "\\${")


def _string(text: str) -> str:
    """Return a string as a literal in ASCII."""
    return json.dumps(text)


def _result(operation: dict[str, Any]) -> str:
    """Return the type of the content of all 2xx responses."""
    types: list[str] = []
    for status, response in operation["responses"].items():
        if not status.startswith("2"):
            continue
        content = response.get("content")
        if content is None:
            types.append("void" if status in ("204", "205") else "unknown")
        for media_type, description in (content or {}).items():
            if media_type == "application/json":
                types.append(_type(description.get("schema", {})))
            else:
                types.append("string" if media_type.startswith("text/") else "Blob")
    return " | ".join(dict.fromkeys(types)) or "unknown"


# -- schemas -------------------------------------------------------------------------------------


def _type(schema: Any) -> str:
    """Return a JSON Schema (2020-12) as a type."""
    if not isinstance(schema, dict):
        return "unknown" if schema else "never"
    if "$ref" in schema:
        return _identifier(schema["$ref"].rpartition("/")[2])
    if "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
    for keyword, operator in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if keyword in schema:
            return operator.join(dict.fromkeys(_grouped(_type(part)) for part in schema[keyword]))
    name = schema.get("type")
    if isinstance(name, list):
        return " | ".join(_type({**schema, "type": alternative}) for alternative in name)
    return _type_by_name(name, schema)


def _type_by_name(name: Any, schema: dict[str, Any]) -> str:
    if name == "string":
        return "Blob" if "contentMediaType" in schema else "string"
    if name == "array":
        if "prefixItems" in schema:
            return "[" + ", ".join(map(_type, schema["prefixItems"])) + "]"
        return _grouped(_type(schema.get("items", {}))) + "[]"
    if name == "object" or "properties" in schema:
        return _object(schema)
    return {"integer": "number", "number": "number", "boolean": "boolean", "null": "null"}.get(
        name, "unknown"
    )


def _object(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    fields = [
        f"{_key(name)}{'' if name in required else '?'}: {_type(part)}"
        for name, part in schema.get("properties", {}).items()
    ]
    if fields:
        return "{ " + "; ".join(fields) + " }"
    return f"Record<string, {_type(schema.get('additionalProperties', True))}>"


def _grouped(type_: str) -> str:
    return f"({type_})" if " | " in type_ or " & " in type_ else type_


# -- names and comments --------------------------------------------------------------------------


def _identifier(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_$]", "_", name)


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else _string(name)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _comment(text: str | None, indent: str) -> Iterator[str]:
    if text:
        lines = text.replace("*/", "* /").split("\n")
        if len(lines) == 1:
            yield f"{indent}/** {lines[0]} */"
            return
        yield f"{indent}/**"
        yield from (f"{indent} * {line}".rstrip() for line in lines)
        yield f"{indent} */"
