"""Types as JSON Schema (2020-12).

In: types, and whether each is sent or received. Out: their schemas, and by name the schemas that they refer
to. For a type without a schema, raises the library's exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiroutes.schemas.checkers import has_model
from apiroutes.schemas.plain_schemas import Definitions, plain_schemas
from apiroutes.schemas.pydantic_models import model_schemas
from apiroutes.schemas.references import names_in, with_references

__all__ = ["json_schemas"]


def json_schemas(
    annotations: Sequence[tuple[Any, bool]], reference: str
) -> tuple[list[dict[str, Any]], Definitions]:
    """Return the JSON Schema of each type, and by name the schemas that they refer to.

    Each type comes with whether it is sent (True) or received. A class has two schemas, `C-Output` and
    `C-Input`, if it is sent and received in different forms. `reference` is the form of a reference, and
    contains `{name}`.
    """
    is_model = [has_model(annotation) for annotation, _ in annotations]
    plain, definitions = plain_schemas(
        [pair for pair, by_pydantic in zip(annotations, is_model) if not by_pydantic], reference
    )
    modelled, models = model_schemas(
        [pair for pair, by_pydantic in zip(annotations, is_model) if by_pydantic], reference
    )
    # Both libraries name a schema after its class, so two types may have the same name. A type that both
    # describe in the same way, such as an enum, is one schema.
    names = {}
    for name in models:
        names[name] = name
        while definitions.get(names[name], models[name]) != models[name]:
            names[name] += "_"
    references = {reference.format(name=old): reference.format(name=new) for old, new in names.items()}
    definitions |= {new: with_references(models[old], references) for old, new in names.items()}
    for schema in (*plain, *modelled, *definitions.values()):
        _give_items(schema)
    modelled = [with_references(schema, references) for schema in modelled]
    for schema in (*plain, *modelled, *list(definitions.values())):
        _require_tags(schema, definitions, reference)
    schemas = {False: iter(plain), True: iter(modelled)}
    return [next(schemas[by_pydantic]) for by_pydantic in is_model], definitions


def _require_tags(schema: Any, definitions: Definitions, reference: str) -> None:
    """Require the tag of each member of a tagged union.

    pydantic does not require a tag that has a default, although it finds no member without the tag.
    """
    if isinstance(schema, dict):
        discriminator = schema.get("discriminator")
        if isinstance(discriminator, dict) and "propertyName" in discriminator:
            tag = discriminator["propertyName"]
            for name in names_in({"discriminator": discriminator}, reference):
                member = definitions[name]
                if tag not in member.get("required", ()):
                    definitions[name] = {**member, "required": [tag, *member.get("required", ())]}
        for part in schema.values():
            _require_tags(part, definitions, reference)
    elif isinstance(schema, list):
        for part in schema:
            _require_tags(part, definitions, reference)


def _give_items(schema: Any) -> None:
    """Add `items`, which linters require, to tuples of a fixed length.

    Their length says that nothing comes after `prefixItems`. Client generators do not know `items: false`,
    and generators that do not know `prefixItems` find the types of the items here.
    """
    if isinstance(schema, dict):
        parts = schema.get("prefixItems")
        if parts and not schema.get("items"):
            different = [part for index, part in enumerate(parts) if part not in parts[:index]]
            schema["items"] = different[0] if len(different) == 1 else {"anyOf": different}
        for part in schema.values():
            _give_items(part)
    elif isinstance(schema, list):
        for part in schema:
            _give_items(part)
