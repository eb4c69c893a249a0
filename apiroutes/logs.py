"""The log of requests: a record for each server error, with its route, request id and traceback.

In: a request and an event. Out: records of the logger `apiroutes`. A record never contains the body, the
query string, cookies or other headers. No text that a client sent, or that an exception quotes, can make a
line that looks like one of ours.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Any

from apiroutes.code_origin import is_ours, without_package
from apiroutes.types import Environ

__all__ = [
    "current_fields",
    "fields_of",
    "log_disconnect",
    "log_fault",
    "log_of_request",
    "printable_lines",
    "request_id_of",
    "route_of",
    "sent_request_id",
    "sent_trace_id",
    "text_of_exception",
    "with_trace",
]

_log = logging.getLogger("apiroutes")

# The attributes of every record of the current request: `request_id`, `trace_id` and `route`, if known.
# Middleware sets it for what is inside of it.
current_fields: ContextVar[Mapping[str, str]] = ContextVar("apiroutes.log", default=MappingProxyType({}))

# Characters of an exception's text, also in production: it may quote a whole body, with which clients would
# fill the log, and collectors of logs drop or split what is longer.
_MAX_PART = 8000

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# W3C Trace Context section 3.2.2: version, trace-id, parent-id, flags; all zeros is no trace-id.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def log_fault(request: Any, route: str, error: BaseException, event: str = "failed") -> None:
    """Log a server error in a route, and notify the request's observers.

    A coroutine that the end of the process has cancelled is not an error, and is logged without a traceback.
    """
    if _is_cancelled_at_end(error):
        named = _named(request, route)
        # Record INFO "METHOD ROUTE [ID]: cut off by the end of the process": The end of the process has
        # cancelled a coroutine of a request.
        _log.info("%s: cut off by the end of the process", named, extra=_extra(request))
        return
    _log.error("%s %s", _named(request, route), event, exc_info=error, extra=_extra(request))
    for observe in request._fault_observers:
        observe(error, request, event)


def _is_cancelled_at_end(error: BaseException) -> bool:
    if threading.main_thread().is_alive():
        return False
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def log_disconnect(request: Any, when: str) -> None:
    """Log a client that left, without a traceback, because that is not a server error."""
    named = _named(request, route_of(request))
    _log.info(f"%s: the client left {when}", named, extra=_extra(request))


def log_of_request(level: int, request: Any, template: str, *arguments: object) -> None:
    """Log the outcome of a request, without a traceback, at a level of `logging`."""
    named = _named(request, route_of(request))
    _log.log(level, f"%s: {template}", named, *arguments, extra=_extra(request))


def route_of(request: Any) -> str:
    """Return the name of the request's route in the log."""
    return request.route_pattern or "a path without a route"


def request_id_of(request: Any) -> str | None:
    """Return the request's id: the id that middleware set, otherwise the id that the client sent."""
    identifier = vars(request).get("context", {}).get("request_id")
    return _printable(str(identifier)) if identifier else sent_request_id(request.environ)


def fields_of(request: Any, request_id: str | None) -> dict[str, str]:
    """Return the fields of a request's records, for `current_fields`."""
    known = {
        "request_id": request_id,
        "trace_id": sent_trace_id(request.environ),
        "route": request.route_pattern,
    }
    return {name: value for name, value in known.items() if value is not None}


def sent_trace_id(environ: Environ) -> str | None:
    """Return the trace-id of `traceparent`, None if there is no valid one."""
    trace = _TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT") or "")
    return None if trace is None else trace[1]


def sent_request_id(environ: Environ, key: str = "HTTP_X_REQUEST_ID") -> str | None:
    """Return the trace-id of `traceparent`, or else the header at `key`; None if it is not a plain id."""
    trace_id = sent_trace_id(environ)
    if trace_id is not None:
        return trace_id
    sent: str = environ.get(key) or ""
    return sent if _REQUEST_ID.fullmatch(sent) else None


def _printable(text: str) -> str:
    """Escape everything in the text that would break its line or move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _named(request: Any, route: str) -> str:
    identifier = request_id_of(request)
    named = f"{_printable(request.method)} {route}"
    return f"{named} [{identifier}]" if identifier else named


def _extra(request: Any) -> dict[str, Any]:
    extra = {
        "method": request.method,
        "route": request.route_pattern,
        "request_id": request_id_of(request),
    }
    return with_trace(extra, request.environ)


def with_trace(extra: dict[str, Any], environ: Environ) -> dict[str, Any]:
    """Return the extras of a record, with the trace that the client sent, if it sent one."""
    trace_id = sent_trace_id(environ)
    return extra if trace_id is None else {**extra, "trace_id": trace_id}


def _escape_traceback(record: logging.LogRecord) -> bool:
    """Indent and escape the traceback, because an exception's text can contain any line."""
    if isinstance(record.exc_info, tuple) and record.exc_text is None:
        record.exc_text = "  " + printable_lines(text_of_exception(record.exc_info))
    return True


def text_of_exception(exc_info: Any) -> str:
    """Return the traceback of an exception, from the first call of the project on, with a short text."""
    kind, error, calls = exc_info
    calls = _without_leading_calls_of_ours(calls)
    try:
        text = "".join(map(_bounded, traceback.format_exception(kind, error, calls)))
    except Exception as fault:  # an attribute that the exception computes, such as `__notes__`
        lines = "".join(traceback.format_tb(calls))
        text = f"{lines}{kind.__qualname__}, whose text cannot be made: {type(fault).__qualname__}"
    return without_package(text).rstrip("\n")


def printable_lines(text: str) -> str:
    """Return the text with every line but the first indented, and nothing that would make another line."""
    return "\n  ".join(map(_line, text.split("\n")))


def _without_leading_calls_of_ours(calls: TracebackType | None) -> TracebackType | None:
    """Return the calls from the first call outside this package on; all calls if there is none outside.

    The calls that lead to every handler say nothing about an error in one.
    """
    first = calls
    while first is not None and is_ours(first.tb_frame.f_code.co_filename):
        first = first.tb_next
    return first or calls


def _bounded(part: str) -> str:
    """Return a part of a traceback, a frame or the text of an exception, shortened."""
    more = len(part) - _MAX_PART
    return part if more <= 0 else f"{part[:_MAX_PART]}… ({more} more characters)\n"


def _line(line: str) -> str:
    return "\t".join(_printable(part) for part in line.split("\t"))


# Python's formatters keep an `exc_text` that is set, whichever handler gets the record.
_log.addFilter(_escape_traceback)
