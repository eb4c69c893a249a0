"""Status codes and their phrases (RFC 9110 section 15).

In: a status code. Out: its phrase, its status line, and whether it may carry content.
"""

from __future__ import annotations

from http import HTTPStatus

__all__ = ["BODYLESS", "REDIRECTS", "STATUS_LINES", "phrase"]

# RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5: these carry no content.
BODYLESS = frozenset((204, 205, 304))
REDIRECTS = frozenset((301, 302, 303, 307, 308))

# RFC 9110's phrases, where older versions of Python have those of earlier RFCs.
_PHRASES = {
    **{status.value: status.phrase for status in HTTPStatus},
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


def phrase(status: int) -> str:
    """Return the phrase of a status code, "Unknown" for a code without one."""
    return _PHRASES.get(status, "Unknown")


# Status codes with their phrases, as `start_response` takes it (PEP 3333).
STATUS_LINES = {code: f"{code} {phrase(code)}" for code in range(200, 600)}
