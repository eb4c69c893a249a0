"""What is logged of requests: a record for each fault, with its route, request id and traceback.

In: a request and what happened to it. Out: records of the logger `apiroutes`. Raises nothing.
Never the body, the query string, cookies or other headers; and nothing that a client sent, or
that an exception quotes of it, makes a line that looks like one of ours.
"""

from __future__ import annotations

import logging
import re
import traceback
from typing import Any

from apiroutes.types import Environ

__all__ = [
    "log_disconnect",
    "log_fault",
    "printable",
    "request_id_of",
    "route_of",
    "sent_request_id",
    "log_to_stderr",
]

_log = logging.getLogger("apiroutes")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# W3C Trace Context section 3.2.2: version, trace-id, parent-id, flags; all zeros is no trace-id.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def log_fault(request: Any, route: str, error: BaseException, what: str = "failed") -> None:
    """A fault of the server's: `route` says which."""
    _log.error("%s %s", _named(request, route), what, exc_info=error, extra=_extra(request))


def log_disconnect(request: Any, when: str) -> None:
    """A client that left, which is no fault: no traceback."""
    named = _named(request, route_of(request))
    _log.info("%s: the client left %s", named, when, extra=_extra(request))


def route_of(request: Any) -> str:
    """The request's route as a log names it."""
    return request.route_pattern or "a path without a route"


def request_id_of(request: Any) -> str | None:
    """The request's id: what middleware gave it, or else what came with it."""
    given = vars(request).get("context", {}).get("request_id")
    return printable(str(given)) if given else sent_request_id(request.environ)


def sent_request_id(environ: Environ, key: str = "HTTP_X_REQUEST_ID") -> str | None:
    """The trace-id of `traceparent`, or the header of that key; None for what is not harmless."""
    trace = _TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
    if trace is not None:
        return trace[1]
    sent: str = environ.get(key, "")
    return sent if _REQUEST_ID.fullmatch(sent) else None


def printable(text: str) -> str:
    """The text on one line, and nothing in it that moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def log_to_stderr() -> None:
    """Let our records be seen, from INFO, where nobody has configured logging."""
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
    """Writes what nobody else does."""

    def handle(self, record: logging.LogRecord) -> bool:
        return False if logging.root.handlers else super().handle(record)


def _named(request: Any, route: str) -> str:
    identifier = request_id_of(request)
    named = f"{printable(request.method)} {route}"
    return f"{named} [{identifier}]" if identifier else named


def _extra(request: Any) -> dict[str, Any]:
    return {
        "method": request.method,
        "route": request.route_pattern,
        "request_id": request_id_of(request),
    }


def _escape_traceback(record: logging.LogRecord) -> bool:
    """The traceback as it is written: indented, because an exception's text can have any line."""
    if isinstance(record.exc_info, tuple) and record.exc_text is None:
        text = "".join(traceback.format_exception(*record.exc_info))
        record.exc_text = "\n".join("  " + _line(line) for line in text.rstrip("\n").split("\n"))
    return True


def _line(line: str) -> str:
    return "\t".join(printable(part) for part in line.split("\t"))


# Python's formatters take over what is there, for every handler that the record comes to.
_log.addFilter(_escape_traceback)
