"""What comes of a response and its dependencies: the same for plain and async code, over WSGI and ASGI."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from apiroutes import App
from tests.exits.cases import CASES, MIDDLEWARE, SESSION, Case, exchanged
from tests.exits.support import seen_in, through
from tests.support import project

KINDS = list(itertools.product(("", "async "), ("", "async "), MIDDLEWARE, ("wsgi", "asgi")))


@pytest.mark.parametrize(
    ("handler", "session", "middleware", "interface"),
    KINDS,
    ids=[
        f"{'async' if a else 'plain'} handler-{'async' if b else 'plain'} session-{c}-{d}"
        for a, b, c, d in KINDS
    ],
)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_dependency_ends_with_the_response(
    tmp_path: Path, case: Case, handler: str, session: str, middleware: str, interface: str
) -> None:
    source = SESSION.replace("ASYNC ", session)
    method = "GET" if case.method == "HEAD" else case.method
    source += f"{handler}def {method}({case.parameters}):\n    {case.line}\n"
    files = {"pages/api/x.py": source}
    if MIDDLEWARE[middleware]:
        files["pages/api/_middleware.py"] = MIDDLEWARE[middleware]
    app = App(project(tmp_path, files))
    status, content = exchanged(through(app, interface), case)
    assert status == case.status
    if case.status != 422:
        assert content == case.content
    seen = seen_in(app)
    if case.reads is not None:  # a server may have taken more chunks than the client
        seen = [note for note in seen if len(note) > 1 or note in case.content]
    assert seen == case.seen.split()
