"""Types as JSON Schema (2020-12).

In: types, and whether each is sent or received. Out: their schemas, and by name those that they refer
to. Raises what the library raises for a type without a schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from apiroutes.schemas.checkers import has_model
from apiroutes.schemas.pydantic_models import model_schemas

__all__ = ["json_schemas"]


def json_schemas(
    annotations: Sequence[tuple[Any, bool]], reference: str
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the JSON Schema of each type, and by name the schemas that they refer to.

    Each type comes with whether it is sent (True) or received, as the schemas of a pydantic model may
    differ in that. `reference` is the form of a reference, with `{name}` in it.
    """
    is_model = [has_model(annotation) for annotation, _ in annotations]
    plain_types = [
        annotation for (annotation, _), by_pydantic in zip(annotations, is_model) if not by_pydantic
    ]
    plain, definitions = msgspec.json.schema_components(plain_types, ref_template=reference)
    for schema in (*plain, *definitions.values()):
        _open_tuples(schema)
    model_types = [pair for pair, by_pydantic in zip(annotations, is_model) if by_pydantic]
    modelled, models = model_schemas(model_types, reference)
    # Both libraries name a schema after its class, so that two types may have one name.
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
        modelled = [_with_references(schema, references) for schema in modelled]
        definitions |= {new: _with_references(models[old], references) for old, new in names.items()}
    schemas = {False: iter(plain), True: iter(modelled)}
    return [next(schemas[by_pydantic]) for by_pydantic in is_model], definitions


def _open_tuples(schema: Any) -> None:
    """Remove `items: false` from tuples of a fixed length: generators of clients do not know it."""
    if isinstance(schema, dict):
        if schema.get("items") is False and "maxItems" in schema:
            del schema["items"]
        for part in schema.values():
            _open_tuples(part)
    elif isinstance(schema, list):
        for part in schema:
            _open_tuples(part)


def _with_references(schema: Any, references: Mapping[str, str]) -> Any:
    """Return the schema with the new references for the old ones."""
    if isinstance(schema, dict):
        return {
            name: references.get(part, part) if name == "$ref" else _with_references(part, references)
            for name, part in schema.items()
        }
    return [_with_references(part, references) for part in schema] if isinstance(schema, list) else schema
