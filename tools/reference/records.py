"""The page of the log: its records, and what a project uses from `apiroutes.logging`.

In: the records that the package makes. Out: the page. Raises Undescribed for a record without a group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.reference.markdown import code, one_line, prose
from tools.reference.pages import logging_sections
from tools.reference.record_sites import Record, records
from tools.reference.source import Undescribed

__all__ = ["logs_page"]

# By heading, the beginnings of the names of files whose records are below it.
_GROUPS: Mapping[str, Sequence[str]] = {
    "Requests": [
        "middleware/",
        "app.py",
        "logs.py",
        "endpoint.py",
        "handler_steps.py",
        "deadlines/",
        "exits/",
        "response_",
        "wsgi.py",
        "asgi_calls.py",
        "event_loop/",
        "development/",
    ],
    "Work after the response": ["after_response/"],
    "The cache": ["cache/", "project/cache_store.py"],
    "Sign-in and refused requests": ["security/", "rate_limits/", "asgi_application.py"],
    "Sessions and stores": ["sessions/", "stores/", "project/secret_key.py"],
    "Start and stop": [
        "project/build.py",
        "app_file.py",
        "cli/",
        "lifespan/",
        "asgi_lifespan.py",
        "servers/factory.py",
        "wrong_interface.py",
        "threads/",
        "logging.py",
    ],
    "Readiness and replacement": ["readiness.py", "readiness_checks.py"],
    "Telemetry": ["telemetry/"],
    "gunicorn": ["servers/gunicorn"],
    "granian": ["servers/granian"],
    "uvicorn": ["servers/uvicorn", "servers/worker_processes"],
}
_BEGIN = (
    "What apiroutes logs. Unless stated otherwise, the logger is `apiroutes`; servers have their own loggers "
    "and additional records. [Logging](../logging.md) explains where they go.",
    "`METHOD ROUTE [ID]` stands for the method, the route's pattern and the request's id, such as "
    "`GET /api/users/[id] [4bf92f3577b34da6a3ce929d0e0e4736]`; without an id, the brackets are omitted. Such "
    "records have the attributes `method`, `route`, `request_id` and, if there is a trace, `trace_id`. They "
    "never contain the body, the query string, cookies or other headers. `%s` and the like stand for other "
    "texts. A traceback begins with the first call of the project.",
)


def logs_page() -> str:
    """Return the page."""
    parts = ["# Log records", *_BEGIN]
    by_group: dict[str, list[Record]] = {heading: [] for heading in _GROUPS}
    for record in records():
        by_group[_group_of(record.file)].append(record)
    for heading, its_records in by_group.items():
        parts.append(f"## {heading}")
        parts.append("\n".join(map(_item, sorted(its_records, key=_order))))
    parts += [
        "## `apiroutes.logging`",
        "For projects that [configure their log themselves](../logging.md#a-configuration-of-your-own).",
        *logging_sections(),
    ]
    return "\n\n".join(parts) + "\n"


def _group_of(file: str) -> str:
    for heading, begins in _GROUPS.items():
        if file.startswith(tuple(begins)):
            return heading
    raise Undescribed(f"give the records of {file} a group in tools/reference/records.py")


def _order(record: Record) -> tuple[int, int]:
    """Return the place of a record in its group: in that of its file, and by its line."""
    begins = _GROUPS[_group_of(record.file)]
    return next(index for index, begin in enumerate(begins) if record.file.startswith(begin)), record.line


def _item(record: Record) -> str:
    logger = "" if record.logger == "apiroutes" else f" to `{record.logger}`"
    traceback = " With the traceback." if record.has_traceback else ""
    text = code(one_line(record.text))
    return f"- **{record.level}**{logger} {text}: {prose(record.meaning, '../')}{traceback}"
