"""Requests that a browser sends for another site's page: refused, if their method may change anything.

In: the origins of other sites that may send them. Out: middleware that passes a request on, or raises
ApiError 403. Raises ValueError at start for an invalid origin.

Browsers say in `Sec-Fetch-Site` where a request comes from, and older ones, or pages without TLS, in
`Origin`; no script can set either. So there is no token, and nothing to put into forms. The rules are those
of Filippo Valsorda's "Cross-Site Request Forgery" (2025), which Go's net/http has since 1.25.

The answer to a safe method depends on neither header, and the answers to others are not cached (RFC 9110
section 9.2.3), so no `Vary` is needed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from apiroutes.chain import never_waits
from apiroutes.errors import ExplainedRefusal, shown
from apiroutes.http import canonical_origin, is_own_origin
from apiroutes.places import added, is_added
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.types import Environ, Middleware

__all__ = ["csrf"]

_log = logging.getLogger("apiroutes")

# By method, the origins that are trusted for it; None where every request passes.
_TrustedOf = Mapping[str, "frozenset[str] | None"]

# RFC 9110 section 9.2.1, without TRACE, which no browser sends.
_SAFE: dict[str, frozenset[str] | None] = {"GET": None, "HEAD": None, "OPTIONS": None}
_MOST_LOGGED = 200


def csrf(*, trusted: Iterable[str] = ()) -> Middleware:
    """Refuse requests with unsafe methods that browsers send from other sites, with 403.

    Requests from programs, which send neither `Sec-Fetch-Site` nor `Origin`, pass. A route gets it
    automatically if a step of its chain trusts cookies, or other credentials that browsers send unasked.
    Raises ValueError for an invalid origin.

    Args:
        trusted: Origins whose pages may send them, such as "https://app.example.com".
    """
    if isinstance(trusted, str):
        raise ValueError(f"trusted must be a list of origins: write csrf(trusted=[{trusted!r}])")
    return _checking(frozenset(map(_listed, trusted)), {})


def _checking(trusted: frozenset[str], of_methods: _TrustedOf) -> Middleware:
    """Return the middleware; its `trusting` returns one that trusts more."""
    trusted_of = {**of_methods, **_SAFE}

    @never_waits
    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        origins = trusted_of.get(req.method, trusted)
        if origins is None:
            return next()
        environ = req.environ
        if environ.get("HTTP_SEC_FETCH_SITE") == "same-origin":
            return next()
        refusal = _why_refused(environ, origins)
        if refusal is None:
            return next()
        remedy = _how_to_trust(environ)
        said = refusal if remedy is None else f"{refusal}. {remedy}"
        # Record: `csrf` refuses a request that a browser sends from another site; the record says why, and
        # how to trust the origin.
        _log.info("A cross-origin %s was refused with 403: %s", req.method, said)
        raise ExplainedRefusal(403, "Cross-origin request refused", remedy)

    def trusting(others: Iterable[str], of_methods: _TrustedOf) -> Middleware:
        """Trust other origins as well; `of_methods` has what holds for single methods instead."""
        more = trusted | _canonical(others)
        of_each = {
            method: None if origins is None else trusted | _canonical(origins)
            for method, origins in of_methods.items()
        }
        check = _checking(more, of_each)
        return added(check) if is_added(middleware) else check

    middleware.trusting = trusting  # type: ignore[attr-defined]
    middleware.__qualname__ = csrf.__qualname__
    return middleware


def _canonical(origins: Iterable[str]) -> frozenset[str]:
    """Return the origins as browsers spell them, without those that no browser sends."""
    return frozenset(filter(None, map(canonical_origin, origins)))


def _why_refused(environ: Environ, trusted: frozenset[str]) -> str | None:
    """Return the header that shows that a request is from another site, for the log; None if it is not."""
    origin: str | None = environ.get("HTTP_ORIGIN")
    if origin is not None and trusted and (origin in trusted or _as_sent(origin) in trusted):
        return None
    site: str | None = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        if site in ("same-origin", "none"):  # from a page of this very origin, or from the user
            return None
        return f"Sec-Fetch-Site is {site[:_MOST_LOGGED]!r}, Origin {_shown(origin)}"
    if origin is None:
        return None
    host: str | None = environ.get("HTTP_HOST")
    if host is not None and is_own_origin(origin, host):
        return None
    return f"Origin is {_shown(origin)}, Host {_shown(host)}"


def _how_to_trust(environ: Environ) -> str | None:
    """Return what to write if pages of the origin may send requests; None for what is no page's origin."""
    origin: str = environ.get("HTTP_ORIGIN", "")
    known = _as_sent(origin) if len(origin) <= _MOST_LOGGED else None
    if known is None:
        return None
    return (
        f"To let its pages send this, write csrf(trusted=[{known!r}]), "
        "or allow the origin in cors(..., credentials=True)."
    )


def _as_sent(origin: str) -> str | None:
    return canonical_origin(origin) if origin.isascii() else None


def _shown(value: str | None) -> str:
    return "missing" if value is None else repr(value[:_MOST_LOGGED])


def _listed(origin: object) -> str:
    canonical = canonical_origin(origin) if isinstance(origin, str) else None
    if canonical is not None:
        return canonical
    example = None
    if isinstance(origin, str) and ("." in origin or "localhost" in origin):
        scheme, _, rest = origin.rpartition("://")
        example = canonical_origin(f"{scheme or 'https'}://{rest.partition('/')[0]}")
    example = example or "https://app.example.com"
    raise ValueError(f"csrf(trusted=...): {shown(origin)} is not an origin. Write it as {example!r}")
