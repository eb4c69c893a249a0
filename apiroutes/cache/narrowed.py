"""The request of a cached route whose answer is not stored: it contains no more than the route declares.

In: the real request. Out: one without the query keys, cookies and headers that the route leaves out; the same
request if it leaves out nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from apiroutes.cache.keyed import Reads, RefusingEnviron
from apiroutes.cache.targets import listed_pairs
from apiroutes.drafts import draft_cookies
from apiroutes.handlers import CacheConfig
from apiroutes.lazy import lazy
from apiroutes.request import Request
from apiroutes.types import Environ

__all__ = ["give_back", "narrowed"]

# Attributes that are computed on first use, but belong to the request.
_KEPT = ("body", "context", "files", "form", "stream")


def narrowed(request: Request, config: CacheConfig) -> Request:
    """Return the request as the handler may see it, with what middleware has put on it."""
    if config.query is None and not config.ignores_cookies and config.headers == "keyed":
        return request
    kind = request.__class__
    own = kind(_environ(request._environ, config), request.params, request._limits)
    vars(own)["context"] = request.context  # which both have
    if config.headers == "refused":  # the cookies of draft mode too, but not what they say
        vars(own).update(draft_mode=request.draft_mode, preview_data=request.preview_data)
    computed = lazy, cached_property
    vars(own).update(
        {
            name: value
            for name, value in vars(request).items()
            if name in _KEPT or not (name == "_environ" or isinstance(getattr(kind, name, None), computed))
        }
    )
    return own


def give_back(own: Request, request: Request) -> None:
    """Give the real request the body that was read, whose files are closed with it."""
    if own is not request:
        request._body, request._pending = own._body, own._pending


def _environ(environ: Environ, config: CacheConfig) -> Environ:
    own: dict[str, Any] = dict(environ)
    if config.query is not None:
        own["QUERY_STRING"] = listed_pairs(environ.get("QUERY_STRING") or "", config.query)
        for key in ("RAW_URI", "REQUEST_URI"):
            if environ.get(key):
                path = environ[key].partition("?")[0]
                own[key] = f"{path}?{own['QUERY_STRING']}" if own["QUERY_STRING"] else path
    if config.headers != "keyed":
        for key in environ:
            if key.startswith("HTTP_") and key not in ("HTTP_HOST", "HTTP_TRANSFER_ENCODING"):
                del own[key]
    if config.ignores_cookies:
        drafts = draft_cookies(environ.get("HTTP_COOKIE") or "")
        own.pop("HTTP_COOKIE", None)
        if drafts:
            own["HTTP_COOKIE"] = drafts
    if config.headers == "refused":
        own = RefusingEnviron(own, None, {}, Reads())
    return own
