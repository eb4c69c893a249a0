"""Files under `pages/api/`, `app/api/` or `routes/api*` are HTTP endpoints: a WSGI framework.

from apiroutes import App

app = App("path/to/project")        # or: gunicorn 'apiroutes:create_app()'
"""

from werkzeug.datastructures import FileStorage as UploadFile

from apiroutes.answers import event_stream, file, html, json, redirect, stream, text
from apiroutes.app import App
from apiroutes.declarations import file_route, security_scheme, use
from apiroutes.errors import ApiError, MaxDurationExceeded, Problem, ProjectError, ResponseSentError
from apiroutes.events import Event, comment
from apiroutes.factory import create_app
from apiroutes.middleware import from_wsgi
from apiroutes.request import Request
from apiroutes.response import Response, is_local
from apiroutes.settings import Settings
from apiroutes.version import __version__

__all__ = [
    "ApiError",
    "App",
    "Event",
    "MaxDurationExceeded",
    "Problem",
    "ProjectError",
    "Request",
    "Response",
    "ResponseSentError",
    "Settings",
    "UploadFile",
    "__version__",
    "comment",
    "create_app",
    "event_stream",
    "file",
    "file_route",
    "from_wsgi",
    "html",
    "is_local",
    "json",
    "redirect",
    "security_scheme",
    "stream",
    "text",
    "use",
]
