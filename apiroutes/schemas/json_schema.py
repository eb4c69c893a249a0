"""Types as JSON Schema (2020-12).

In: types, and whether each is sent or taken. Out: their schemas, and those that these refer to, by
name. Raises what a library raises for a type that has no schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from apiroutes.schemas.pydantic_models import has_model, model_schemas

__all__ = ["json_schemas"]


def json_schemas(
    annotations: Sequence[tuple[Any, bool]], reference: str
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The JSON Schema of each type, and the schemas that these refer to, by name.

    A type comes with whether it is sent (True) or taken; a pydantic model may differ in that.
    `reference` is what a reference looks like, with `{name}` in it.
    """
    is_ours = [not has_model(annotation) for annotation, _ in annotations]
    ours, definitions = msgspec.json.schema_components(
        [annotation for (annotation, _), mine in zip(annotations, is_ours) if mine], ref_template=reference
    )
    for schema in (*ours, *definitions.values()):
        _open_tuples(schema)
    theirs, models = model_schemas([each for each, mine in zip(annotations, is_ours) if not mine], reference)
    # Both name a type by its class: one name may be of two types.
    names = {}
    for name in models:
        names[name] = name
        while names[name] in definitions:
            names[name] += "_"
        definitions[names[name]] = models[name]
    references = {
        reference.format(name=old): reference.format(name=new) for old, new in names.items() if old != new
    }
    if references:
        theirs = [_referring(schema, references) for schema in theirs]
        definitions |= {new: _referring(models[old], references) for old, new in names.items()}
    found = {True: iter(ours), False: iter(theirs)}
    return [next(found[mine]) for mine in is_ours], definitions


def _open_tuples(schema: Any) -> None:
    """Take `items: false` from tuples, which have a length: generators of clients do not know it."""
    if isinstance(schema, dict):
        if schema.get("items") is False and "maxItems" in schema:
            del schema["items"]
        for part in schema.values():
            _open_tuples(part)
    elif isinstance(schema, list):
        for part in schema:
            _open_tuples(part)


def _referring(schema: Any, references: Mapping[str, str]) -> Any:
    """The schema with other references."""
    if isinstance(schema, dict):
        return {
            name: references.get(part, part) if name == "$ref" else _referring(part, references)
            for name, part in schema.items()
        }
    return [_referring(part, references) for part in schema] if isinstance(schema, list) else schema
