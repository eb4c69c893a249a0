"""A reverse proxy for one service, which streams both ways (RFC 9110 section 7.6)."""

import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from string import punctuation
from typing import Any
from urllib.parse import quote

import httpx

from apiroutes import ApiError, Request

# Where the service is. Nothing of a request changes scheme, host and port.
SERVICE = httpx.URL(os.environ["SERVICE_URL"].rstrip("/"))
KEY = os.environ.get("SERVICE_KEY")
# The time-out of reading is between two pieces: a stream may be as long as it likes.
SECONDS = {"connect": 5.0, "write": 30.0, "read": float(os.environ.get("SERVICE_SECONDS", "30")), "pool": 5.0}

# Of one connection (RFC 9110 section 7.6.1), or written by whoever sends the next message.
OF_CONNECTION = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
}
# The service is another party: it gets neither our users' credentials nor what they claim to be.
NOT_SENT = {"host", "expect", "authorization", "cookie", "forwarded"}
NOT_SENT |= {f"x-forwarded-{name}" for name in ("for", "host", "port", "prefix", "proto")}
# Our server has its own date and name, and cookies of the service are none of ours.
NOT_RETURNED = {"date", "server", "set-cookie"}

_log = logging.getLogger(__name__)


async def response_of_service(request: Request) -> AsyncIterator[httpx.Response]:
    """Send a request on to the service. The response ends with ours, or when our client leaves."""
    with _service_errors():
        response: httpx.Response = await request.app["transport"].handle_async_request(_request(request))
    try:
        yield response
    finally:
        await response.aclose()


async def content_of(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the content as it arrives, in the encoding that it has."""
    # Once a piece has left, an error cuts the connection, and is a record of the log, with the route.
    with _service_errors():
        async for piece in response.aiter_raw():
            yield piece


def headers_of(response: httpx.Response, prefix: str) -> dict[str, list[str]]:
    """Return what our client may have of the headers, with redirects within the service below `prefix`."""
    headers: dict[str, list[str]] = {}
    for name, value in _passed(response.headers.multi_items(), NOT_RETURNED):
        if name == "location":
            value = _moved(quote(value, safe=punctuation), prefix)
        if value.isascii():  # as RFC 9110 section 5.5 wants it; the encoding of another is anybody's guess
            headers.setdefault(name, []).append(value)
    return headers


def prefix_of(req: Request) -> str:
    """Return the path at which our clients find the service."""
    return f"{req.script_root}/api/service"


def _moved(location: str, prefix: str) -> str:
    path = location.removeprefix(f"{SERVICE.scheme}://{SERVICE.netloc.decode()}")
    own = SERVICE.raw_path.decode().rstrip("/")
    is_ours = path.startswith(f"{own}/") and not path.startswith("//")
    return prefix + path.removeprefix(own) if is_ours else location


@contextmanager
def _service_errors() -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        # The reason is for the log alone, in a line: httpx's own frames tell nothing more.
        _log.warning("the service failed: %s: %s", type(error).__name__, error)
        if isinstance(error, httpx.TimeoutException):
            raise ApiError(504, "The service takes too long") from None
        raise ApiError(502, "The service cannot be reached") from None


def _request(req: Request) -> httpx.Request:
    headers = _passed(req.headers.items(), NOT_SENT)
    headers += [("X-Forwarded-For", req.remote_addr or "unknown"), ("X-Forwarded-Proto", req.scheme)]
    headers += [("X-Forwarded-Host", req.host), ("X-Forwarded-Prefix", prefix_of(req))]
    headers += [("Via", "1.1 apiroutes"), *([("Authorization", f"Bearer {KEY}")] if KEY else [])]
    has_content = "Content-Length" in req.headers or "Transfer-Encoding" in req.headers
    content = aiter(req.stream) if has_content else None
    return httpx.Request(
        req.method,
        _url(req),
        headers=httpx.Headers(headers, "latin-1"),  # the bytes that came (PEP 3333)
        content=content,
        extensions={"timeout": SECONDS},
    )


def _url(req: Request) -> httpx.URL:
    path = "".join(f"/{quote(segment, safe='')}" for segment in req.params.get("path", []))
    slash = "/" if req.path.endswith("/") or not path else ""
    # As it came, but for bytes that a URL cannot have, and some clients send.
    query = f"?{quote(req.query_string, safe=punctuation)}" if req.query_string else ""
    return SERVICE.copy_with(raw_path=SERVICE.raw_path.rstrip(b"/") + f"{path}{slash}{query}".encode())


def _passed(headers: Any, not_passed: set[str]) -> list[tuple[str, str]]:
    """Return the headers without those of the connection, and without some others."""
    pairs = [(name.lower(), value) for name, value in headers]
    named = {
        word.strip().lower() for name, value in pairs if name == "connection" for word in value.split(",")
    }
    return [(name, value) for name, value in pairs if name not in OF_CONNECTION | named | not_passed]
