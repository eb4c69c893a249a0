"""Projects with an instrumentation.py that notes what happens to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apiroutes import App
from tests.support import project

# For instrumentation.py: notes a word in the file `seen`.
SEE = """
from pathlib import Path
def see(word):
    with Path(__file__).with_name("seen").open("a") as file:
        file.write(f"{word}\\n")
"""

# `register` in each of its forms, with what handlers find then, and what is seen at the end.
FORMS = {
    "function": ("def register():\n    see('start')\n    return {'a': 1}\n", ["start"]),
    "coroutine": ("async def register():\n    see('start')\n    return {'a': 1}\n", ["start"]),
    "generator": (
        "def register():\n    see('start')\n    yield {'a': 1}\n    see('end')\n",
        ["start", "end"],
    ),
    "async generator": (
        "async def register():\n    see('start')\n    yield {'a': 1}\n    see('end')\n",
        ["start", "end"],
    ),
}

ROUTES = {
    "pages/api/x.py": "def GET(req): return dict(req.app)\n",
    "pages/api/async.py": "async def GET(req): return dict(req.app)\n",
    "pages/api/fault.py": "def GET(req): raise LookupError('of the handler')\n",
}


def app_with(root: Path, instrumentation: str, routes: dict[str, str] | None = None, **settings: Any) -> App:
    """An App of a project with this instrumentation.py, which has `see`."""
    files = {**ROUTES, **(routes or {}), "instrumentation.py": SEE + instrumentation}
    return App(project(root, files), **settings)


def seen(root: Path) -> list[str]:
    """The words that have been noted."""
    file = root / "seen"
    return file.read_text().split("\n")[:-1] if file.exists() else []
