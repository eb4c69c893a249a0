"""Annotations as schemas, by msgspec or by pydantic; this room never sees a request or a route.

In: a type (a msgspec Struct, dataclass, TypedDict, attrs class, container, scalar or pydantic model) and a
value. Out: the value as that type, and the type as JSON Schema. Raises DoesNotFit with the mismatches of the
value, each with its place, and SchemaError at start for an annotation that values cannot be checked against.
"""

from __future__ import annotations

from apiroutes.schemas.annotations import fits_any_text, is_union, why_default_does_not_fit
from apiroutes.schemas.checkers import has_model, is_field
from apiroutes.schemas.json_schema import json_schemas
from apiroutes.schemas.mismatches import DoesNotFit, SchemaError, bounded
from apiroutes.schemas.pydantic_models import ModelSchema, model_of_fields
from apiroutes.schemas.references import references_in, with_references
from apiroutes.schemas.schema import Schema, schema_of, schema_of_fields

__all__ = [
    "DoesNotFit",
    "ModelSchema",
    "SchemaError",
    "Schema",
    "bounded",
    "fits_any_text",
    "has_model",
    "is_field",
    "is_union",
    "json_schemas",
    "model_of_fields",
    "references_in",
    "schema_of",
    "schema_of_fields",
    "why_default_does_not_fit",
    "with_references",
]
