"""Which library checks a type: msgspec, or pydantic for pydantic's models, types and constraints.

In: a type. Out: whether pydantic checks it. Raises SchemaError for a type with constraints that the library
that checks it would ignore.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Annotated, Any, NewType, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from apiroutes.schemas.annotations import info_of, named, nodes
from apiroutes.schemas.mismatches import SchemaError

__all__ = ["check_constraints", "has_model", "is_field"]

_PLAIN_MODULES = ("builtins", "datetime", "decimal", "uuid")
_LIBRARIES = ("annotated_types", "pydantic")  # pydantic enforces their metadata; msgspec ignores it


def has_model(annotation: Any) -> bool:
    """Return whether pydantic must check a type, because it contains pydantic's models or constraints."""
    annotation = _meant(annotation)
    if _is_plain(annotation):
        return False
    if any(_is_pydantics(item) for item in _metadata(annotation)):
        return True
    if _is_model(annotation) or _is_model(get_origin(annotation)):
        return True
    if any(has_model(part) for part in get_args(annotation) if not isinstance(part, enum.Enum)):
        return True
    cls = get_origin(annotation) or annotation
    if not isinstance(cls, type) or cls.__module__ == "builtins" or isinstance(cls, type(msgspec.Struct)):
        return False  # the arguments of a container were examined; a Struct belongs to msgspec
    return _has_model_inside(annotation)


def _meant(annotation: Any) -> Any:
    """Return the type that a NewType or a `type` statement names, or else the type itself."""
    while True:
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # from typing or from typing_extensions
            annotation = annotation.__value__
        else:
            return annotation


def _is_plain(annotation: Any) -> bool:
    """Return whether it is a class without parts, as most annotations are."""
    return isinstance(annotation, type) and (
        (annotation.__module__ in _PLAIN_MODULES and get_origin(annotation) is None)
        or isinstance(annotation, enum.EnumMeta)
    )


def _has_model_inside(annotation: Any) -> bool:
    """Return whether a field of a class, at any depth, requires pydantic."""
    try:
        parts = [*nodes(info_of(annotation))]
    except SchemaError:
        return False
    if any(isinstance(part, inspect.StructType) for part in parts):
        return False
    return any(
        _is_model(getattr(part, "cls", None)) or any(_is_pydantics(item) for item in _of_fields(part))
        for part in parts
    )


def is_field(value: object) -> bool:
    """Return whether it is the result of pydantic's `Field(...)`."""
    return hasattr(value, "validation_alias") and _library_of(value) == "pydantic"


def check_constraints(annotation: Any, by_pydantic: bool) -> None:
    """Check that no part of a type has a constraint that its library ignores.

    Raises SchemaError.
    """
    if _is_plain(annotation):
        return
    for owner, item in _all_metadata(annotation, named(annotation), set()):
        if _library_of(item) == "fastapi":
            name = type(item).__name__
            raise SchemaError(
                f"{owner} has FastAPI's `{name}`, which means nothing here; use pydantic's `Field`"
            )
        if by_pydantic and isinstance(item, msgspec.Meta):
            raise SchemaError(f"{owner} has msgspec's `Meta`, which pydantic ignores; use pydantic's `Field`")
        if not by_pydantic and _is_pydantics(item):
            library = _library_of(item)
            raise SchemaError(f"{owner} has a constraint of {library}, which msgspec ignores; use `Meta`")


def _is_model(annotation: Any) -> bool:
    """Return whether it is a model, a dataclass or another type of pydantic, such as `EmailStr`."""
    return isinstance(annotation, type) and (
        hasattr(annotation, "__pydantic_validator__") or hasattr(annotation, "__get_pydantic_core_schema__")
    )


def _is_pydantics(item: object) -> bool:
    """Return whether a part of an `Annotated` is a constraint that pydantic enforces."""
    return _library_of(item) in _LIBRARIES or hasattr(item, "__get_pydantic_core_schema__")


def _library_of(item: object) -> str:
    return type(item).__module__.partition(".")[0]


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return annotation.__metadata__ if get_origin(annotation) is Annotated else ()


def _of_fields(part: inspect.Type) -> Iterator[Any]:
    """Yield the metadata in each `Annotated` of the fields of a class."""
    cls = getattr(part, "cls", None)
    if cls is not None and hasattr(part, "fields"):
        for hint in _hints(cls).values():
            yield from (item for _, item in _all_metadata(hint, "", set(), enters=False))


def _all_metadata(
    annotation: Any, owner: str, seen: set[int], enters: bool = True
) -> Iterator[tuple[str, Any]]:
    """Yield the metadata of each `Annotated` in a type, with the name of the type or field.

    With `enters`, the fields of classes are examined too.
    """
    annotation = _meant(annotation)
    yield from ((owner, item) for item in _metadata(annotation))
    for part in get_args(annotation):
        if not isinstance(part, enum.Enum):
            yield from _all_metadata(part, owner, seen, enters)
    cls = get_origin(annotation) or annotation
    if enters and isinstance(cls, type) and not _is_plain(cls) and id(cls) not in seen:
        seen.add(id(cls))
        for name, hint in _hints(cls).items():
            yield from _all_metadata(hint, f"{cls.__name__}.{name}", seen)


def _hints(cls: Any) -> dict[str, Any]:
    """Return the annotations of a class's fields; none if they cannot be evaluated."""
    owner = get_origin(cls) or cls
    # The annotations of a library's own types are of no concern here.
    if owner.__module__.partition(".")[0] in (*_LIBRARIES, "msgspec", "typing"):
        return {}
    try:
        return get_type_hints(owner, include_extras=True)
    except Exception:
        return {}
