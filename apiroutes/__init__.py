"""A WSGI framework: files under `pages/api/`, `app/api/` or `routes/api*` are HTTP endpoints.

from apiroutes import App

app = App("path/to/project")        # or: gunicorn 'apiroutes:create_app()'
"""

from werkzeug.datastructures import FileStorage as UploadFile

from apiroutes.after_response import after, notice_imports
from apiroutes.app import App
from apiroutes.cache import RevalidationError, cached, revalidate_path, revalidate_tag
from apiroutes.errors import (
    ApiError,
    InvalidRequest,
    LifespanError,
    MaxDurationExceeded,
    Problem,
    ProjectError,
    ResponseSentError,
)
from apiroutes.handlers import Depends, file_route, security_scheme, use
from apiroutes.http import Event, comment, is_local
from apiroutes.marks import needs_secret_key
from apiroutes.middleware import from_wsgi
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.results import EventStream, event_stream, file, html, json, redirect, stream, text
from apiroutes.security import (
    hash_password,
    hash_password_async,
    needs_rehash,
    verify_password,
    verify_password_async,
)
from apiroutes.servers.factory import create_app, create_asgi_app
from apiroutes.session import Session
from apiroutes.settings import Settings
from apiroutes.version import __version__
from apiroutes.written_middleware import Middleware, Next

__all__ = [
    "ApiError",
    "App",
    "Depends",
    "Event",
    "EventStream",
    "InvalidRequest",
    "LifespanError",
    "MaxDurationExceeded",
    "Middleware",
    "Next",
    "Problem",
    "ProjectError",
    "Request",
    "Response",
    "ResponseSentError",
    "RevalidationError",
    "Session",
    "Settings",
    "UploadFile",
    "__version__",
    "after",
    "cached",
    "comment",
    "create_app",
    "create_asgi_app",
    "event_stream",
    "file",
    "file_route",
    "from_wsgi",
    "hash_password",
    "hash_password_async",
    "html",
    "is_local",
    "json",
    "needs_rehash",
    "needs_secret_key",
    "redirect",
    "revalidate_path",
    "revalidate_tag",
    "security_scheme",
    "stream",
    "text",
    "use",
    "verify_password",
    "verify_password_async",
]


notice_imports(__name__, "after", "cached", "revalidate_path", "revalidate_tag")
