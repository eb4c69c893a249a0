"""Status codes and their reason phrases (RFC 9110 section 15).

In: a status code. Out: its reason phrase, its status line, and whether it may carry content.
"""

from __future__ import annotations

from apiroutes.errors import phrase

__all__ = ["BODYLESS", "REDIRECTS", "STATUS_LINES", "phrase"]

# RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5: these carry no content.
BODYLESS = frozenset((204, 205, 304))
REDIRECTS = frozenset((301, 302, 303, 307, 308))

# Status codes with their phrases, as `start_response` takes it (PEP 3333).
STATUS_LINES = {code: f"{code} {phrase(code)}" for code in range(200, 600)}
