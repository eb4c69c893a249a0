"""Assignments that would do nothing, such as `res.status = 201`: they are errors in development.

In: assignments to attributes of a request or response. Out: the same. Raises AttributeError, which says what
to write instead, for the name of a method or of something read-only. In production, such an assignment hides
the method, and costs nothing to allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType, MappingProxyType, MethodType
from typing import Any

from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.wsgi import ServerResponse

__all__ = ["CheckedRequest", "CheckedResponse"]

_LONGEST = 40  # characters of a value in a message
_SHOWN = (type(None), bool, int, float, str, bytes)

# What to write instead of an assignment: `{}` stands for the value. These names come from other frameworks,
# or are read-only here.
_OF_RESPONSES: Mapping[str, str] = {
    "body": "`res.send({})`, or return it",
    "content": "`res.send({})`, or return it",
    "contentType": "`res.set_header('Content-Type', {})`",
    "content_type": "`res.set_header('Content-Type', {})`",
    "cookies": "`res.set_cookie(name, value)`",
    "data": "`res.send({})`, or return it",
    "draftMode": "`res.set_draft_mode({})`",
    "draft_mode": "`res.set_draft_mode({})`",
    "headers": "`res.set_headers({})`",
    "media_type": "`res.set_header('Content-Type', {})`",
    "mimetype": "`res.set_header('Content-Type', {})`",
    "previewData": "`res.set_preview_data({})`",
    "preview_data": "`res.set_preview_data({})`",
    "signed_cookies": "`res.set_signed_cookie(name, value)`",
    "statusCode": "`res.status({})`",
    "text": "`res.send({})`, or return it",
}
_OF_REQUESTS: Mapping[str, str] = {
    "get_data": "`req.body = {}`",
    "get_json": "`req.body = {}`",
    "json": "`req.body = {}`",
    "raw_body": "`req.body = {}`",
}


def _refuse(kind: type, name: str, value: object, remedies: Mapping[str, str], parameter: str) -> None:
    """Raise AttributeError if nothing would read the value, such as for the name of a method."""
    known = getattr(kind, name, None)
    if isinstance(known, (FunctionType, MethodType)):
        what, usual = "a method", f"`{parameter}.{name}({{}})`"
    elif (isinstance(known, property) and known.fset is None) or isinstance(known, MappingProxyType):
        what, usual = "read-only", f"`{parameter}.context[{name!r}] = {{}}`"
    elif known is None and name in remedies:
        what, usual = "an attribute that nothing reads", ""
    else:
        return
    instead = remedies.get(name, usual).replace("{}", _shown(value))
    raise AttributeError(f"`{name}` is {what}: write {instead}", name=name)


def _shown(value: object) -> str:
    parts: Any = [value]
    if type(value) in (dict, list, tuple):
        parts = [*value, *value.values()] if isinstance(value, dict) else value
    if any(type(part) not in _SHOWN for part in parts):  # what an object holds may be secret
        return "..."
    text = repr(value)
    return text if len(text) <= _LONGEST else "..."


class CheckedRequest(Request):
    """A request that refuses assignments of values that nothing would read."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            _refuse(Request, name, value, _OF_REQUESTS, "req")
        super().__setattr__(name, value)


class CheckedResponse(ServerResponse):
    """A response that refuses such assignments."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            _refuse(Response, name, value, _OF_RESPONSES, "res")
        super().__setattr__(name, value)
