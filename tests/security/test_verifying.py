"""Functions that say whose credentials these are: what they may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.start_reports import problems_of
from tests.support import HELLO, call, project

BEFORE = """
from functools import partial
from typing import Annotated
from apiroutes import Depends
from apiroutes.middleware import api_key, basic, bearer, jwt, require, session_user
KEY = "0123456789abcdefghijklmnopqrstuvwxyz"
def session(): return 1
DB = Annotated[int, Depends(session)]
def find(token: str, db: DB): ...
async def find_later(token: str, db: Annotated[int, Depends(session)]): ...
def find_by_name(token: str, *, db: DB = 1): ...
def find_by_request(token: str, req, db: DB = 1): ...
def find_by_default(token: str, db: int = Depends(session)): ...
def find_by_password(name: str, password: str, db: DB): ...
class Users:
    def __call__(self, token: str, db: DB): ...
    def find(self, token: str, db: DB): ...
"""
STEPS = [
    "bearer(find)",
    "bearer(find_later)",
    "bearer(find_by_name)",
    "bearer(find_by_request)",
    "bearer(find_by_default)",
    "bearer(Users())",
    "bearer(Users().find)",
    "bearer(partial(find))",
    "basic(find_by_password)",
    "api_key(find, header='X-Key')",
    "jwt(key=KEY, algorithms=['HS256'], audience=None, issuer=None, user=find)",
    "session_user(find)",
    "require(find)",
]


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"], ids=["types", "texts"])
@pytest.mark.parametrize("step", STEPS)
def test_a_dependency_that_nothing_would_fill_is_a_start_error(
    tmp_path: Path, step: str, future: str
) -> None:
    source = f"{future}{BEFORE}middleware = [{step}]\n"
    files = {"pages/api/x.py": HELLO, "pages/api/_middleware.py": source}
    (problem,) = problems_of(tmp_path, files)
    assert problem.line == source.count("\n")
    assert "has the dependency `db`, and nothing fills it" in problem.message
    assert "_middleware.py:" in problem.message


def test_a_name_for_type_checkers_alone_is_no_dependency(tmp_path: Path) -> None:
    source = (
        "from __future__ import annotations\n"
        "from apiroutes.middleware import bearer\n"
        "def find(token: str, req: Known) -> User: return req.method\n"
        "middleware = [bearer(find)]\n"
        "def GET(req): return req.context['user']\n"
    )
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    assert call(app, headers=[("Authorization", "Bearer a")]).text == "GET"
