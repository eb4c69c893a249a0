"""Content negotiation by Accept: JSON, text or HTML (RFC 9110 section 12.5.1).

In: the value of an Accept header. Out: whether it prefers a kind of content.
"""

from __future__ import annotations

import functools

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

__all__ = ["prefers_html", "prefers_json", "prefers_text"]

_MAX_SIZE = 1000  # characters; a longer value is not worth its parsing


@functools.lru_cache(maxsize=128)
def prefers_json(accept: str | None) -> bool:
    """Return whether JSON is preferred to plain text, which is the default."""
    if not accept or len(accept) > _MAX_SIZE or "application/" not in accept.lower():
        return False
    text, json = _qualities(accept, ("text/plain",))
    return text < json


@functools.lru_cache(maxsize=128)
def prefers_text(accept: str | None) -> bool:
    """Return whether plain text or HTML is preferred to JSON, which is the default."""
    if not accept or len(accept) > _MAX_SIZE or "text/" not in accept.lower():
        return False
    text, json = _qualities(accept, ("text/plain", "text/html"))
    return json < text


def prefers_html(accept: str | None) -> bool:
    """Return whether HTML is preferred to plain text, which is the default."""
    accepted = parse_accept_header(accept or "", MIMEAccept)
    return accepted.best_match(["text/plain", "text/html"]) == "text/html"


def _qualities(accept: str, texts: tuple[str, ...]) -> tuple[float, float]:
    """Return the qualities of text and JSON.

    Of the ranges that match a type, the most specific one applies (section 12.5.1).
    """
    accepted: dict[str, float] = {}
    for media_range, quality in parse_accept_header(accept.lower()):
        name = media_range.partition(";")[0].strip()
        accepted[name] = max(quality, accepted.get(name, 0))
    everything = accepted.get("*/*", 0)
    text = accepted.get("text/*", everything)
    json = accepted.get("application/*", everything)
    return (
        max(accepted.get(name, text) for name in texts),
        max(accepted.get(name, json) for name in ("application/json", "application/problem+json")),
    )
