"""Log records with the request that they belong to, as text or JSON.

In: records of any logger. Out: records with `request_id`, `trace_id` and `route`; lines on standard error.
`request_id()` of `apiroutes.middleware`, or the setting `log_format`, supplies the fields of the request;
without them, a record has only the trace of OpenTelemetry's span. No text from a client can make a line that
looks like another record.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import threading
from typing import Any

from apiroutes.code_origin import PROJECT_PACKAGE, without_package
from apiroutes.logs import current_fields, printable_lines, text_of_exception

__all__ = ["RequestFilter", "json_formatter", "log_everything_to_stderr", "log_to_stderr", "request_fields"]

_FIELDS = ("request_id", "trace_id", "route")
_TIME = "%Y-%m-%d %H:%M:%S %z"
_LAST_RESORT = logging.lastResort


def request_fields() -> dict[str, str]:
    """Return the known fields of the current request: `request_id`, `trace_id` and `route`.

    The trace id comes from OpenTelemetry's span, if one is active, or else from the client's `traceparent`.
    Outside a request, and if nothing is known, the dict is empty.
    """
    fields = dict(current_fields.get())
    trace_id = _trace_id()
    if trace_id is not None:
        fields["trace_id"] = trace_id
    return fields


def _trace_id() -> str | None:
    """Return the trace-id of the current span, None if OpenTelemetry is not in use."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


class RequestFilter(logging.Filter):
    """Gives each record `request_id`, `trace_id` and `route`, for a handler and its formatter.

    A record keeps a field that it already has. Unknown fields are `missing`; with None, they are left out. A
    logger that a route names by its `__name__` is shown with the name of the file, such as `pages.api.users`.
    """

    def __init__(self, missing: str | None = "-") -> None:
        super().__init__()
        self._missing = missing

    def filter(self, record: logging.LogRecord) -> bool:
        """Give the record its fields, and let it pass."""
        fields, known = request_fields(), vars(record)
        for name in _FIELDS:
            value = fields.get(name, self._missing)
            if known.get(name) is None and value is not None:
                known[name] = value
        if record.name.startswith(PROJECT_PACKAGE):
            record.name = without_package(record.name)
        return True


def json_formatter() -> logging.Formatter:
    """Return python-json-logger's formatter: one JSON object per record, on one line, with every `extra`.

    Its members are `time` (RFC 3339, UTC), `level`, `logger`, `process` and `message`, then `exception` or
    `stack` if the record has one. Nothing replaces them: an `extra` with such a name is written as
    `extra_time`, for example, and a message that is a dict, such as a client's data, as text. Raises
    ImportError without the extra `json-logs`.
    """
    from pythonjsonlogger.core import RESERVED_ATTRS
    from pythonjsonlogger.json import JsonFormatter

    class Formatter(JsonFormatter):
        def format(self, record: logging.LogRecord) -> str:
            return super().format(_without_replacements(record))

        def formatException(self, ei: Any) -> str:
            return text_of_exception(ei)

        def jsonify_log_record(self, log_data: Any) -> str:
            try:
                return super().jsonify_log_record(log_data)
            except (TypeError, ValueError, RecursionError):  # NaN, keys that are not strings, cycles
                return super().jsonify_log_record({name: _plain(value) for name, value in log_data.items()})

    return Formatter(
        "%(levelname)s %(name)s %(process)d %(message)s",
        rename_fields={
            "levelname": "level",
            "name": "logger",
            "exc_info": "exception",
            "stack_info": "stack",
        },
        defaults={"time": None},  # so that it comes first
        timestamp="time",
        reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn's, which repeats the message
        json_serializer=_as_json,
    )


# The members of a JSON record that are not attributes of a record in Python; no `extra` can replace those.
_MEMBERS = frozenset(("time", "level", "logger", "exception", "stack"))


def _without_replacements(record: logging.LogRecord) -> logging.LogRecord:
    """Return a record whose extras replace no member: python-json-logger merges them all."""
    attributes = vars(record)
    replaced = _MEMBERS & attributes.keys()
    if not replaced and not isinstance(record.msg, dict):
        return record
    kept = {f"extra_{name}" if name in replaced else name: value for name, value in attributes.items()}
    return logging.makeLogRecord({**kept, "msg": record.getMessage(), "args": None})


def _as_json(value: object, **options: Any) -> str:
    text = json.dumps(value, allow_nan=False, **options)
    # A lone surrogate is not a character, and many readers refuse it (RFC 8259 section 8.2).
    return re.sub(_ESCAPES, lambda found: found[1] or r"\ufffd", text) if r"\ud" in text else text


# What stays, an escaped backslash or a pair of surrogates; or one of them alone.
_ESCAPES = r"(\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2})|\\ud[89a-f][0-9a-f]{2}"


def _plain(value: object) -> object:
    """Return a value that JSON can represent, or else its text."""
    try:
        _as_json(value)
    except (TypeError, ValueError, RecursionError):
        return repr(value)
    return value


class _TextFormatter(logging.Formatter):
    """A line with time, process, level, logger and request id; further lines of a message are indented."""

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s", _TIME)

    def formatMessage(self, record: logging.LogRecord) -> str:
        request_id = vars(record).get("request_id")
        # Records of apiroutes name their request themselves.
        named = f"{record.name} [{request_id}]" if request_id and record.name != "apiroutes" else record.name
        return super().formatMessage(_with_message(record, printable_lines(f"{named}: {record.message}")))

    def formatException(self, ei: Any) -> str:
        return "  " + printable_lines(text_of_exception(ei))


def _with_message(record: logging.LogRecord, message: str) -> logging.LogRecord:
    return logging.makeLogRecord({**vars(record), "message": message})


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes records to standard error; for a record that cannot be written, writes so in the same form."""

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()
        if not logging.raiseExceptions or self.stream is None or isinstance(error[1], OSError):
            return  # the stream is closed, so the failure cannot be reported either
        place = f"{record.pathname}:{record.lineno}"
        attributes = {
            "name": record.name,
            "levelno": logging.ERROR,
            "levelname": "ERROR",
            "msg": "a log record could not be written: %.500s (%s)",
            "args": (ascii(record.msg) if isinstance(record.msg, str) else type(record.msg).__name__, place),
            "exc_info": error,
            # Python's formatters keep it.
            "exc_text": "  " + printable_lines(text_of_exception(error)),
        }
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(self.format(logging.makeLogRecord(attributes)) + self.terminator)
            self.flush()


class _FallbackHandler(_Handler):
    """Writes records only when the root logger has no handler."""

    def handle(self, record: logging.LogRecord) -> bool:
        return False if logging.root.handlers else bool(super().handle(record))


def log_to_stderr(form: str | None = None) -> None:
    """Log the records of apiroutes, from INFO upwards, to stderr, in the format of the setting `log_format`.

    It does nothing if logging is configured, or if the development server shows the log.
    """
    if logging.lastResort is not _LAST_RESORT:
        return
    ours = logging.getLogger("apiroutes")
    handler = next((known for known in ours.handlers if isinstance(known, _FallbackHandler)), None)
    if handler is None:
        handler = _FallbackHandler()
        handler.addFilter(RequestFilter(None))
        ours.addHandler(handler)
    handler.setFormatter(_formatter(form))
    if ours.level == logging.NOTSET:
        ours.setLevel(logging.INFO)
    if form is not None and _LAST_RESORT is not None and _LAST_RESORT.formatter is None:
        # For records that the project logs while it is imported: it can still configure the root logger then.
        _LAST_RESORT.setFormatter(_formatter(form))
        _LAST_RESORT.addFilter(RequestFilter(None))


def log_everything_to_stderr(form: str | None) -> None:
    """Log the records of all loggers, from INFO upwards, to stderr, if the setting `log_format` is set.

    Call it after the project is imported; it does nothing if the project has configured the root logger.
    Warnings, and exceptions that end a thread, become records too.
    """
    log_to_stderr(form)
    root = logging.getLogger()
    if form is None or root.handlers or logging.lastResort is not _LAST_RESORT:
        return
    handler = _Handler()
    handler.setFormatter(_formatter(form))
    handler.addFilter(RequestFilter(None))
    root.addHandler(handler)
    if root.level == logging.WARNING:  # Python's own default
        root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _log_end_of_thread


def _log_end_of_thread(ended: Any) -> None:
    """Log an exception that has ended a thread, which Python writes to standard error as bare text."""
    if ended.exc_type is SystemExit:
        return
    name = "a thread" if ended.thread is None else f"the thread {ended.thread.name}"
    error = ended.exc_type, ended.exc_value, ended.exc_traceback
    # Record: With `log_format`: an exception has ended a thread of the project or of a library.
    logging.getLogger("apiroutes").error("%s ended with an exception", name, exc_info=error)


def _formatter(form: str | None) -> logging.Formatter:
    if form == "json":
        with contextlib.suppress(ImportError):  # which is reported as an error of the start
            return json_formatter()
    if form == "text":
        return _TextFormatter()
    return logging.Formatter("[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s", _TIME)
