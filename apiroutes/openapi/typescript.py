"""A TypeScript client of an OpenAPI document: typed, small, without dependencies.

In: a document as `apiroutes.openapi` makes it. Out: the source of one module. Raises nothing.
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
# What every client has, with the places of what is generated: from `// <name>` to `// </name>`.
_TEMPLATE = Path(__file__).with_name("client.ts")
_GENERATED = re.compile(r"^// <(\w+)>\n.*?^// </\1>\n", re.MULTILINE | re.DOTALL)


def typescript_client(document: dict[str, Any]) -> str:
    """The module: a type for each schema, and `createClient` with a function for each operation."""
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
    said = "\n\n".join(filter(None, [operation.get("summary"), operation.get("description")]))
    yield from _comment(said, "    ")
    parts, passed = _parameters(operation)
    is_needed = any(not name.endswith("?") for name, _ in parts)
    fields = "; ".join(f"{name}: {kind}" for name, kind in parts)
    parameters = [f"parameters: {{ {fields} }}" + ("" if is_needed else " = {}")] if parts else []
    signature = ", ".join([*parameters, "init?: RequestInit"])
    result = _result(operation)
    yield f"    {name}: ({signature}): Promise<{result}> =>"
    yield f"      request<{result}>({_string(method.upper())}, {_path(path, operation)}, {passed}, init),"


def _parameters(operation: dict[str, Any]) -> tuple[list[tuple[str, str]], str]:
    """The members of `parameters`, and what of them goes to `request`."""
    parts: list[tuple[str, str]] = []
    passed: list[str] = []
    for place in ("path", "query"):
        found = [each for each in operation.get("parameters", ()) if each["in"] == place]
        if found:
            fields = "; ".join(
                f"{_key(each['name'])}{'' if each.get('required') else '?'}: {_type(each['schema'])}"
                for each in found
            )
            is_needed = any(each.get("required") for each in found)
            parts.append((place if is_needed else f"{place}?", f"{{ {fields} }}"))
            if place == "query":
                passed.append("query: parameters.query")
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(("body", _type(content["schema"])))
        passed.append(f"{'json' if media_type == 'application/json' else 'form'}: parameters.body")
    return parts, "{ " + ", ".join(passed) + " }" if passed else "{}"


def _path(path: str, operation: dict[str, Any]) -> str:
    """The path as a template literal, with its parameters encoded."""
    values = {}
    for each in operation.get("parameters", ()):
        if each["in"] == "path":
            encode = "segments" if each.get("x-catch-all") else "segment"
            values[f"{{{each['name']}}}"] = f"${{{encode}(parameters.path[{_string(each['name'])}])}}"
    if not values:
        return f"`{_literal(path)}`"
    parts = re.split("(" + "|".join(map(re.escape, sorted(values, key=len, reverse=True))) + ")", path)
    return "`" + "".join(values.get(part) or _literal(part) for part in parts) + "`"


def _literal(text: str) -> str:
    """A text as a part of a template literal, where it is only text (ECMA-262 section 12.9.6)."""
    return _string(text)[1:-1].replace("`", "\\`").replace("${", "\\${")


def _string(text: str) -> str:
    """A text as a string literal, in ASCII."""
    return json.dumps(text)


def _result(operation: dict[str, Any]) -> str:
    """What the answers with a status of 2xx have."""
    kinds: list[str] = []
    for status, answer in operation["responses"].items():
        if not status.startswith("2"):
            continue
        content = answer.get("content")
        if content is None:
            kinds.append("void" if status in ("204", "205") else "unknown")
        for media_type, each in (content or {}).items():
            if media_type == "application/json":
                kinds.append(_type(each.get("schema", {})))
            else:
                kinds.append("string" if media_type.startswith("text/") else "Blob")
    return " | ".join(dict.fromkeys(kinds)) or "unknown"


# -- schemas -------------------------------------------------------------------------------------


def _type(schema: Any) -> str:
    """A JSON Schema (2020-12) as a type."""
    if not isinstance(schema, dict):
        return "unknown" if schema else "never"
    if "$ref" in schema:
        return _identifier(schema["$ref"].rpartition("/")[2])
    if "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
    for word, operator in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if word in schema:
            return operator.join(dict.fromkeys(_grouped(_type(each)) for each in schema[word]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": each}) for each in kind)
    return _type_by_name(kind, schema)


def _type_by_name(kind: Any, schema: dict[str, Any]) -> str:
    if kind == "string":
        return "Blob" if "contentMediaType" in schema else "string"
    if kind == "array":
        if "prefixItems" in schema:
            return "[" + ", ".join(map(_type, schema["prefixItems"])) + "]"
        return _grouped(_type(schema.get("items", {}))) + "[]"
    if kind == "object" or "properties" in schema:
        return _object(schema)
    return {"integer": "number", "number": "number", "boolean": "boolean", "null": "null"}.get(
        kind, "unknown"
    )


def _object(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    fields = [
        f"{_key(name)}{'' if name in required else '?'}: {_type(each)}"
        for name, each in schema.get("properties", {}).items()
    ]
    if fields:
        return "{ " + "; ".join(fields) + " }"
    return f"Record<string, {_type(schema.get('additionalProperties', True))}>"


def _grouped(kind: str) -> str:
    return f"({kind})" if " | " in kind or " & " in kind else kind


# -- words ---------------------------------------------------------------------------------------


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
