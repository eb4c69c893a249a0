"""The built-in middleware, one factory each; this room answers in place of a handler only to refuse."""

from apiroutes.middleware.access_log import access_log
from apiroutes.middleware.cors import cors
from apiroutes.middleware.log_context import log_context
from apiroutes.middleware.proxy_fix import proxy_fix
from apiroutes.middleware.request_id import request_id
from apiroutes.middleware.security_headers import security_headers
from apiroutes.middleware.trusted_hosts import trusted_hosts
from apiroutes.middleware.wsgi_bridge import from_wsgi
from apiroutes.rate_limits import rate_limit
from apiroutes.security import (
    any_of,
    api_key,
    basic,
    bearer,
    csrf,
    jwt,
    require,
    session_user,
    webhook,
)
from apiroutes.sessions import sessions

__all__ = [
    "access_log",
    "any_of",
    "api_key",
    "basic",
    "bearer",
    "cors",
    "csrf",
    "from_wsgi",
    "jwt",
    "log_context",
    "proxy_fix",
    "rate_limit",
    "request_id",
    "require",
    "security_headers",
    "session_user",
    "sessions",
    "trusted_hosts",
    "webhook",
]
