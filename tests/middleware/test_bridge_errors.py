"""What is wrong with WSGI middleware is said by its class, its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.start_reports import problems_of
from tests.support import HELLO, call, project

CLASS = (
    "class Secure:\n    def __init__(self, app): self.app = app\n    def __call__(self, environ, start): {}\n"
)
FUNCTION = "def secure(app):\n    def call(environ, start):\n        {}\n    return call\n"
INIT = "class Secure:\n    def __init__(self, app): self.app = app\n"

# of a middleware file: the source, the arguments of from_wsgi, and what is reported
AT_START = {
    ("", "3"): "from_wsgi cannot call 3",
    ("class Secure: ...\n", "Secure"): "`from_wsgi(Secure)` does not accept these arguments",
    (INIT, "Secure, 1"): "`from_wsgi(Secure)` (pages/api/_middleware.py:3) does not accept these arguments",
    (INIT, "Secure, x=1"): "It takes (app)",
    (INIT, "Secure"): "is not an application: write `def __call__(self, environ, start_response)`",
    (
        INIT + "    def __call__(self, environ): ...\n",
        "Secure",
    ): "takes (environ), not (environ, start_response)",
    (INIT + "    async def __call__(self, scope, receive, send): ...\n", "Secure"): "It is written for ASGI.",
    ("def secure(app): ...\n", "secure"): "`from_wsgi(secure)` (pages/api/_middleware.py:2) returned None",
}


@pytest.mark.parametrize(("source", "arguments"), AT_START)
def test_what_wraps_no_application_is_a_start_error(tmp_path: Path, source: str, arguments: str) -> None:
    lines = f"from apiroutes import from_wsgi\n{source}middleware = from_wsgi({arguments})\n"
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO, "pages/api/_middleware.py": lines})
    assert (problem.file, problem.line) == ("pages/api/_middleware.py", lines.count("\n"))
    assert AT_START[source, arguments] in problem.message
    assert problem.source == f"middleware = from_wsgi({arguments})"


# the body of the call: what is logged
AT_REQUEST = {
    "return []": "did not call start_response: call it with a status",
    "start('200 OK', [])": "returned None: return an iterable of bytes",
    "return start('OK', []) and []": "sent the status 'OK': send a status such as '200 OK'",
}


@pytest.mark.parametrize("body", AT_REQUEST)
@pytest.mark.parametrize(("source", "name", "line"), [(CLASS, "Secure", 3), (FUNCTION, "secure", 3)])
def test_a_fault_of_wsgi_middleware_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str, name: str, line: int, body: str
) -> None:
    inner = INIT.replace("Secure", "Inner") + "    def __call__(self, *args): return self.app(*args)\n"
    lines = f"from apiroutes import from_wsgi\n{source.format(body)}{inner}"
    lines += f"middleware = [from_wsgi(Inner), from_wsgi({name}), from_wsgi(Inner)]\n"
    assert (
        call(App(project(tmp_path, {"pages/api/x.py": HELLO, "pages/api/_middleware.py": lines}))).status
        == 500
    )
    (record,) = caplog.records
    place = f"{tmp_path}/pages/api/_middleware.py:{line}"
    assert f"`from_wsgi({name})` ({place}) {AT_REQUEST[body]}" in str(record.exc_text)
