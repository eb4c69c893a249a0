"""`on_request_error` of a project: it is called for every server error, once that is logged.

In: the function. Out: an observer for requests. Raises nothing: an exception of the function is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from apiroutes.concurrency import coroutines, is_async
from apiroutes.logs import request_id_of
from apiroutes.types import FaultObserver

__all__ = ["observer_of"]

_log = logging.getLogger("apiroutes")

# Seconds for a coroutine to report an error: the client waits for its response meanwhile.
_TO_REPORT = 5.0


def observer_of(on_request_error: Callable[..., Any], files: Mapping[str, str]) -> FaultObserver:
    """Return an observer that calls the function; `files` are the files of routes, by pattern.

    It is called in the request's own thread, never on an event loop; a coroutine runs on the loop, and the
    thread waits for it.
    """

    def observe(error: BaseException, request: Any, event: str) -> None:
        pattern = request.route_pattern
        context = {
            "route_path": pattern,
            "route_file": files.get(pattern or ""),
            "method": request.environ.get("REQUEST_METHOD"),
            "request_id": request_id_of(request),
            "event": event,
        }
        coroutines.call_off_the_loop(partial(_call, on_request_error, error, request, context))

    return observe


def _call(function: Callable[..., Any], *arguments: Any) -> None:
    try:
        if is_async(function):
            coroutines.run_within(_TO_REPORT, function(*arguments))
        else:
            function(*arguments)
    except BaseException as error:
        # Record: `on_request_error` of `instrumentation.py` has raised an exception.
        _log.error("`on_request_error` failed", exc_info=error)
