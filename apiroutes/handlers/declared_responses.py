"""The responses that a handler declares: by `responses` of its module, and by its docstring.

In: a module, a handler, a method. Out: statuses with their meanings.
"""

from __future__ import annotations

import re
from typing import Any

from apiroutes.handlers.result_types import returns_of
from apiroutes.handlers.route_modules import Handler, RouteModule
from apiroutes.http import BODYLESS

__all__ = [
    "annotated_statuses",
    "declared_responses",
    "documented_statuses",
    "raised_errors",
    "without_errors",
]

# A docstring declares a response: "Raises 404 when there is no such user."
_RAISES = re.compile(r"^Raises (\d{3})\b[ :,]*(.*?)\.?$", re.MULTILINE)


def declared_responses(module: RouteModule, method: str) -> dict[int, Any]:
    """Return what the module declares for a method: a type or a description by status."""
    responses = module.responses
    common = {status: meaning for status, meaning in responses.items() if type(status) is int}
    return {**common, **responses.get(method, {})}


def raised_errors(doc: str) -> dict[int, str]:
    """Return the errors that a docstring declares: a description by status."""
    return {int(status): meaning[:1].upper() + meaning[1:] for status, meaning in _RAISES.findall(doc)}


def without_errors(doc: str) -> str:
    """Return a docstring without the lines that declare errors."""
    return _RAISES.sub("", doc).strip()


def annotated_statuses(module: RouteModule, handler: Handler, method: str) -> set[int]:
    """Return the statuses that the return annotation is about.

    They are the success statuses that are declared only by a description. Without any, it is 200, unless the
    module declares the content of another success and the annotation says nothing.
    """
    declared = declared_responses(module, method)
    successes = {status for status in declared if 200 <= status < 300}
    described = {status for status in successes - BODYLESS if isinstance(declared[status], str)}
    returns = returns_of(handler)
    if described:
        return described
    return {200} if returns.has_content or not (successes or returns.sets_no_content) else set()


def documented_statuses(module: RouteModule, handler: Handler, method: str) -> set[int]:
    """Return the statuses that a handler says it answers with, by any of its declarations."""
    declared = {*declared_responses(module, method), *raised_errors(handler.doc)}
    no_content = {204} if returns_of(handler).sets_no_content else set()
    return declared | no_content | annotated_statuses(module, handler, method)
