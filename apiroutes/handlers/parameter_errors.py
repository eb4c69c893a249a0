"""Mistakes in a handler's parameters that no type reports: metadata that means nothing, wrong defaults.

In: annotations, their metadata, defaults. Out: ParameterError, returned or raised.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

from apiroutes.errors import InvalidRequest, shown
from apiroutes.handlers.calls import REQUEST_PARTS
from apiroutes.places import name_of
from apiroutes.schemas import is_field, why_default_does_not_fit

__all__ = [
    "ParameterError",
    "annotation_of",
    "check_default",
    "found_in_body",
    "how_to_depend",
    "metadata_of",
    "refuse_field",
    "refuse_forgotten",
    "upload_description",
    "wrong_default",
]


class ParameterError(TypeError):
    """A parameter that nothing can fill; `remedy` says which can be filled, `name` is its own."""

    def __init__(self, message: str, remedy: str | None = None, name: str | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.remedy = remedy or (
            "Parameters are called "
            + ", ".join(REQUEST_PARTS)
            + "; any other has a type, such as `page: int` for the query, or the name of a parameter of "
            "the path, or a default and a name that begins with '_'. What a function makes, such as a "
            "session of a database, is `Annotated[Session, Depends(function)]`."
        )


def refuse_field(source: str, annotation: Any, default: Any) -> None:
    """Refuse a `Field` with what only a single value can have: a name, or a default."""
    for item in (*metadata_of(annotation), default):
        if is_field(item) and (item.validation_alias is not None or not item.is_required()):
            raise ParameterError(
                f"the `Field` of {source!r} has an alias or a default, which nothing reads",
                f"Remove them from the `Field`; a default is written after the annotation: "
                f"`{source}: ... = ...`.",
            )
        if is_field(item) and item is default:
            raise ParameterError(
                f"the default of {source!r} is a `Field`",
                f"Write `{source}: Annotated[..., Field(...)]`.",
            )


def upload_description(name: str, metadata: list[Any]) -> str | None:
    """Return the description of an upload, which can have nothing else."""
    descriptions = []
    for item in metadata:
        described = getattr(item, "description", None)
        if described is None or item != type(item)(description=described):
            raise ParameterError(
                f"{shown(item)} of the upload {name!r} is not checked", "Only a description can be given."
            )
        descriptions.append(described)
    return descriptions[0] if descriptions else None


def check_default(name: str, annotation: Any, default: Any) -> None:
    """Check that a default is of its parameter's type. Raises ParameterError."""
    reason = why_default_does_not_fit(annotation, default)
    if reason is not None:
        raise wrong_default(name, default, reason)


def wrong_default(name: str, default: Any, reason: str) -> ParameterError:
    """Return the error about a default that does not fit its annotation."""
    return ParameterError(
        f"the default of {name!r}, {shown(default)}, does not fit: {reason}",
        "Correct the default, or write `... | None = None`.",
    )


def found_in_body(error: InvalidRequest, body: object) -> InvalidRequest:
    """Return the error of a request, with a remedy for keys of the query that the body has instead."""
    if not isinstance(body, Mapping):
        return error
    errors = []
    for place, message in error.errors:
        name = place.removeprefix("query.")
        if name != place and message == "is required" and name in body:
            message += f"; the body has `{name}`, which `body: Item` takes, with a class of its fields"
        errors.append((place, message))
    return error if tuple(errors) == error.errors else InvalidRequest(errors)


def how_to_depend(name: str, annotation: Any, function: str | None) -> str:
    """Return how to declare a dependency: of the function of that name, or of the annotation's class."""
    annotation = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    kind = annotation.__name__ if isinstance(annotation, type) else "..."
    if annotation is inspect.Parameter.empty:
        kind = "Any"
    is_maker = isinstance(annotation, type) and annotation.__module__ != "builtins"
    spelled = f"`{name}: Annotated[{kind}, Depends({function or (kind if is_maker else 'function')})]`"
    return f"Write {spelled}, with `from apiroutes import Depends`."


# Libraries whose classes and objects may be in an `Annotated` as they are: pydantic's `SkipValidation`.
_OF_SCHEMAS = ("annotated_types", "msgspec", "pydantic", "pydantic_core", "typing_extensions")


def refuse_forgotten(name: str, annotation: Any, metadata: Sequence[Any]) -> None:
    """Refuse a callable in an `Annotated`: its `Depends` was forgotten, and a client could set the value."""
    for item in metadata:
        if not callable(item) or _is_constraint(item):
            continue
        kind = "class" if isinstance(item, type) else "function" if hasattr(item, "__code__") else "object"
        called = name_of(item)
        message = f"nothing calls the {kind} `{called}` in the annotation of {name!r}"
        if kind == "function" and _library_of(item) in (*_OF_SCHEMAS, "fastapi"):
            raise ParameterError(message, f"Call it: `{called}(...)`.", name)
        spelled = called if kind != "object" else f"{called}(...)"
        raise ParameterError(message, how_to_depend(name, annotation, spelled), name)


def _is_constraint(item: Callable[..., Any]) -> bool:
    """Return whether an object, or a class, tells a library of schemas what a value has to be."""
    if hasattr(item, "__code__"):
        return False
    is_own = hasattr(item, "__get_pydantic_core_schema__") and not hasattr(item, "model_fields")
    return is_own or _library_of(item) in _OF_SCHEMAS


def _library_of(item: Any) -> str:
    owner = item if isinstance(item, type) or hasattr(item, "__code__") else type(item)
    return str(owner.__module__).partition(".")[0]


def annotation_of(annotation: Any) -> Any:
    """Return what an alias stands for, `type DB = Annotated[...]`, and other annotations as they are."""
    while type(annotation).__name__ == "TypeAliasType":
        annotation = annotation.__value__
    return annotation


def metadata_of(annotation: Any) -> tuple[Any, ...]:
    """Return what an `Annotated` contains besides the type; nothing for another annotation."""
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
