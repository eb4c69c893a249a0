"""Names that are almost right: `def Delete`, `def handlr`, `middlewares`.

In: a module, and where it defines its names. Out: a message for each such name, and what to write instead.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import NamedTuple

from apiroutes.errors import shown
from apiroutes.handlers.constants import Constant, remedy_of
from apiroutes.handlers.declarations import FileRoute
from apiroutes.handlers.dependencies import Depends, unaliased
from apiroutes.handlers.middleware_shapes import why_not_middleware
from apiroutes.handlers.sources import LineOf, OwnNames
from apiroutes.http import METHODS
from apiroutes.types import Middleware

__all__ = [
    "Misnamed",
    "misnamed_constants",
    "misnamed_dependencies",
    "misnamed_handler",
    "misnamed_methods",
    "misnamed_middleware",
    "misnamed_route",
    "misplaced_rate_limit",
    "misplaced_middleware",
    "unlisted_middleware",
]

_OTHER_METHODS = ("TRACE", "CONNECT")
_OTHER_NAMES = ("default", "main", "endpoint", "view", "route", "application", "app", "api")
_APPLICATIONS = ("application", "app", "api")
_OTHER_DEPENDENCIES = (
    "depend",
    "depends",
    "depending",
    "dependency",
    "dependences",
    "dependents",
    "requires",
)
_FRAMEWORKS = ("flask", "fastapi", "starlette", "quart", "bottle", "falcon", "sanic", "litestar", "aiohttp")
_ROUTERS = ("APIRouter", "Blueprint")  # which belong to an application
_METHODS_OF_VERBS = {
    "add": "POST",
    "create": "POST",
    "delete": "DELETE",
    "patch": "PATCH",
    "post": "POST",
    "put": "PUT",
    "remove": "DELETE",
    "update": "PUT",
}
# How alike names are (difflib's ratio): `handlr` and `psot` are close, `middlewares` and `middelware` very.
_CLOSE = 0.75
_VERY_CLOSE = 0.89


# A rate, as `rates` reads it.
_RATE = re.compile(r"\s*\d+\s*(/|per\b)", re.IGNORECASE)


class Misnamed(NamedTuple):
    """A name that is almost right: the message, what to do, and where it is."""

    message: str
    remedy: str
    line: int | None


def misnamed_methods(module: ModuleType, answered: Collection[str]) -> Iterator[Misnamed]:
    """Yield functions such as `get`, `Delete` and `PSOT`.

    A lower-case `get` never answers a request, and is surely a mistake. `answered` are the methods that
    have a handler.
    """
    for name, function in _own_functions(module):
        line = function.__code__.co_firstlineno
        method = name.upper()
        if name == method and name not in METHODS:
            unanswered = [known for known in METHODS if known not in answered]
            close = difflib.get_close_matches(name, unanswered, 1, _CLOSE)
            if name in _OTHER_METHODS:
                remedy = "Only `handler`, which gets every method, gets this one too."
            elif close:
                remedy = f"Did you mean `{close[0]}`? Call a helper `_{name.lower()}`."
            else:
                continue
            yield Misnamed(f"`{name}` never answers a request.", remedy, line)
        elif name != method and method in METHODS and method not in answered:
            remedy = f"Call it `{method}`, or `_{name.lower()}` if it is a helper."
            yield Misnamed(f"`{name}` never answers a request.", remedy, line)


def misnamed_constants(module: ModuleType, own: OwnNames) -> Iterator[Misnamed]:
    """Yield constants such as `REVALIDATE = 60`, in a module without `revalidate`.

    Names that the file itself uses are left alone.
    """
    for name, value in vars(module).items():
        if name.startswith("_") or not 5 < len(name) < 13 or not isinstance(value, (str, int, float)):
            continue
        close = difflib.get_close_matches(name.lower(), ["revalidate", "dynamic"], 1, _VERY_CLOSE)
        line = own.line_of_value(name) if close and name != close[0] else None
        if line is None or hasattr(module, close[0]):
            continue
        if remedy_of(Constant(close[0], name, value, line)) is None and not own.uses(name):
            remedy = f"Did you mean `{close[0]}`? Call it `_{name}` if the name is your own."
            yield Misnamed(f"`{name}` means nothing here.", remedy, line)


def misplaced_rate_limit(module: ModuleType, own: OwnNames) -> Misnamed | None:
    """Return rates of the module itself, such as `rateLimit = "10/minute"`, which would have no effect.

    The function `rate_limit`, and names that the file itself uses, are left alone.
    """
    for name in ("rateLimit", "rate_limit"):
        value = getattr(module, name, None)
        line = own.line_of_value(name) if _is_like_rates(value) else None
        if line is not None and not own.uses(name):
            written = "{...}" if isinstance(value, Mapping) else shown(value)
            remedy = f'Write it into the config: `config = {{"rateLimit": {written}}}`.'
            return Misnamed(f"`{name}` means nothing here, so nothing is limited.", remedy, line)
    return None


def _is_like_rates(value: object) -> bool:
    if isinstance(value, Mapping):
        return "limit" in value
    texts = value if isinstance(value, (list, tuple)) and value else [value]
    return all(isinstance(text, str) and _RATE.match(text) is not None for text in texts)


def misnamed_route(module: ModuleType, line_of: LineOf) -> Misnamed | None:
    """Return a `file_route(...)` that is not bound to `Route`: for example `APIRoute`."""
    for name, value in vars(module).items():
        line = line_of(name) if isinstance(value, FileRoute) and name != "Route" else None
        if line is not None:
            return Misnamed(f"`{name}` is a file_route, but only `Route` is read.", "Call it `Route`.", line)
    return None


def misnamed_handler(module: ModuleType, line_of: LineOf, how_to_hide: str) -> Misnamed | None:
    """Return the name that was probably meant as the handler, in a module without one."""
    names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    public = {name: getattr(module, name) for name in names}
    for name, value in public.items():
        if _is_application(name, value):
            return _application(name, value, line_of(name))
    for name, value in vars(module).items():
        if (
            type(value).__name__ in _ROUTERS
            and _framework(value) in _FRAMEWORKS
            and line_of(name) is not None
        ):
            return _router(name, value, line_of(name))
    known = {right.lower(): right for right in ("handler", *METHODS)}
    for name, value in public.items():
        close = difflib.get_close_matches(name.lower().strip("_"), known, 1, _CLOSE)
        line = line_of(name) if close or name in _OTHER_NAMES else None
        if line is None:
            continue
        kind = " is a class, which" if isinstance(value, type) else ""
        remedy = f"Call it `handler`, or `GET`, `POST` and so on for one method; or {how_to_hide}."
        if close:
            remedy = f"Did you mean `def {known[close[0]]}(req, res): ...`? Or {how_to_hide}."
        return Misnamed(f"exports no handler: `{name}`{kind} never answers a request.", remedy, line)
    return _only_functions(module, how_to_hide)


def misplaced_middleware(module: ModuleType, file: str, line_of: LineOf) -> Misnamed | None:
    """Return the middleware of a `middleware.py` among the routes, which would be a route."""
    directory, _, name = file.rpartition("/")
    functions = [name for name, value in _own_functions(module) if why_not_middleware(value) is None]
    if name != "middleware.py" or not (functions or hasattr(module, "middleware")):
        return None
    exports = hasattr(module, "middleware")
    first = "middleware" if exports else functions[0]
    message = f"exports no handler: `{first}` is middleware, which a directory has in its _middleware.py."
    also = "" if exports else f", and write `middleware = [{', '.join(functions)}]` at its end"
    return Misnamed(message, f"Rename it to {directory}/_middleware.py{also}.", line_of(first))


def unlisted_middleware(module: ModuleType) -> Misnamed | None:
    """Return the functions of a middleware file that would be middleware, but are not exported as such."""
    functions = [
        (name, value)
        for name, value in _own_functions(module)
        if not name.startswith("_") and why_not_middleware(value) is None
    ]
    if not functions:
        return None
    names = ", ".join(name for name, _ in functions)
    first, function = functions[0]
    message = f"exports no `middleware`: `{first}` never runs."
    return Misnamed(message, f"Write `middleware = [{names}]` below it.", function.__code__.co_firstlineno)


def _only_functions(module: ModuleType, how_to_hide: str) -> Misnamed | None:
    """Return the first public function of a module in which no other name can be meant."""
    for name, function in _own_functions(module):
        if name.startswith("_"):
            continue
        method = _METHODS_OF_VERBS.get(name.partition("_")[0].lower(), "GET")
        remedy = f"Call it `{method}`, or `handler` if it gets every method; or {how_to_hide}."
        message = f"exports no handler: `{name}` never answers a request."
        return Misnamed(message, remedy, function.__code__.co_firstlineno)
    return None


def _router(name: str, value: object, line: int | None) -> Misnamed:
    kind = _a(type(value).__name__)
    message = f"exports no handler: `{name}` is {kind}, which belongs to no application here."
    remedy = "Write its functions as `def GET(): ...` and so on, in a file for each path."
    return Misnamed(message, remedy, line)


def _a(noun: str) -> str:
    """Return a noun with its indefinite article."""
    return f"{'an' if noun[:1] in 'AEIOaeio' else 'a'} {noun}"


def _framework(value: object) -> str:
    return type(value).__module__.partition(".")[0]


def _is_application(name: str, value: object) -> bool:
    if isinstance(value, FunctionType):
        return list(inspect.signature(value).parameters) == ["environ", "start_response"]
    if type(value).__name__ in _ROUTERS:
        return False
    return _framework(value) in _FRAMEWORKS or (name in _APPLICATIONS and _is_callable_object(value))


def _application(name: str, value: object, line: int | None) -> Misnamed:
    kind = "a function" if isinstance(value, FunctionType) else _a(type(value).__name__)
    remedy = f"Write `def handler(req, res): return {name}` to have it called, with the whole path."
    message = f"exports no handler: `{name}` is {kind}, which nothing calls."
    return Misnamed(message, remedy, line)


def misnamed_middleware(
    module: ModuleType, line_of: LineOf, used: Collection[Middleware] = ()
) -> Misnamed | None:
    """Return a name such as `middlewares`, in a module without `middleware`.

    No guard may be missing silently. `used` are functions that run somewhere: a list of those is a helper.
    """
    for name, value in vars(module).items():
        if name.startswith("_") or not 8 < len(name) < 13:  # which rules out most names: comparing takes time
            continue
        if not difflib.get_close_matches(name.lower(), ["middleware"], 1, _VERY_CLOSE):
            continue
        steps = value if isinstance(value, (list, tuple)) else [value]
        is_guard = all(isinstance(step, FunctionType) or _is_callable_object(step) for step in steps)
        line = line_of(name) if is_guard and not any(step in used for step in steps) else None
        if line is not None:
            remedy = f"Did you mean `middleware`? Call it `_{name.lower()}` if the name is your own."
            return Misnamed(f"`{name}` never runs.", remedy, line)
    return None


def misnamed_dependencies(module: ModuleType, line_of: LineOf) -> Misnamed | None:
    """Return a name such as `dependancies` or `depends`, in a module without `dependencies`.

    No guard may be missing silently. A function or a list of others' values is the module's own.
    """
    if hasattr(module, "dependencies"):
        return None
    for name, value in vars(module).items():
        if name.startswith("_") or not 5 < len(name) < 15:
            continue
        is_close = difflib.get_close_matches(name.lower(), ["dependencies"], 1, _VERY_CLOSE)
        if not is_close and name.lower() not in _OTHER_DEPENDENCIES:
            continue
        items = [unaliased(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
        is_list = isinstance(value, (list, tuple)) and all(map(callable, items))
        is_declared = any(isinstance(item, Depends) for item in items) or (bool(is_close) and is_list)
        line = line_of(name) if items and is_declared else None
        if line is not None:
            remedy = f"Did you mean `dependencies`? Call it `_{name.lower()}` if the name is your own."
            return Misnamed(f"`{name}` never runs.", remedy, line)
    return None


def _is_callable_object(value: object) -> bool:
    """Return whether a value can be called and is not a type, such as a class or `Callable[...]`."""
    is_type = isinstance(value, type) or type(value).__module__ in ("typing", "types", "collections.abc")
    return callable(value) and not is_type


def _own_functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            yield name, value
