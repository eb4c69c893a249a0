"""Hints for the most frequent mistakes.

In: an exception, its request and its route. Out: one or two sentences with the code to write, in which code
is in backticks; None for all other mistakes. A hint must never be wrong: a recogniser looks at the
exception's type and at the frame that failed, its expression and the values of its names. The exception's
text alone, which anybody can write, recognises nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from apiroutes.development import call_hints as of_calls
from apiroutes.development import foreign_hints as of_others
from apiroutes.development import nextjs_hints as of_nextjs
from apiroutes.development import none_hints as of_none
from apiroutes.development import python_hints as of_python
from apiroutes.development import request_hints as of_requests
from apiroutes.development import result_hints as of_results
from apiroutes.development.fault_route import FaultRoute
from apiroutes.development.hint_facts import Facts
from apiroutes.errors import NoResponseError, ResponseSentError
from apiroutes.request import Request

__all__ = ["hint_for"]

Recogniser = Callable[[Facts], "str | None"]

# The first that recognises its mistake gives the hint.
_TABLE: tuple[tuple[type[BaseException], tuple[Recogniser, ...]], ...] = (
    (ImportError, (of_python.failed_import,)),
    (ResponseSentError, (of_requests.sent_twice,)),
    (NoResponseError, (of_results.forgotten_return,)),
    (UnicodeDecodeError, (of_requests.undecodable_body,)),
    (LookupError, (of_requests.werkzeug_error,)),
    (KeyError, (of_python.missing_variable, of_requests.missing_key, of_requests.missing_header)),
    (NameError, (of_python.unknown_name,)),
    (
        AttributeError,
        (
            of_results.missing_await,
            of_requests.missing_body,
            of_requests.unparsed_body,
            of_calls.passed_request,
            of_nextjs.response_class,
            of_nextjs.value_of_cookie,
            of_nextjs.event_of_node,
            of_requests.habit_of_another_framework,
            of_requests.key_as_attribute,
            of_python.module_for_class,
            of_none.none_where_a_value_was_expected,
        ),
    ),
    (
        TypeError,
        (
            of_results.missing_await,
            of_results.plain_loop,
            of_results.returned_coroutine,
            of_results.returned_tuple,
            of_results.returned_callable,
            of_results.stream_of_values,
            of_results.unwritable_by_json_dumps,
            of_results.unwritable_value,
            of_nextjs.response_class,
            of_nextjs.option_of_cookie,
            of_calls.called_value,
            of_calls.called_module,
            of_calls.sending_arguments,
            of_calls.arguments_of_next,
            of_calls.decorated_handler,
            of_calls.passed_request,
            of_calls.awaited_value,
            of_requests.missing_body,
            of_requests.unparsed_body,
            of_calls.decorator_without_wraps,
            of_requests.status_as_text,
            of_requests.werkzeug_error,
            of_requests.text_as_number,
            of_none.none_where_a_value_was_expected,
        ),
    ),
    (ValueError, (of_requests.swapped_arguments, of_requests.status_as_text)),
    (
        RuntimeError,
        (
            of_python.asyncio_run_in_loop,
            of_python.other_loop,
            of_python.no_running_loop,
            of_others.outside_of_flask,
        ),
    ),
    (Exception, (of_others.exception_of_another_framework,)),
)


def hint_for(error: BaseException, request: Request, route: FaultRoute, root: Path) -> str | None:
    """Return the hint for an exception, or else for one that was its direct cause."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        hint = None
        # Objects of the project may raise when they are inspected; the error is shown anyway.
        with contextlib.suppress(Exception):
            hint = _hint_for(cause, request, route, root)
        if hint is not None:
            return hint
        cause = cause.__cause__
    return None


def _hint_for(error: BaseException, request: Request, route: FaultRoute, root: Path) -> str | None:
    facts = Facts(error, request, route, root)
    if not facts.steps:
        return None
    for kind, recognisers in _TABLE:
        if isinstance(error, kind):
            for recognise in recognisers:
                hint = recognise(facts)
                if hint is not None:
                    return hint
    return None
