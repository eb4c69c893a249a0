"""Habits from FastAPI, Flask and Express: what to write here instead.

In: the source line of an exception, and a handler's parameters. Out: remedies; none for anything else.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from types import CodeType, ModuleType
from typing import Any, NamedTuple, get_origin

from apiroutes.handlers.calls import REQUEST_PARTS
from apiroutes.handlers.parameter_errors import ParameterError, how_to_depend, metadata_of

__all__ = [
    "WrongGlobal",
    "foreign_parameter",
    "instead_of_app_attribute",
    "instead_of_decorator",
    "unknown_parameter",
    "wrong_globals",
]

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_ROUTE = rf"\w+\.({'|'.join(_METHODS)}|route|api_route)\s*\("
_APP_CALLS = {
    "run|listen|serve": "Remove the call: `apiroutes dev` serves the project.",
    "use|add_middleware|middleware|before_request|after_request|wsgi_app": (
        "Write `App(middleware=[...])`, or `def middleware(req, res, next)` into pages/api/_middleware.py."
    ),
    "errorhandler|exception_handler|add_exception_handler": (
        "Write it as middleware: `try: return next()`, and `except` with a response."
    ),
    "include_router|register_blueprint|mount": (
        "Put the routes into files below pages/api, or write "
        "`def handler(req, res): return application` to have an application called."
    ),
    "on_event|teardown_request|config": "Write it into app.py itself, which is run once at the start.",
}


def instead_of_decorator(source: str, application: str) -> str | None:
    """Return the remedy for a line such as `@app.get("/x")`, where there is no `application`."""
    route = re.match(rf"@{_ROUTE}", source)
    if route is None or not source.startswith(f"@{application}."):
        return None
    method = route[1].upper() if route[1] in _METHODS else "GET"
    return f"Remove the decorator: the file's name is the path. Write `def {method}(): ...`."


def instead_of_app_attribute(name: str) -> str | None:
    """Return the remedy for an attribute that other frameworks' applications have, and an App does not."""
    if name in _METHODS or name in ("route", "api_route", "add_url_rule", "add_api_route"):
        method = name.upper() if name in _METHODS else "GET"
        return f"Write `def {method}(): ...` into a file below pages/api: the file's name is the path."
    return next((text for names, text in _APP_CALLS.items() if name in names.split("|")), None)


# -- parameters ------------------------------------------------------------------------------------

# Markers of FastAPI, by the names of their classes.
_MARKERS = {
    "Query": "write {query}: it comes from the query",
    "Path": "write `{name}: str`, with the type, in a file called [{name}].py",
    "Body": "write `body: Item`, with a class of the fields",
    "Form": "write `body: Item`, with a class of the fields",
    "Header": "take `request`, and read `request.headers`",
    "Cookie": "take `request`, and read `request.cookies`",
    "File": "write `{name}: UploadFile`, with `from apiroutes import UploadFile`",
}
_CLASSES = {
    "BackgroundTasks": "remove it, and write `after(function, ...)`, with `from apiroutes import after`",
    "HTTPConnection": "call the parameter `request`",
    "Request": "call the parameter `request`",
    "Response": "call the parameter `response`",
    "UploadFile": "write `{name}: UploadFile`, with `from apiroutes import UploadFile`",
    "WebSocket": "remove it: there are no web sockets here",
}
_OWNERS = {
    "fastapi": "FastAPI",
    "starlette": "Starlette",
    "flask": "Flask",
    "werkzeug": "Werkzeug",
    "django": "Django",
}
_NAMES = {
    "self": "Remove `self`: a handler is a function, and gets no object.",
    "cls": "Remove `cls`: a handler is a function, and gets no class.",
    "next": "Remove it: `next` is for middleware, `def middleware(req, res, next)`.",
    "call_next": "Remove it: `next` is for middleware, `def middleware(req, res, next)`.",
    "environ": "Take `request`, and read `request.environ`.",
    "session": "Write `session: Session`, with `from apiroutes import Session`.",
    "form": "Take `request`, and read `request.form`; or write `body: Item`, with a class of the fields.",
    "headers": "Take `request`, and read `request.headers`.",
    "cookies": "Take `request`, and read `request.cookies`.",
    "signed_cookies": "Take `request`, and read `request.signed_cookies`.",
    "json": "Take `body`, which is the parsed body.",
    "data": "Take `body`, which is the parsed body.",
    "payload": "Take `body`, which is the parsed body.",
    "ctx": "Did you mean `context`?",
}
_CLOSE = 0.7


def foreign_parameter(parameter: inspect.Parameter, annotation: Any) -> ParameterError | None:
    """Return the error about a parameter of another framework, such as `db=Depends(...)`."""
    # An `Annotated` with FastAPI's `Query` or `Path` is of these; its constraints are refused elsewhere.
    markers = [mark for mark in metadata_of(annotation) if type(mark).__name__ not in ("Query", "Path")]
    for value in (parameter.default, *markers):
        kind = type(value)
        owner = _OWNERS.get(kind.__module__.partition(".")[0])
        if kind.__name__ in ("Depends", "Security") and owner == "FastAPI":
            function = getattr(value, "dependency", None)
            remedy = how_to_depend(parameter.name, annotation, getattr(function, "__name__", None))
            return _foreign(parameter.name, kind.__name__, owner, remedy)
        if kind.__name__ in _MARKERS and owner == "FastAPI":
            query = _as_query(parameter, annotation, value) if kind.__name__ == "Query" else ""
            remedy = _MARKERS[kind.__name__].format(name=parameter.name, query=query)
            return _foreign(parameter.name, kind.__name__, owner, remedy)
    kind = get_origin(annotation) or annotation
    if not isinstance(kind, type) or kind.__name__ not in _CLASSES:
        return None
    remedy = _CLASSES[kind.__name__].format(name=parameter.name)
    library = kind.__module__.partition(".")[0]
    if library == "apiroutes":
        message = f"a {kind.__name__} is passed by the parameter's name"
        return _refused(message, remedy, parameter.name)
    owner = _OWNERS.get(library)
    return None if owner is None else _foreign(parameter.name, kind.__name__, owner, remedy)


def _as_query(parameter: inspect.Parameter, annotation: Any, marker: Any) -> str:
    """Return how a parameter with FastAPI's `Query` is written here, in backticks, and what that needs."""
    kind = "str" if annotation is inspect.Parameter.empty else inspect.formatannotation(annotation)
    bounds = [
        f"{name}={value!r}"
        for bound in marker.metadata
        for name in (*getattr(type(bound), "__slots__", ()), *getattr(bound, "__dict__", ()))
        if (value := getattr(bound, name)) is not None
    ]
    default = "" if marker.is_required() else f" = {marker.get_default(call_default_factory=True)!r}"
    if default == " = None" and "None" not in kind and "Optional" not in kind:
        kind += " | None"
    if bounds:
        kind = f"Annotated[{kind}, Field({', '.join(bounds)})]"
    return f"`{parameter.name}: {kind}{default}`" + (", with pydantic's `Field`" if bounds else "")


def _foreign(name: str, kind: str, owner: str, remedy: str) -> ParameterError:
    return _refused(f"nothing fills the parameter {name!r}: `{kind}` is {owner}'s", remedy, name)


def _refused(message: str, remedy: str, name: str) -> ParameterError:
    return ParameterError(message, f"{remedy[0].upper()}{remedy[1:].removesuffix('.')}.", name)


def unknown_parameter(name: str, captures: Collection[str], taken: Collection[str]) -> ParameterError:
    """Return the error about a parameter without a type, named neither like a part nor in the path.

    `captures` are the names that the path has, and `taken` those of the other parameters.
    """
    message = f"cannot tell where the parameter {name!r} comes from"
    free = [capture for capture in captures if capture not in taken]
    close = difflib.get_close_matches(name, [*REQUEST_PARTS, *free], 1, _CLOSE)
    if name in _NAMES:
        remedy = _NAMES[name]
    elif close:
        remedy = f"Did you mean `{close[0]}`?"
    elif free:
        paths = " and ".join(f"`{capture}`" for capture in free)
        remedy = f"Call it `{free[0]}`: the path has {paths}. One from the query has a type: `{name}: str`."
    else:
        return ParameterError(message, name=name)
    return ParameterError(message, remedy, name)


# -- names of modules ------------------------------------------------------------------------------


class WrongGlobal(NamedTuple):
    """A name that a handler uses as a parameter and does not take, with the handler's line."""

    message: str
    remedy: str
    line: int


# The globals of Flask and others are not reported here: middleware may have made the context that they need.
# The error page has the hint, once one has failed.
def wrong_globals(module: ModuleType, handlers: Iterable[Callable[..., Any]]) -> Iterator[WrongGlobal]:
    """Yield the modules of this package that handlers take for a request or a response."""
    for function in handlers:
        code: CodeType | None = getattr(inspect.unwrap(function), "__code__", None)
        for name in () if code is None else code.co_names:
            assert code is not None
            value = getattr(module, name, None)
            if isinstance(value, ModuleType) and value.__name__ in (
                "apiroutes.request",
                "apiroutes.response",
            ):
                message = f"`{name}` is the module {value.__name__}, not a client's {name}."
                remedy = f"Take it as a parameter: `def {code.co_name}({name}): ...`."
                yield WrongGlobal(message, remedy, code.co_firstlineno)
