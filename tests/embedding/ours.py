"""Our part of every combination: a project of routes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import project

# The entries of the environ that the frameworks' applications show.
SHOWN = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "RAW_URI", "CONTENT_TYPE")

_THEIRS = """
from tests.embedding.{module} import site

application = site()


def handler(req, res):
    return application
"""

_UNPARSED = 'config = {"api": {"bodyParser": False}}\n'

# It yields twice and records that it was closed.
_TICKS = """
from pathlib import Path

from apiroutes import event_stream


def ticks():
    try:
        yield "tick"
        yield "tock"
    finally:
        with (Path(__file__).parent / "closed").open("a") as file:
            file.write("closed")


def GET():
    return event_stream(ticks())
"""

_FILES = {
    "pages/api/hello.py": "def GET():\n    return {'message': 'Hello from ours'}\n",
    "pages/api/echo.py": "def POST(req, body):\n    return {'ours': body, 'root': req.script_root}\n",
    "pages/api/users/[id].py": "def GET(params):\n    return params\n",
    "pages/api/cookies.py": (
        "def GET(req, res):\n    res.set_cookie('first', '1').set_cookie('second', '2').json(req.cookies)\n"
    ),
    "pages/api/ticks.py": _TICKS,
}


def write(root: Path, module: str) -> Path:
    """Write the project; a handler of it returns the application of `module`."""
    theirs = _THEIRS.format(module=module)
    files = {"pages/api/theirs/[...path].py": theirs, "pages/api/theirs/unparsed.py": _UNPARSED + theirs}
    return project(root, {**_FILES, **files})


def shown(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    """Return the request as a framework's application shows it."""
    return {**{name: environ.get(name) for name in SHOWN}, "body": body.decode()}
