"""Files under `pages/api/` are HTTP endpoints: a WSGI request-handler framework.

from apiroutes import App

app = App("path/to/project")        # or: gunicorn 'apiroutes:create_app()'
"""

from apiroutes.app import App
from apiroutes.errors import ApiError, Problem, ProjectError, ResponseSentError
from apiroutes.factory import create_app
from apiroutes.request import Request
from apiroutes.response import Response, is_local
from apiroutes.settings import Settings
from apiroutes.version import __version__

__all__ = [
    "ApiError",
    "App",
    "Problem",
    "ProjectError",
    "Request",
    "Response",
    "ResponseSentError",
    "Settings",
    "__version__",
    "create_app",
    "is_local",
]
