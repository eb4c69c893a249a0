"""The page of headers: the headers that apiroutes sends and reads, in which part, and when.

In: the tables here, and the names in the source. Out: the page. Raises Undescribed for a name in a file that
no row of the tables covers, and for a row without a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tools.reference.header_names import header_names
from tools.reference.markdown import code, prose, table
from tools.reference.source import Undescribed

__all__ = ["Use", "check_uses", "headers_page"]


class Use(NamedTuple):
    """How a header is used, in files whose names begin like this.

    Without files, a library reads or writes the header, or its name is composed of parts.
    """

    header: str
    files: Sequence[str]
    when: str


_CORS = ["middleware/cors.py"]
_SECURITY = ["middleware/security_headers.py"]
_GUARD = "`security_headers()`"
_LIMIT = ["rate_limits/"]
_PAGE = "the documentation page"

SENT: Sequence[Use] = [
    Use("Accept-Ranges", ["results.py"], "`file()`: `bytes`."),
    Use(
        "Access-Control-Allow-Credentials", _CORS, "`cors(credentials=True)`: `true`, for an allowed origin."
    ),
    Use("Access-Control-Allow-Headers", _CORS, "`cors()`, to a preflight: the headers that a page may send."),
    Use("Access-Control-Allow-Methods", _CORS, "`cors()`, to a preflight: `methods`."),
    Use(
        "Access-Control-Allow-Origin", _CORS, "`cors()`, to a request with an allowed `Origin`: that, or `*`."
    ),
    Use("Access-Control-Expose-Headers", _CORS, "`cors(expose_headers=...)`: what a page may read."),
    Use("Access-Control-Max-Age", _CORS, "`cors()`, to a preflight: `max_age` in seconds."),
    Use(
        "Age",
        ["cache/hot_answers.py"],
        "An answer [from the cache](../caching.md): the seconds since it was computed.",
    ),
    Use(
        "Allow",
        ["endpoint.py", "builtin_endpoints.py"],
        "A 405, and the 204 to OPTIONS: the methods of the path.",
    ),
    Use("Cache-Control", ["error_responses.py"], "An error: `no-store`, unless the `ApiError` has its own."),
    Use(
        "Cache-Control",
        ["builtin_endpoints.py", "wsgi.py"],
        f"`no-store` on the readiness, liveness and metrics paths and on a 404; `no-cache` on {_PAGE}.",
    ),
    Use(
        "Cache-Control",
        ["results.py", "files.py"],
        "`file()`: `no-cache`, or by its `max_age`; `event_stream()`: `no-cache, no-transform`.",
    ),
    Use(
        "Cache-Control",
        ["cache/"],
        "A cached route: for shared caches, by `revalidate` and `stale`; `private` if an answer is for one "
        "client. [Caching](../caching.md) lists all values. A handler's own value is kept.",
    ),
    Use(
        "Cache-Control",
        ["sessions/", "wsgi.py"],
        "`sessions()`: `private, no-cache` if the request has used its session; a handler's value is kept.",
    ),
    Use("Cache-Status", ["cache/"], "A cached route: what the cache did (RFC 9211); see `cache_status`."),
    Use("Content-Disposition", ["results.py"], "`file()`: the file's name, and whether browsers save it."),
    Use("Content-Encoding", ["results.py"], "`file()` of a compressed file, such as `notes.txt.gz`."),
    Use(
        "Content-Length",
        [
            "wsgi.py",
            "response.py",
            "results.py",
            "files.py",
            "middleware/wsgi_bridge.py",
            "servers/factory.py",
        ],
        "Every response whose length is known; a HEAD has the length of the GET.",
    ),
    Use("Content-Range", ["files.py"], "`file()`: the part that a 206 contains, and the length in a 416."),
    Use("Content-Security-Policy", _SECURITY, f"{_GUARD}: `default-src 'none'; frame-ancestors 'none'`."),
    Use(
        "Content-Security-Policy",
        ["builtin_endpoints.py"],
        f"On {_PAGE}: only its own scripts and requests.",
    ),
    Use(
        "Content-Type",
        [
            "http/fields.py",
            "results.py",
            "error_responses.py",
            "builtin_endpoints.py",
            "endpoint.py",
            "servers/",
        ],
        "By the content: `application/json; charset=utf-8`, `text/plain; charset=utf-8`, "
        "`application/octet-stream`, `text/html; charset=utf-8`, `text/event-stream; charset=utf-8`, the "
        "type of a file; `application/problem+json` for an error. Only `res.json` replaces a set type.",
    ),
    Use("Cross-Origin-Resource-Policy", _SECURITY, f"{_GUARD}: `same-origin`."),
    Use(
        "ETag",
        ["wsgi.py", "results.py", "middleware/wsgi_bridge.py"],
        "JSON and content that is sent whole: a hash of its bytes, by the setting `etag`; `file()`: its own.",
    ),
    Use("Last-Modified", ["results.py"], "`file()`: when the file was last changed."),
    Use("Location", ["response.py"], "A redirect, also the 308 to the canonical path."),
    Use("RateLimit", _LIMIT, "A [rate limit](../rate-limits.md): what is left, and for how long."),
    Use("RateLimit-Policy", _LIMIT, "A rate limit: what it allows in a period."),
    Use("Referrer-Policy", [*_SECURITY, "builtin_endpoints.py"], f"{_GUARD}, and {_PAGE}: `no-referrer`."),
    Use("Retry-After", _LIMIT, "A rate limit: seconds, with its 429, and with a 503 while its store fails."),
    Use(
        "Retry-After",
        ["security/jwks.py", "sessions/"],
        "Seconds, with a 503: `jwt` has no keys yet; the store of sessions fails.",
    ),
    Use(
        "Set-Cookie",
        ["response_cookies.py", "drafts.py"],
        "`res.set_cookie`, `res.set_signed_cookie`, `res.delete_cookie`, draft mode.",
    ),
    Use("Set-Cookie", ["sessions/"], "`sessions()`: a session that is new, has changed or has ended."),
    Use("Strict-Transport-Security", _SECURITY, "`security_headers(hsts=...)`, over https."),
    Use("Vary", _CORS, "`cors()`: `Origin`; to a preflight also `Access-Control-Request-Headers`."),
    Use("Vary", ["security/"], "A step that signs in: the header that it reads."),
    Use("Vary", ["sessions/"], "`sessions()`: `Cookie`, if the request has used its session."),
    Use(
        "Vary",
        ["cache/", "response_head.py", "middleware/bridged_headers.py"],
        "A cached route: the headers that its answer depends on, and `Cookie`. All members are combined.",
    ),
    Use(
        "WWW-Authenticate",
        ["security/"],
        "A 401 from a step that signs in, or from `webhook`; a 403 from `require(scope=...)`.",
    ),
    Use(
        "X-Accel-Buffering", ["results.py"], "`event_stream()`: `no`, so that nginx sends each event at once."
    ),
    Use(
        "X-Content-Type-Options",
        ["http/fields.py", *_SECURITY, "builtin_endpoints.py"],
        f"`nosniff`: text without an explicit type, {_GUARD}, {_PAGE}.",
    ),
    Use("X-Frame-Options", _SECURITY, f"{_GUARD}: `DENY`."),
    Use(
        "X-Request-ID", ["middleware/request_id.py"], "`request_id()`: the request's id; `header` renames it."
    ),
]

READ: Sequence[Use] = [
    Use("Accept", ["error_responses.py", "app.py"], "Whether an error is text or problem+json."),
    Use("Accept", ["telemetry/prometheus.py"], "The format of the metrics."),
    Use("Access-Control-Request-Headers", _CORS, "`cors()`: the headers that a page wants to send."),
    Use("Access-Control-Request-Method", _CORS, "`cors()`: an OPTIONS with it is a preflight."),
    Use("Authorization", ["security/"], "`bearer`, `jwt`, `basic`: the credentials."),
    Use(
        "Authorization", ["cache/"], "A request with it bypasses the cache, unless `dynamic` makes it static."
    ),
    Use(
        "Cache-Control",
        ["http/conditional.py"],
        "With `no-cache`, the whole answer is sent instead of a 304.",
    ),
    Use("Cache-Control", ["cache/"], "With `no-store`, nothing is stored for the request."),
    Use("Content-Disposition", ["body/"], "The names of fields and files, in the parts of a multipart form."),
    Use("Content-Encoding", ["body/", "cache/"], "An encoded body is refused with 415."),
    Use(
        "Content-Length",
        ["body/", "request.py", "app.py", "asgi", "lookup.py", "cache/", "telemetry/"],
        "The length of the body; above the limit, a 413 before the body is read.",
    ),
    Use(
        "Content-Type",
        ["body/", "request.py", "asgi", "lookup.py", "cache/"],
        "How the body is parsed, and its charset: 400 for an unknown charset; 415 if `req.json` finds "
        "another type.",
    ),
    Use(
        "Cookie",
        ["request.py", "asgi.py", "sessions/", "drafts.py", "security/"],
        "`req.cookies`, sessions, draft mode, `api_key(cookie=...)`, `session_user`.",
    ),
    Use("Cookie", ["cache/"], "A request with cookies bypasses the cache, unless `cookies` is `ignore`."),
    Use("Expect", ["body/"], "With `100-continue`, a body that is refused is not received."),
    Use("Host", ["middleware/trusted_hosts.py"], "`trusted_hosts()`: 400 for another host."),
    Use("Host", ["security/csrf.py"], "`csrf()`: whether `Origin` is this site."),
    Use("Host", ["cache/", "asgi.py", "telemetry/"], "A part of the cache key, and an attribute of spans."),
    Use("If-Match", ["http/conditional.py"], "`file()`: 412 for another `ETag`."),
    Use("If-Modified-Since", ["http/conditional.py", "wsgi.py"], "304 if the content is not newer."),
    Use("If-None-Match", ["http/conditional.py", "wsgi.py"], "304 for the same `ETag`."),
    Use("If-Range", ["http/conditional.py"], "`file()`: a part, if it is still the same file."),
    Use("If-Unmodified-Since", ["http/conditional.py"], "`file()`: 412 if the file is newer."),
    Use("Origin", _CORS, "`cors()`: the origin of the page."),
    Use("Origin", ["security/csrf.py"], "`csrf()`: 403 for another site."),
    Use("Range", ["files.py"], "`file()`: a 206 with that part."),
    Use("Range", ["cache/"], "Nothing is stored for the request."),
    Use(
        "Sec-Fetch-Site",
        ["security/csrf.py"],
        "`csrf()`: 403 for a request that a browser sends from another site.",
    ),
    Use("Stripe-Signature", ["security/"], '`webhook("stripe")`: time and signatures.'),
    Use(
        "traceparent",
        ["logs.py"],
        "The trace-id in the log, and the id of `request_id()`; the parent of a span.",
    ),
    Use("tracestate", [], "With the setting `telemetry`: read by OpenTelemetry."),
    Use(
        "Transfer-Encoding",
        ["body/", "request.py", "asgi_application.py", "cache/"],
        "A chunked body, whose length is not known in advance.",
    ),
    Use("User-Agent", ["telemetry/"], "With the setting `telemetry`: an attribute of the span."),
    Use("webhook-id", [], '`webhook("standard")`: `req.context["webhook_id"]`; also `svix-id`.'),
    Use("webhook-signature", ["security/"], '`webhook("standard")`: the signatures; also `svix-signature`.'),
    Use("webhook-timestamp", [], '`webhook("standard")`: the time; also `svix-timestamp`.'),
    Use("X-Forwarded-For", [], "`proxy_fix(x_for=...)`: the client's address."),
    Use("X-Forwarded-Host", [], "`proxy_fix(x_host=...)`: the host."),
    Use("X-Forwarded-Port", [], "`proxy_fix(x_port=...)`: the port."),
    Use("X-Forwarded-Prefix", ["middleware/proxy_fix.py"], "`proxy_fix(x_prefix=...)`: the mount point."),
    Use("X-Forwarded-Proto", [], "`proxy_fix(x_proto=...)`: the scheme."),
    Use("X-Hub-Signature-256", ["security/"], '`webhook("github")`: the signature.'),
    Use(
        "X-Request-ID",
        ["logs.py", "middleware/request_id.py"],
        "The id in the log, and of `request_id()`, if the request has no `traceparent`.",
    ),
    Use("X-Slack-Request-Timestamp", ["security/"], '`webhook("slack")`: the time.'),
    Use("X-Slack-Signature", ["security/"], '`webhook("slack")`: the signature.'),
]

FETCHING: Sequence[Use] = [
    Use("Accept", ["security/fetching.py"], "Sent: JSON Web Key Sets, or JSON."),
    Use("User-Agent", ["security/fetching.py"], "Sent: `apiroutes/` and its version."),
    Use("Cache-Control", ["security/fetching.py"], "Read: how long the keys are valid."),
    Use("Age", ["security/fetching.py"], "Read: how much of that time has passed."),
]


def headers_page() -> str:
    """Return the page."""
    check_uses([*SENT, *READ, *FETCHING], header_names())
    parts = [
        "# Headers",
        "The headers that apiroutes itself sends and reads. Headers that your handlers set are sent as well, "
        "and all headers of a request are in `req.headers`. Servers add some, such as `Date`.",
        "## Sent",
        _table(SENT),
        "## Read",
        "A header that is not listed here, such as `X-Forwarded-For` without `proxy_fix`, has no effect. "
        "`api_key(header=...)` reads the header that you name.",
        _table(READ),
        "## Of requests for keys",
        "`jwt(jwks_url=...)` fetches the keys of the issuer.",
        _table(FETCHING),
    ]
    return "\n\n".join(parts) + "\n"


def _table(uses: Iterable[Use]) -> str:
    return table(["header", "when"], [(code(use.header), prose(use.when)) for use in uses])


def check_uses(uses: Iterable[Use], found: dict[str, set[str]]) -> None:
    """Raise Undescribed unless the table and the source have the same headers in the same files."""
    left = {(name, file) for name, files in found.items() for file in files}
    for use in uses:
        covered = {
            (name, file)
            for name, file in _all(found)
            if name == use.header.lower() and file.startswith(tuple(use.files))
        }
        missing = [begin for begin in use.files if not any(file.startswith(begin) for _, file in covered)]
        if missing:
            raise Undescribed(f"{', '.join(missing)} has no header {use.header} any more")
        left -= covered
    if left:
        rest = ", ".join(f"{name} in {file}" for name, file in sorted(left))
        raise Undescribed(f"give these headers rows in tools/reference/headers.py: {rest}")


def _all(found: dict[str, set[str]]) -> Iterable[tuple[str, str]]:
    return ((name, file) for name, files in found.items() for file in files)
