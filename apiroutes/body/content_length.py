"""What the client announces about its content: the length (RFC 9112 section 6), and whether it waits.

In: an environ. Out: a number of bytes, None for chunked content. Raises ApiError: 400 for an invalid
length, 411 and 501 for a transfer coding that cannot be read.
"""

from __future__ import annotations

from apiroutes.body.errors import invalid_body
from apiroutes.errors import ApiError
from apiroutes.types import Environ

__all__ = ["GRANIAN", "announced_length", "expects_continue", "has_content"]

# The SERVER_SOFTWARE of granian, which ends a chunked body that is cut off or malformed as if it were whole.
GRANIAN = "Granian"
# More digits than any real length, and fewer than int() refuses to read.
_LENGTH_DIGITS = 18


def has_content(environ: Environ) -> bool:
    """Return whether a request announces content in any way."""
    return environ.get("CONTENT_LENGTH", "") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ


def announced_length(environ: Environ) -> int | None:
    """Return the content's length in bytes, 0 without content, None when it is chunked.

    RFC 9112 section 6.3: Transfer-Encoding overrides Content-Length, and a request with
    neither has no content. Raises ApiError.
    """
    if environ.get("HTTP_TRANSFER_ENCODING"):
        _check_coding(environ)
        return None
    length: str = environ.get("CONTENT_LENGTH", "")
    if len(length) <= _LENGTH_DIGITS and length.isascii() and length.isdigit():
        return int(length)
    if not length:
        return 0
    if not (length.isascii() and length.isdigit()):
        raise invalid_body()
    return int(length[: _LENGTH_DIGITS + 1])  # more than any limit


def _check_coding(environ: Environ) -> None:
    if environ["HTTP_TRANSFER_ENCODING"].strip().lower() != "chunked":
        raise ApiError(501, "Transfer coding is not supported")
    if not environ.get("wsgi.input_terminated") or environ.get("SERVER_SOFTWARE") == GRANIAN:
        # The server leaves it to us to find the end of the content, which only it knows.
        raise ApiError(411, "Length Required")


def expects_continue(environ: Environ) -> bool:
    """Return whether the client waits for a 100 before it sends content (RFC 9110 section 10.1.1)."""
    field: str = environ.get("HTTP_EXPECT", "")
    return field.strip().lower() == "100-continue"
