"""The log of requests: a record for each fault, with its route, request id and traceback.

In: a request and an event. Out: records of the logger `apiroutes`. A record never has the body, the
query string, cookies or other headers; and no text that a client sent, or that an exception quotes,
can make a line that looks like one of ours.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

from apiroutes.code_origin import PROJECT_PACKAGE, is_ours
from apiroutes.types import Environ

__all__ = [
    "log_disconnect",
    "log_fault",
    "log_of_request",
    "log_to_stderr",
    "request_id_of",
    "route_of",
    "sent_request_id",
]

_log = logging.getLogger("apiroutes")
_LAST_RESORT = logging.lastResort

# Characters of an exception's text, also in production: it may quote a whole body, with which clients would
# fill the log, and collectors of logs drop or split what is longer.
_MAX_PART = 8000

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# W3C Trace Context section 3.2.2: version, trace-id, parent-id, flags; all zeros is no trace-id.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def log_fault(request: Any, route: str, error: BaseException, event: str = "failed") -> None:
    """Log a fault of the server's in a route, and tell the request's observers of it.

    That the end of the process has cancelled a coroutine is not a fault, and has no traceback.
    """
    if _is_cancelled_at_end(error):
        named = _named(request, route)
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
    """Log a client that left, without a traceback, because it is not a fault."""
    named = _named(request, route_of(request))
    _log.info("%s: the client left %s", named, when, extra=_extra(request))


def log_of_request(level: int, request: Any, text: str) -> None:
    """Log what became of a request, without a traceback, at a level of `logging`."""
    _log.log(level, "%s: %s", _named(request, route_of(request)), text, extra=_extra(request))


def route_of(request: Any) -> str:
    """Return the name of the request's route in the log."""
    return request.route_pattern or "a path without a route"


def request_id_of(request: Any) -> str | None:
    """Return the id under which the log has the request, None for a request without one."""
    return _request_id_of(request)


def _request_id_of(request: Any) -> str | None:
    """Return the request's id: the one that middleware set, otherwise the one that the client sent."""
    identifier = vars(request).get("context", {}).get("request_id")
    return _printable(str(identifier)) if identifier else sent_request_id(request.environ)


def sent_request_id(environ: Environ, key: str = "HTTP_X_REQUEST_ID") -> str | None:
    """Return the trace-id of `traceparent`, or else the header at `key`; None if it is not a plain id."""
    trace = _TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
    if trace is not None:
        return trace[1]
    sent: str = environ.get(key, "")
    return sent if _REQUEST_ID.fullmatch(sent) else None


def _printable(text: str) -> str:
    """Escape everything in the text that would break its line or move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def log_to_stderr() -> None:
    """Log INFO and above to stderr unless logging is configured, or the development server shows the log."""
    if logging.lastResort is not _LAST_RESORT:
        return
    ours = logging.getLogger("apiroutes")
    if not any(isinstance(handler, _FallbackHandler) for handler in ours.handlers):
        handler = _FallbackHandler()
        handler.setFormatter(
            logging.Formatter(
                "[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s", "%Y-%m-%d %H:%M:%S %z"
            )
        )
        ours.addHandler(handler)
    if ours.level == logging.NOTSET:
        ours.setLevel(logging.INFO)


class _FallbackHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes records only when the root logger has no handler."""

    def handle(self, record: logging.LogRecord) -> bool:
        return False if logging.root.handlers else super().handle(record)


def _named(request: Any, route: str) -> str:
    identifier = _request_id_of(request)
    named = f"{_printable(request.method)} {route}"
    return f"{named} [{identifier}]" if identifier else named


def _extra(request: Any) -> dict[str, Any]:
    return {
        "method": request.method,
        "route": request.route_pattern,
        "request_id": _request_id_of(request),
    }


_PROJECT = rf"\b{PROJECT_PACKAGE}\d+\."


def _escape_traceback(record: logging.LogRecord) -> bool:
    """Indent and escape the traceback, because an exception's text can have any line."""
    if isinstance(record.exc_info, tuple) and record.exc_text is None:
        text = re.sub(_PROJECT, "", _format(record.exc_info))
        record.exc_text = "\n".join("  " + _line(line) for line in text.rstrip("\n").split("\n"))
    return True


def _format(exc_info: Any) -> str:
    kind, error, calls = exc_info
    calls = _without_leading_calls_of_ours(calls)
    try:
        return "".join(map(_bounded, traceback.format_exception(kind, error, calls)))
    except Exception as fault:  # an attribute that the exception computes, such as `__notes__`
        lines = "".join(traceback.format_tb(calls))
        return f"{lines}{kind.__qualname__}, whose text cannot be made: {type(fault).__qualname__}"


def _without_leading_calls_of_ours(calls: TracebackType | None) -> TracebackType | None:
    """Return the calls from the first one outside of this package on; all, if there is none outside.

    The calls that lead to every handler say nothing of a fault in one.
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
