"""A check of responses in development, against what a handler declares.

In: a handler's result, and the response that was made from it. Out: why they do not fit the return annotation
or `responses`, or None. In production results are sent unchecked.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from apiroutes.handlers.declared_responses import annotated_statuses, declared_responses, documented_statuses
from apiroutes.handlers.result_types import Returns, returns_of
from apiroutes.handlers.route_modules import Handler, RouteModule
from apiroutes.results import EventStream, Result
from apiroutes.schemas import DoesNotFit, Schema, schema_of

__all__ = ["ResultCheck"]

_FAILURES = frozenset(int(status) for status in HTTPStatus if status >= 400)
# Handlers for every method answer HEAD as GET.
_SAME = {"HEAD": "GET"}


class ResultCheck:
    """The check of one handler's responses."""

    def __init__(self, module: RouteModule, method: str, handler: Handler) -> None:
        self._module = module
        self._method = None if method == RouteModule.ANY else method
        self._handler = handler
        self._returns = returns_of(handler)
        self._schema = self._returns.schema
        self._declared: dict[str, dict[int, Schema | None]] = {}

    def doubt(self, result: Any, status: int) -> str | None:
        """Return what is probably unintended about a result that is sent; None if nothing is."""
        is_annotated = self._returns.json is not None
        if type(result) is not int or result not in _FAILURES or status != 200 or is_annotated:
            return None
        return (
            f"returned {result}, which is sent as content with the status 200. "
            f"Write `raise ApiError({result})`, or `-> int` if it is meant."
        )

    def why_not(self, method: str, result: Any, status: int, media_type: str, content: Any) -> str | None:
        """Return why a response is not what the handler declares; None if it is.

        `result` is what the handler returned, None if it used `res`. `content` is the response's, None for a
        stream.
        """
        if isinstance(result, EventStream) or (callable(result) and not isinstance(result, Result)):
            return None  # another application answered
        method = self._method or _SAME.get(method, method)
        own = self._of_method(method)
        problem, remedy = self._why_not_kind(result), "Correct the result, or what is declared"
        if problem is None and status not in own:
            problem, remedy = self._why_undeclared(method, status), _how_to_declare(status)
        elif problem is None:
            problem = self._why_not_content(own.get(status), result, status, media_type, content)
        return None if problem is None else f"{self._handler.place} {problem}. {remedy}."

    def _of_method(self, method: str) -> dict[int, Schema | None]:
        """Return the declared statuses, each with the schema of its content if it has one."""
        own = self._declared.get(method)
        if own is None:
            declared = declared_responses(self._module, method)
            statuses = documented_statuses(self._module, self._handler, method)
            own = dict.fromkeys(statuses)
            for status, meaning in declared.items():
                own[status] = None if isinstance(meaning, str) else schema_of(meaning)
            for status in annotated_statuses(self._module, self._handler, method):
                if isinstance(declared.get(status, ""), str):
                    own[status] = self._schema
            self._declared[method] = own
        return own

    def _why_not_kind(self, result: Any) -> str | None:
        """Return why a result is of a kind that the annotation does not allow."""
        returns = self._returns
        if result is None or returns.has_others or isinstance(result, Result) or hasattr(result, "__next__"):
            return None
        allowed = _allowed_kinds(returns)
        if isinstance(result, (str, bytes)):
            fits = returns.is_text if isinstance(result, str) else returns.is_bytes
            # A str may be one of the values of an Enum or a Literal, but it is sent as text.
            return None if fits or not allowed else f"returns {type(result).__name__}, not {allowed}"
        if returns.json is None:
            return f"returns {type(result).__name__}, not {allowed}"
        return None

    def _why_undeclared(self, method: str, status: int) -> str | None:
        returns = self._returns
        is_open = returns.has_others or returns.is_nothing
        if is_open and not declared_responses(self._module, method):
            return None  # nothing is declared
        return f"answers {status}, which it does not declare"

    def _why_not_content(
        self, schema: Schema | None, result: Any, status: int, media_type: str, content: Any
    ) -> str | None:
        """Return why the content does not fit the type that is declared for its status."""
        if schema is None or content is None:
            return None
        media_type = media_type.partition(";")[0]
        if media_type != "application/json" and not media_type.endswith("+json"):
            returns = self._returns
            is_other = schema is self._schema and (returns.is_text or returns.is_bytes or returns.has_others)
            return None if is_other else f"answers {status} without the JSON that it declares for it"
        # An instance of a model always fits: it may be sent in a form from which it could not be made.
        if result is not None and not isinstance(result, Result) and schema.fits(result):
            return None
        try:
            schema.decode(content, "returned")
        except DoesNotFit as invalid:
            lines = "; ".join(f"{place}: {message}" for place, message in invalid.mismatches)
            return f"answers {status} with what does not fit the declared type: {lines}"
        return None


def _how_to_declare(status: int) -> str:
    return f"Declare it by `responses = {{{status}: ...}}`, with a type or a description"


def _allowed_kinds(returns: Returns) -> str:
    """Return the kinds of results that an annotation allows, in words."""
    kinds = []
    if returns.json is not None:
        kinds.append("what its annotation says")
    kinds += ["str"] * returns.is_text + ["bytes"] * returns.is_bytes + ["None"] * returns.is_nothing
    if returns.events is not None:
        kinds.append("an event stream")
    return " or ".join(kinds)
