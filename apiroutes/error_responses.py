"""Errors as responses: text, or RFC 9457's problem document for clients that prefer JSON.

In: an exception, or a status and a message. Out: the response, complete. Raises ValueError
or TypeError for a header of the exception that HTTP cannot carry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.exceptions import HTTPException

from apiroutes.errors import ApiError, HandlerTimeout, InvalidRequest, NoResponseError
from apiroutes.http import CONTENT_FIELDS, TEXT, HeaderLines, encode_json, phrase, prefers_json, prefers_text
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.response_state import SENT

__all__ = ["ExplainRefusal", "WriteFault", "write_error", "write_exception", "write_fault"]

_PROBLEM: HeaderLines = (("Content-Type", "application/problem+json"),)

WriteFault = Callable[[BaseException, Request, Response], None]
ExplainRefusal = Callable[[Exception], "str | None"]


def write_exception(
    error: BaseException,
    request: Request,
    response: Response,
    write_fault: WriteFault,
    explain: ExplainRefusal | None = None,
) -> None:
    """Respond to an exception; `write_fault` does so for server errors.

    `explain` may add details to the text of a client error.
    """
    if isinstance(error, InvalidRequest):
        _write_invalid(error, request, response)
    elif isinstance(error, NoResponseError):
        write_fault(error, request, response)
    elif isinstance(error, ApiError):
        message = explain and explain(error)
        write_error(request, response, error.status, message or error.message, _lines_of(error))
    elif isinstance(error, HTTPException):
        _write_http_exception(error, request, response, explain and explain(error))
    elif isinstance(error, HandlerTimeout):
        write_error(request, response, 504, phrase(504))
    else:
        write_fault(error, request, response)


def write_fault(error: BaseException, request: Request, response: Response) -> None:
    """Write a 500 without details."""
    write_error(request, response, 500, phrase(500))


def write_error(
    request: Request,
    response: Response,
    status: int,
    message: str,
    headers: Iterable[tuple[str, str]] = (),
) -> None:
    """Respond with an error: text/plain, or RFC 9457's problem+json when Accept prefers JSON."""
    headers = list(headers)
    # Headers that describe other content are dropped; an error is only for this request (RFC 9111 section 3).
    for name in (*CONTENT_FIELDS, "cache-control", *(name for name, _ in headers if name.lower() != "vary")):
        response.remove_header(name)
    response.set_header("Cache-Control", "no-store")
    for name, value in headers:
        if name.lower() == "cache-control":
            response.set_header(name, value)
        else:
            response.append_header(name, value)
    response._status = status
    if prefers_json(request.environ.get("HTTP_ACCEPT")):
        _put_problem(response, message)
    else:
        response._content = message.encode("utf-8", "replace")
        response._content_headers = TEXT
    response._state = SENT


def _lines_of(error: ApiError) -> Iterable[tuple[str, str]]:
    """Yield the lines of an error's headers."""
    for name, values in error.headers.items():
        for value in [values] if isinstance(values, str) else values:
            yield name, value


def _write_invalid(error: InvalidRequest, request: Request, response: Response) -> None:
    """Respond with all errors, as text for browsers and as problem+json for other clients."""
    write_error(request, response, error.status, error.message)
    if not prefers_text(request.environ.get("HTTP_ACCEPT")):
        errors = [{"place": place, "message": message} for place, message in error.errors]
        _put_problem(response, "The request is not valid.", errors=errors)


def _put_problem(response: Response, detail: str, **more: Any) -> None:
    """Make the content RFC 9457's document for the response's status."""
    status = response._status
    problem = {"type": "about:blank", "title": phrase(status), "status": status, "detail": detail}
    response._content = encode_json({**problem, **more})
    response._content_headers = _PROBLEM


def _write_http_exception(
    error: HTTPException, request: Request, response: Response, message: str | None
) -> None:
    if error.response is not None or error.code is None or error.code < 400:
        response.delegate(error.get_response(request.environ))
        return
    headers = [(name, value) for name, value in error.get_headers() if name.lower() != "content-type"]
    write_error(request, response, error.code, message or error.description or phrase(error.code), headers)
