"""Hints about names of other frameworks that work only in their own applications.

In: the facts of a failure. Out: what to write, or None where the mistake is not this one for certain.
"""

from __future__ import annotations

import ast

from apiroutes.development.hint_facts import UNKNOWN, Facts
from apiroutes.handlers import FOREIGN_NAMES

__all__ = ["exception_of_another_framework", "outside_of_flask"]

_PARTS = {
    "request": "Take `request` as a parameter of the handler: it has what Flask's has.",
    "session": FOREIGN_NAMES["session"],
    "g": FOREIGN_NAMES["g"],
    "current_app": FOREIGN_NAMES["current_app"],
}


def exception_of_another_framework(facts: Facts) -> str | None:
    """Starlette's and FastAPI's `HTTPException`, which nothing here turns into a response."""
    error = facts.error
    kinds = {(kind.__module__, kind.__name__) for kind in type(error).__mro__}
    if ("starlette.exceptions", "HTTPException") not in kinds:
        return None
    status, detail = getattr(error, "status_code", None), getattr(error, "detail", None)
    if type(status) is not int or not 400 <= status <= 599:
        return None
    message = (
        f', "{detail}"' if isinstance(detail, str) and detail.isprintable() and '"' not in detail else ""
    )
    return f"Write `raise ApiError({status}{message})`, with `from apiroutes import ApiError`."


def outside_of_flask(facts: Facts) -> str | None:
    """Flask's `request` or `jsonify`, outside a Flask application."""
    if facts.step is None or facts.is_innermost:
        return None
    names = {node.id for shown in facts.expressions for node in ast.walk(shown) if isinstance(node, ast.Name)}
    for name in sorted(names):
        value = facts.value(ast.Name(name))
        if value is UNKNOWN:
            continue
        if type(value).__module__ == "werkzeug.local" and name in _PARTS:
            return _PARTS[name]
        if str(getattr(value, "__module__", "")).partition(".")[0] == "flask" and name in FOREIGN_NAMES:
            return FOREIGN_NAMES[name]
    return None
