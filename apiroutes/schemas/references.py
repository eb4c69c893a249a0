"""References in JSON Schemas: finds and replaces them.

In: a schema, or any data for JSON that contains schemas. Out: names, or a changed copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["names_in", "references_in", "with_references"]


def references_in(value: Any) -> Iterator[str]:
    """Yield every reference: in a `$ref`, and in a discriminator (OpenAPI 3.1 section 4.8.25)."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "$ref" and isinstance(part, str):
                yield part
            elif key == "discriminator" and isinstance(part, dict):
                yield from (target for target in part.get("mapping", {}).values() if isinstance(target, str))
            else:
                yield from references_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from references_in(part)


def names_in(schema: Any, reference: str) -> list[str]:
    """Return the names in the references of a schema; `reference` is their form, and contains `{name}`."""
    before, after = reference.split("{name}")
    return [
        target[len(before) : len(target) - len(after)]
        for target in references_in(schema)
        if target.startswith(before) and target.endswith(after)
    ]


def with_references(value: Any, references: Mapping[str, str]) -> Any:
    """Return a copy with new references in place of the old ones."""
    if isinstance(value, dict):
        return {
            key: references.get(part, part)
            if key == "$ref" and isinstance(part, str)
            else _with_mapping(part, references)
            if key == "discriminator" and isinstance(part, dict)
            else with_references(part, references)
            for key, part in value.items()
        }
    return [with_references(part, references) for part in value] if isinstance(value, list) else value


def _with_mapping(discriminator: dict[str, Any], references: Mapping[str, str]) -> dict[str, Any]:
    if "mapping" not in discriminator:
        return discriminator
    mapping = {tag: references.get(target, target) for tag, target in discriminator["mapping"].items()}
    return {**discriminator, "mapping": mapping}
