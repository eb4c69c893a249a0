"""A project with mistakes of a new user, for the tests and the pictures of the development server's pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from apiroutes.development.application import load_application
from tests.support import WSGIApplication, project

FILES = {
    "pages/api/_middleware.py": '''
def require_user(request, response, next):
    """Let requests through that say who sends them."""
    request.context["user"] = {"name": request.headers.get("X-User", "somebody")}
    next()


middleware = [require_user]
''',
    "pages/api/orders/index.py": '''
from apiroutes import json, use
from lib import store


def count_requests(request, response, next):
    store.count("orders")
    next()


@use(count_requests)
async def POST(request):
    """Place an order."""
    data = await request.json()
    order = store.add(data["items"])
    return json({"id": order["id"]}, status=201)


def GET():
    """All orders."""
    return store.orders
''',
    "pages/api/orders/[id].py": '''
from lib import store


def GET(params):
    """One order with its total."""
    order = store.find(params["id"])
    return {**order, "total": store.total(order)}
''',
    "pages/api/orders/[id]/items.py": "def GET(params):\n    return []\n",
    "pages/api/users/index.py": "def GET():\n    return []\n\n\ndef POST(body):\n    return body\n",
    "pages/api/users/[id].py": "def GET(id: int):\n    return id\n\n\ndef DELETE(id: int):\n    return {}\n",
    "pages/api/reports/[...path].py": "def GET(path):\n    return path\n",
    "lib/store.py": '''
import json

orders = [{"id": "1", "items": {"pencil": "2", "paper": "many"}}]
requests = {}


class StoreError(Exception):
    """The store has something that cannot be."""


def count(name):
    requests[name] = requests.get(name, 0) + 1


def find(identifier):
    return next((order for order in orders if order["id"] == identifier), None)


def add(items):
    orders.append({"id": str(len(orders) + 1), "items": items})
    return orders[-1]


def total(order):
    try:
        return sum(map(int, order["items"].values()))
    except ValueError as error:
        error.add_note(f"in the order {order['id']}")
        raise StoreError("an order has an amount that is not a number") from error
''',
}
FILES = {name: source.lstrip("\n") for name, source in FILES.items()}
BROKEN = {
    "pyproject.toml": "[tool.apiroutes]\nprot = 8000\n",
    "pages/api/new.py": "def GET(request)\n    return {'hello': 'world'}\n",
    "pages/api/prices.py": 'config = {"api": {"bodyparser": False}}\n\n\ndef get(req, res):\n    return []\n',
    "pages/api/[id.py": "def GET():\n    return []\n",
}


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


@contextmanager
def serving(application: WSGIApplication) -> Iterator[str]:
    """Serve an application from a thread; yields its URL."""
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def application(root: Path, files: dict[str, str] | None = None) -> WSGIApplication:
    """Return what `apiroutes dev` serves for a project, with further files."""
    return load_application(project(root, {**FILES, **(files or {})}), lambda line: None)
