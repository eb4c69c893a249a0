"""A line for each request, through `logging`, as text or JSON.

In: requests. Out: records of the logger `apiroutes.access`. They never contain the body, the query
string, cookies or other headers, and hostile bytes in a path do not make a second line.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from apiroutes.chain import never_waits
from apiroutes.errors import shown
from apiroutes.http import encode_json
from apiroutes.logs import with_trace
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.types import Middleware

__all__ = ["access_log"]


def access_log(*, format: str = "text", logger: str = "apiroutes.access") -> Middleware:
    """Log a line for each request: method, route pattern, path, status, milliseconds, client and request id.

    The parts are attributes of the record too. The status is the status that was sent, also for errors and a
    304; for a response that was cut off, it is the status that its client saw. The line is written, and the
    time measured, when the server has received the response; for a stream, when it has ended. Raises
    ValueError for another format.

    Args:
        format: "text" or "json".
        logger: The name of the logger that gets the records.
    """
    if format not in ("text", "json"):
        raise ValueError(f"format must be 'text' or 'json', not {shown(format)}")
    write = logging.getLogger(logger).info
    render = _as_json if format == "json" else _as_text

    @never_waits
    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        began = time.perf_counter()

        def log(sent: Response) -> None:
            record = _record(sent.req, sent.status_code, began)
            # Record apiroutes.access INFO "method=… route=… path=… status=… ms=… client=… request_id=…": A
            # request has ended, and `access_log` is around it. With `format="json"` the message is an object.
            # The parts are attributes of the record.
            write("%s", render(record), extra=with_trace(record, sent.req.environ))

        res._call_at_end(log)
        return next()

    return middleware


def _record(req: Request, status: int, began: float) -> dict[str, Any]:
    return {
        "method": req.method,
        "route": req.route_pattern,
        "path": req.path,
        "status": status,
        "ms": round((time.perf_counter() - began) * 1000, 1),
        "client": req.remote_addr,
        "request_id": req.context.get("request_id"),
    }


def _as_json(record: dict[str, Any]) -> str:
    return encode_json(record).decode()


def _as_text(record: dict[str, Any]) -> str:
    parts = [f"{name}={_printable(value)}" for name, value in record.items() if value is not None]
    return " ".join(parts)


def _printable(value: object) -> str:
    return str(value).replace(" ", "%20").encode("unicode_escape").decode("ascii")
