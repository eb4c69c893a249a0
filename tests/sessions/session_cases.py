"""For the tests of sessions: an App whose handler runs what it is sent, and a client that keeps cookies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apiroutes import App
from tests.support import Answer, Extra, call, project

KEY = "Zk3v9QpLr7Xw2Bn5Tc8Hd1Fg4Jm6Ys0A"
OTHER_KEY = "b1946ac92492d2347c6235b4d2611184"

# Runs the lines of the body: `session` is touched by the first of them that has it.
RUN = """
from apiroutes import ApiError

class Names(dict):
    def __init__(self, req, res):
        self.update(req=req, res=res, ApiError=ApiError)
    def __missing__(self, name):
        if name != "session":
            raise KeyError(name)
        return self["req"].session

def POST(req, res):
    names = Names(req, res)
    exec(req.raw_body.decode(), names)
    return names.get("result", {})

def GET(req, res):
    return {"values": dict(req.session), "owner": req.session.owner, "is_new": req.session.is_new}
"""


def app_with(root: Path, options: str = "", files: dict[str, str] | None = None, **settings: Any) -> App:
    """An App whose routes have sessions with these options."""
    source = f"from apiroutes.middleware import sessions\nmiddleware = [sessions({options})]\n"
    root = project(root, {"middleware.py": source, "pages/api/x.py": RUN, **(files or {})})
    return App(root, **settings) if "store=" in options else App(root, **{"secret_key": KEY, **settings})


class Browser:
    """A client that keeps cookies by name, and sends them with each request."""

    def __init__(self, app: App, scheme: str = "http") -> None:
        self.app = app
        self.scheme = scheme
        self.cookies: dict[str, str] = {}

    def run(self, code: str, **request: Any) -> Answer:
        """Have the handler run some lines."""
        return self.call("POST", body=code.encode(), **request)

    def read(self) -> Any:
        """Return what the session has."""
        return self.call("GET").json()

    def values(self) -> Any:
        return self.read()["values"]

    def call(self, method: str = "GET", target: str = "/api/x", **request: Any) -> Answer:
        header = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = [*request.pop("headers", ()), *([("Cookie", header)] if header else [])]
        answer = call(self.app, method, target, headers, **request, **Extra({"wsgi.url_scheme": self.scheme}))
        for line in answer.all("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line.split("; "):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer
