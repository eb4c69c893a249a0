"""Dependencies as a project declares them: `Annotated[Session, Depends(session)]`.

In: a function of the project, or anything else that can be called. Out: how it is called, and which kind of
value the call returns. Raises TypeError and ValueError for a declaration that means nothing.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import BuiltinMethodType, CodeType, MethodType
from typing import Annotated, Any, Literal, get_args, get_origin

from apiroutes.errors import InvalidRequest, one_line, shown
from apiroutes.handlers.middleware_shapes import is_shaped_as_middleware
from apiroutes.handlers.parameter_errors import (
    ParameterError,
    annotation_of,
    how_to_depend,
    metadata_of,
    refuse_forgotten,
)
from apiroutes.marks import mark_of, marked_object
from apiroutes.places import name_of
from apiroutes.structs import Struct

__all__ = [
    "Depends",
    "Provider",
    "as_dependency",
    "checked",
    "depends_of",
    "is_data_class",
    "key_of",
    "named",
    "provider_of",
    "unaliased",
]

Scope = Literal["function", "request"]


class Depends:
    """Gives a parameter the value that a function makes: `db: Annotated[Session, Depends(session)]`.

    The function's own parameters are filled like a handler's. Raises TypeError for a dependency that
    cannot be called, and ValueError for an unknown scope.

    Args:
        dependency: The function, generator function or class that makes the value; None for the class that
            the annotation names.
        use_cache: Whether it is called once for each request; if not, once for each parameter.
        scope: When the code after a generator's `yield` runs: "request", when the handler has returned, or
            its stream has ended; "function", before a stream begins. None means "request".
    """

    __slots__ = ("dependency", "scope", "use_cache")

    def __init__(
        self,
        dependency: Callable[..., Any] | None = None,
        *,
        use_cache: bool = True,
        scope: Scope | None = None,
    ) -> None:
        if dependency is not None:
            _check(dependency)
        if scope not in (None, "function", "request"):
            raise ValueError(f'the scope of Depends(...) must be "function" or "request", not {shown(scope)}')
        self.dependency = None if dependency is None else as_dependency(dependency)
        self.use_cache = use_cache
        self.scope = scope

    def __repr__(self) -> str:
        return f"Depends({'' if self.dependency is None else named(self.dependency)})"


def as_dependency(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what makes the value of a dependency.

    An object that is middleware, and called as such, has a method `make_value` for that.
    """
    make_value: Callable[..., Any] = getattr(function, "make_value", function)
    return function if isinstance(function, type) else make_value


def _check(dependency: object) -> None:
    """Raise TypeError for anything but a function, class or object that makes a value.

    Built-in types and those of `typing` can be called, such as `str()`: as a guard they let everyone in.
    """
    if inner := _inside_alias(dependency):
        example = named(inner[0].dependency) if inner[0].dependency is not None else "function"
        what = f"was given an `Annotated`, which has its own `Depends`: write `Depends({example})`"
    elif metadata_of(annotation_of(dependency)):
        what = "was given an `Annotated` without a `Depends`: write the function itself"
    elif _is_typing(dependency):
        spelled = inspect.formatannotation(dependency)
        what = f"was given the type `{spelled}`, which does not make a value: write a function that makes one"
    elif isinstance(dependency, type) and dependency.__module__ == "builtins":
        what = f"was given `{dependency.__name__}`, a built-in type: write a function that makes one"
    elif isinstance(dependency, Depends) or dependency is Depends:
        what = "was given another `Depends`: write the function itself"
    elif not callable(dependency):
        what = f"was given a {type(dependency).__name__}, which cannot be called: "
        what += "write the function itself, without calling it"
    elif is_shaped_as_middleware(dependency):
        what = f"was given `{name_of(dependency)}`, which is middleware: write it into `middleware = [...]`, "
        what += "or above the handler as `@use(...)`"
    else:
        return
    raise TypeError(f"Depends(...) {what}")


def _is_typing(value: object) -> bool:
    """Return whether a value is an annotation but not a class: `Annotated[...]`, `list[int]`, a NewType."""
    owner = value if isinstance(value, type) else type(value)
    return get_origin(value) is not None or owner.__module__ in ("typing", "typing_extensions")


def _inside_alias(value: object) -> list[Depends]:
    """Return the `Depends` of an `Annotated`."""
    return [item for item in metadata_of(annotation_of(value)) if isinstance(item, Depends)]


def unaliased(item: Any) -> Any:
    """Return the `Depends` of an alias, `User = Annotated[str, Depends(user)]`; others as they are."""
    found = _inside_alias(item)
    return found[0] if len(found) == 1 else item


def named(function: object) -> str:
    """Return the name of a dependency in the source."""
    return name_of(function)


def key_of(function: object) -> tuple[object, ...]:
    """Return what identifies a dependency: the function itself, and the object of a bound method."""
    if isinstance(function, MethodType):
        return id(function.__self__), id(function.__func__)
    if isinstance(function, BuiltinMethodType):
        return id(function.__self__), function.__name__
    return (id(function),)


# -- in annotations ----------------------------------------------------------------------------


def depends_of(name: str, annotation: Any, default: object) -> Depends | None:
    """Return the dependency that a parameter asks for; None if it asks for none. Raises ParameterError."""
    alias = annotation_of(annotation)
    if isinstance(alias, Depends) or alias is Depends:
        function = getattr(alias, "dependency", None) if alias is not Depends else None
        remedy = how_to_depend(name, inspect.Parameter.empty, named(function) if function else "function")
        raise ParameterError(f"the annotation of {name!r} is `Depends` alone, without a type", remedy, name)
    found = [item for item in metadata_of(alias) if isinstance(item, Depends) or item is Depends]
    if isinstance(default, Depends) or default is Depends:
        function = getattr(default, "dependency", None)
        raise ParameterError(
            f"`Depends` is the default of {name!r}, but belongs in its annotation",
            how_to_depend(name, annotation, None if function is None else named(function)),
            name,
        )
    refuse_forgotten(name, alias, [item for item in metadata_of(alias) if item is not Depends])
    if not found:
        _refuse_hidden(name, alias)
        return None
    if len(found) > 1:
        raise ParameterError(f"the parameter {name!r} has two `Depends`", "Keep one of the two.", name)
    depends = found[0]
    if not isinstance(depends, Depends) or depends.dependency is None:
        remedy = how_to_depend(name, alias, None)
        raise ParameterError(f"the `Depends()` of {name!r} has no function", remedy, name)
    return depends


def _refuse_hidden(name: str, annotation: Any) -> None:
    """Refuse a `Depends` inside a type, which nothing would read."""
    waiting = [*get_args(annotation)]
    while waiting:
        part = waiting.pop()
        if get_origin(part) is Annotated and any(isinstance(item, Depends) for item in metadata_of(part)):
            remedy = "Write `Annotated[... | None, Depends(...)]`, with the whole type inside."
            raise ParameterError(f"the `Depends` of {name!r} is inside its type", remedy, name)
        waiting += get_args(part)


# -- how they are called -----------------------------------------------------------------------

Kind = Literal["value", "coroutine", "generator", "async generator"]


class Provider(Struct, frozen=True):
    """What makes a dependency's value: `call` is called with the arguments.

    `kind` is what the call returns. `is_own`: whether the function itself is of that kind, so that the call
    runs no code yet, and not just a function inside a wrapper. `never_waits`: whether a plain function may
    run on an event loop.
    """

    call: Callable[..., Any]
    kind: Kind
    is_own: bool = True
    never_waits: bool = False

    @property
    def is_generator(self) -> bool:
        return self.kind in ("generator", "async generator")

    @property
    def is_async(self) -> bool:
        return self.kind in ("coroutine", "async generator")

    @property
    def runs_on_loop(self) -> bool:
        """Whether the call itself does not block an event loop, so that it needs no thread."""
        return self.never_waits or (self.is_async and self.is_own)


@contextlib.contextmanager
def _manager() -> Iterator[None]:
    yield


@contextlib.asynccontextmanager
async def _async_manager() -> Any:
    yield


# The code of every function that these decorators return.
_MANAGERS: Sequence[CodeType] = (_manager.__code__, _async_manager.__code__)


def provider_of(function: Callable[..., Any]) -> Provider:
    """Return how a dependency is called.

    A function of `contextlib.contextmanager` counts as the generator function that it was made from. Raises
    ParameterError for one inside another wrapper.
    """
    target = _function_in(function)
    kind = _kind_of(target)
    if kind != "value":
        return Provider(function, kind)
    if _is_manager(target):
        return provider_of(_without_manager(function))
    while not isinstance(target, type) and (inner := getattr(target, "__wrapped__", None)) is not None:
        if _is_manager(inner):
            raise ParameterError(
                "it makes a context manager, whose value nothing would enter",
                "Remove `contextmanager`: a dependency is the generator itself.",
            )
        kind, target = _kind_of(inner), inner
        if kind != "value":
            return Provider(function, kind, is_own=False)
    is_step = marked_object(function) is not function
    return Provider(function, "value", never_waits=is_step and mark_of(function, "never_waits") is True)


def checked(function: type, source: str) -> Callable[..., Any]:
    """Return a call of a data class that refuses values of a request as a schema of the class would.

    Raises InvalidRequest for a ValueError or TypeError, as its `__post_init__` raises it.
    """

    def make(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (ValueError, TypeError) as error:
            found = error.errors() if hasattr(error, "errors") else ()  # pydantic's
            places = [(".".join(map(str, (source, *item["loc"]))), str(item["msg"])) for item in found]
            raise InvalidRequest(places or [(source, one_line(error))]) from error

    return make


def is_data_class(function: object) -> bool:
    """Return whether a function is a class of fields: a dataclass, a Struct, or one of attrs or pydantic."""
    fields = ("__dataclass_fields__", "__struct_fields__", "__attrs_attrs__", "model_fields")
    return isinstance(function, type) and any(hasattr(function, name) for name in fields)


def _function_in(function: Any) -> Any:
    """Return the function that a call runs; a class as it is."""
    while isinstance(function, partial):
        function = function.func
    if isinstance(function, (type, MethodType)) or hasattr(function, "__code__"):
        return getattr(function, "__func__", function)
    return getattr(type(function), "__call__", function)  # noqa: B004  (an object's own __call__)


def _kind_of(function: Any) -> Kind:
    if inspect.isasyncgenfunction(function):
        return "async generator"
    if inspect.isgeneratorfunction(function):
        return "generator"
    return "coroutine" if inspect.iscoroutinefunction(function) else "value"


def _is_manager(function: object) -> bool:
    return getattr(function, "__code__", None) in _MANAGERS


def _without_manager(function: Any) -> Any:
    """Return the generator function that makes a context manager's values, with the same arguments."""
    if isinstance(function, partial):
        return partial(_without_manager(function.func), *function.args, **function.keywords)
    if isinstance(function, MethodType):
        return MethodType(_inside(function.__func__), function.__self__)
    if hasattr(function, "__code__"):
        return _inside(function)
    return MethodType(_inside(type(function).__call__), function)


def _inside(wrapper: Any) -> Any:
    return wrapper.__wrapped__
