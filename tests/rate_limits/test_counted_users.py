"""Limits by user: sessions have users too, and where nobody can have signed in the start says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App, ProjectError
from apiroutes.testing import Client
from tests.support import app_of, project

SESSIONS = "from apiroutes.middleware import rate_limit, sessions\n"
IN_SESSIONS = {
    "project": {
        "middleware.py": SESSIONS + "middleware = [sessions({store}), rate_limit('2/hour', by='user')]\n"
    },
    "config": {"middleware.py": SESSIONS + "middleware = [sessions({store})]\n"},
}
ROUTE = "config = {'rateLimit': {'limit': '2/hour', 'by': 'user'}}\n"
WHO = "def GET(req): return req.session.owner\n"


@pytest.mark.parametrize("store", ["", "store='memory'", "store='sqlite'"])
@pytest.mark.parametrize("place", IN_SESSIONS)
def test_the_owner_of_a_session_is_a_user(tmp_path: Path, place: str, store: str) -> None:
    files = {name: text.format(store=store) for name, text in IN_SESSIONS[place].items()}
    files["pages/api/x.py"] = (ROUTE if place == "config" else "") + WHO
    app = App(project(tmp_path, files), rate_limit_store="memory", mode="development")
    clients = {owner: Client(app) for owner in ("ada", "bob")}
    for owner, client in clients.items():
        with client.session() as session:
            session.rotate(owner=owner)
    owners = ["ada", "ada", "bob", "ada", "bob"]
    found = [clients[owner].get("/api/x").status_code for owner in owners]
    assert found == [200, 200, 200, 429, 200]


NAMES = """
from typing import Annotated
from apiroutes import Depends, use
from apiroutes.middleware import api_key, bearer, rate_limit, request_id, require, sessions
current_user = bearer(lambda token: token)
def own(req, res, next):
    return next()
def find(req): return 'ada'
by_user = rate_limit('1/hour', by='user')
"""
HANDLER = "def GET(req): ...\n"
BEHIND = "`rate_limit` counts by user, but runs before every step that signs in: it would count by address."
TO_PUT = "Put `current_user`, or `sessions()`, before it."
AS_STEP = "Write `middleware = [current_user]`: dependencies are called after limits."
REFUSED = [
    ("middleware = [by_user]\n" + HANDLER, TO_PUT),
    ("middleware = [rate_limit('1/hour', by='key')]\n" + HANDLER, TO_PUT),
    ("middleware = [request_id(), by_user, current_user]\n" + HANDLER, TO_PUT),
    ("middleware = [by_user, sessions(store='memory')]\n" + HANDLER, TO_PUT),
    ("@use(by_user)\n" + HANDLER, TO_PUT),
    ("config = {'rateLimit': {'limit': '1/hour', 'by': 'user'}}\n" + HANDLER, TO_PUT),
    ("middleware = [by_user]\ndependencies = [Depends(current_user)]\n" + HANDLER, AS_STEP),
    ("@use(by_user)\ndef GET(user: Annotated[str, Depends(current_user)]): ...\n", AS_STEP),
    ("@use(by_user)\ndef GET(user: Annotated[str, Depends(find)]): ...\n", TO_PUT),
]
STARTED = [
    "middleware = [current_user, by_user]\n" + HANDLER,
    "middleware = [sessions(store='memory'), by_user]\n" + HANDLER,
    "middleware = [own, by_user]\n" + HANDLER,
    "middleware = [require(lambda user: True, user=current_user), by_user]\n" + HANDLER,
    "middleware = [current_user]\n@use(by_user)\n" + HANDLER,
    "middleware = [current_user, by_user]\ndependencies = [Depends(current_user)]\n" + HANDLER,
    "middleware = [rate_limit('1/hour')]\n" + HANDLER,
    "middleware = [rate_limit('1/hour', by=lambda req: 'all')]\n" + HANDLER,
]


@pytest.mark.parametrize(("source", "remedy"), REFUSED)
def test_a_limit_that_no_user_reaches_stops_the_start(tmp_path: Path, source: str, remedy: str) -> None:
    with pytest.raises(ProjectError) as raised:
        app_of(tmp_path, NAMES + source)
    assert [(problem.file, problem.message, problem.remedy) for problem in raised.value.problems] == [
        ("pages/api/x.py", BEHIND, remedy)
    ]


@pytest.mark.parametrize("source", STARTED)
def test_a_limit_behind_whatever_may_sign_in_starts(tmp_path: Path, source: str) -> None:
    assert app_of(tmp_path, NAMES + source)


def test_a_limit_of_many_routes_is_told_once(tmp_path: Path) -> None:
    files = {f"pages/api/{name}.py": HANDLER for name in "abc"}
    files["pages/api/_middleware.py"] = NAMES + "middleware = [by_user]\n"
    with pytest.raises(ProjectError) as raised:
        App(project(tmp_path, files))
    assert [problem.message for problem in raised.value.problems] == [BEHIND]
