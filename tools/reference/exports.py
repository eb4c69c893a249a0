"""The page of what files of a project export: handlers, `config`, constants, middleware, `register`.

In: the tables of keys in the package, and those here of names, which are compared with the names that the
package looks for in modules. Out: the page, and tables for pages of the guide. Raises Undescribed for a name
without a row.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

from apiroutes.handlers import cache_config, config, constants, rate_limit_config
from apiroutes.handlers.config_items import Key
from apiroutes.http import METHODS
from apiroutes.project import instrumentation
from tools.reference.markdown import code, prose, table
from tools.reference.source import PACKAGE, Undescribed

__all__ = ["config_tables", "exports_page", "looked_up"]

_ROUTE: Mapping[str, str] = {
    "handler": "Answers every method: `handler(req, res)`, or with [other arguments](handlers.md).",
    "Route": "What [`file_route`](reference/functions.md#file_route) returns, in place of the functions.",
    "middleware": "A function or a list of them, [around the handlers](middleware.md#order) of the file.",
    "dependencies": "A list of [`Depends`](dependencies.md) that every handler of the file has.",
    "responses": "[Other responses](types.md#openapi) by status, each with a type or a description.",
    "config": "A dict, below.",
}
_DIRECTORY: Mapping[str, str] = {
    "middleware": "A function or a list of them, around all routes below the directory.",
    "dependencies": "A list of [`Depends`](dependencies.md) that every handler below the directory has.",
}
_INSTRUMENTATION: Mapping[str, str] = {
    "register": "Called at the [start of each worker](lifespan.md); what stands behind its `yield` runs at "
    "the end.",
    "on_request_error": "`on_request_error(error, request, context)` hears of [each fault](lifespan.md).",
    "checks": "A dict of functions by name, which say whether the worker is [ready](health.md#checks).",
}


def exports_page() -> str:
    """Return the page."""
    _check()
    head = ["name", "meaning"]
    methods = ", ".join(map(code, METHODS))
    parts = [
        "# What files export",
        "The names that apiroutes looks for in the files of a project. Anything else in a file is your own.",
        "## A route",
        table(head, [(methods, prose("A function for [that method](handlers.md).", "../")), *_rows(_ROUTE)]),
        "The module's docstring is the description of its operations in the OpenAPI document.",
        "### Constants",
        "They have the names of Next.js's route segment config, or those in snake_case: `max_duration`.",
        _keys(constants.READ, "../"),
        "### `config`",
        "A dict. Its keys are written as here or in snake_case: `max_duration`, `body_parser`. A size is a "
        'number of bytes, or a text such as `"5mb"`. An unknown key, or a value that cannot be read, stops '
        "the start.",
        config_tables("../")["config"],
        '### `config["cache"]`',
        config_tables("../")["config.cache"],
        '### `config["rateLimit"]`',
        "A rate, a list of rates, or a dict:",
        config_tables("../")["config.rateLimit"],
        "## `middleware.py` and `_middleware.py`",
        "`middleware.py` is at the project's root, and for all routes; `_middleware.py` is in a directory "
        "of routes.",
        table(head, _rows(_DIRECTORY)),
        "## `instrumentation.py`",
        table(head, _rows(_INSTRUMENTATION)),
        "## `app.py`",
        table(
            head, _rows({"app": "An [`App`](reference/app.md), which every command and server uses then."})
        ),
    ]
    return "\n\n".join(parts) + "\n"


def config_tables(up: str = "") -> dict[str, str]:
    """Return the tables of keys, by the place of the dict."""
    whole = {
        **{f"api.{name}": key for name, key in config.API_KEYS.items()},
        **{name: key for name, key in config.KEYS.items() if name != "api"},
    }
    return {
        "config": _keys(whole, up),
        "config.cache": _keys(cache_config.KEYS, up),
        "config.rateLimit": _keys(rate_limit_config.KEYS, up),
    }


def _keys(keys: Mapping[str, Key], up: str) -> str:
    return table(
        ["key", "default", "meaning"],
        [(code(name), key.default, prose(key.meaning, up)) for name, key in keys.items()],
    )


def _rows(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the rows of names; their links, which are relative to docs/, lead there from a page below it."""
    return [
        (code(name), prose(meaning, "../").replace("](../reference/", "]("))
        for name, meaning in names.items()
    ]


# -- the names that the package looks for


def _check() -> None:
    _compare(
        "a route", _ROUTE, looked_up("handlers/exports.py", "handlers/dependency_exports.py"), {"middleware"}
    )
    _compare("instrumentation.py", _INSTRUMENTATION, looked_up("project/instrumentation.py"))
    if {*instrumentation._OTHER_NAMES} != {*_INSTRUMENTATION}:
        raise Undescribed("instrumentation.py has other exports than tools/reference/exports.py says")


def _compare(file: str, described: Iterable[str], found: set[str], others: Iterable[str] = ()) -> None:
    """Raise Undescribed unless the names that are described are those that the package looks for.

    `others` are names that it finds in another way.
    """
    wrong = {*described} ^ (found | {*others})
    if wrong:
        raise Undescribed(
            f"give the exports of {file} their rows in tools/reference/exports.py: {sorted(wrong)}"
        )


def looked_up(*files: str) -> set[str]:
    """Return the names that files of the package look for in a module, by `getattr(module, "name", ...)`."""
    found = set()
    for file in files:
        for node in ast.walk(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
                module, name = node.args[:2]
                is_module = re.fullmatch(r"(self\.)?module", ast.unparse(module))
                if is_module and isinstance(name, ast.Constant) and isinstance(name.value, str):
                    found.add(name.value)
    return found - {*METHODS}
