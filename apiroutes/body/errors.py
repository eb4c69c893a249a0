"""The errors that reading a body raises, each with the response that it leads to.

In: nothing, or the limit that was exceeded. Out: an ApiError to raise; it is also a Werkzeug exception if
`except BadRequest` and the like should catch it.
"""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import HTTPException, default_exceptions

from apiroutes.errors import ApiError, BodyCutOff
from apiroutes.sizes import Size

__all__ = ["ReadOnLoopError", "as_werkzeug_error", "cut_off", "invalid_body", "too_large", "too_slow"]


class ReadOnLoopError(RuntimeError):
    """Code on an event loop reads content that the same loop has yet to receive."""


def invalid_body() -> ApiError:
    """Return the error for content that does not match its headers."""
    return ApiError(400, "Invalid body")


def cut_off() -> ApiError:
    """Return the error for content that ended too early."""
    return BodyCutOff(400, "Invalid body")


def too_slow() -> ApiError:
    """Return the error for content that took too long (RFC 9110 section 15.5.9)."""
    return ApiError(408, "Request Timeout")


def too_large(limit: Size) -> ApiError:
    """Return the error for content larger than `limit`, which the message names as it was configured."""
    return ApiError(413, f"Body exceeded {limit.text} limit")


def as_werkzeug_error(error: ApiError) -> ApiError:
    """Return the error as one that is also Werkzeug's exception for its status, as its accessors raise."""
    if isinstance(error, HTTPException):
        return error
    key = type(error), error.status
    combined_class = _COMBINED.get(key)
    if combined_class is None:
        werkzeug_class = default_exceptions.get(error.status)
        # Werkzeug's class adds the attributes that its users read: `code`, `name`, `get_response()`.
        combined_class = (
            type(error)
            if werkzeug_class is None
            else type("ApiError", (type(error), werkzeug_class), {"response": None})
        )
        _COMBINED[key] = combined_class
    combined: ApiError = combined_class(error.status, error.message, error.headers)
    vars(combined)["description"] = error.message
    return combined


# Combined classes, by our class and the status; there are only as many as statuses of body errors.
_COMBINED: dict[tuple[type, int], Any] = {}
