"""A cached route whose answers come from credentials does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.start_reports import problems_of
from tests.support import project

FILE = "pages/api/x.py"
AUTH = """
from functools import partial
from typing import Annotated
from apiroutes import Depends, needs_secret_key, security_scheme

SCHEME = {"type": "http", "scheme": "bearer"}

@security_scheme("bearer", SCHEME)
def user(req): return req.headers.get("Authorization")

@needs_secret_key
def session(req): return req.cookies.get("sid")

def name_of(value: Annotated[str, Depends(user)]): return value

def greeting(a: Annotated[str, Depends(name_of)], b: Annotated[str, Depends(name_of)]): return a

def page(req): return req.query.get("page")

class Reader:
    @security_scheme("bearer", SCHEME)
    def __call__(self, req): return req.headers.get("Authorization")

class Heir(Reader): ...

class Signer:
    @needs_secret_key
    def __call__(self, req): return req.cookies.get("sid")

class HeirOfSigner(Signer): ...

class Client:
    @security_scheme("bearer", SCHEME)
    def read(self, req): return 1

reader, heir, signer, client = Reader(), Heir(), HeirOfSigner(), Client()
async_user = security_scheme("bearer", SCHEME)(lambda: 1)
"""

HEAD = "from typing import Annotated\nfrom apiroutes import Depends\nfrom ._auth import *\n"


def route(source: str) -> dict[str, str]:
    return {"pages/api/_auth.py": AUTH, FILE: HEAD + source}


@pytest.mark.parametrize(
    ("dependency", "chain"),
    [
        ("user", ["user"]),
        ("session", ["session"]),
        ("name_of", ["name_of", "user"]),
        ("greeting", ["greeting", "name_of", "user"]),
        ("reader", ["Reader"]),
        ("heir", ["Heir"]),
        ("signer", ["HeirOfSigner"]),
        ("client.read", ["Client.read"]),
        ("partial(user)", ["user"]),
    ],
)
@pytest.mark.parametrize("name", ["GET", "handler"])
def test_a_cached_handler_may_not_take_a_value_that_comes_from_credentials(
    tmp_path: Path, name: str, dependency: str, chain: list[str]
) -> None:
    source = f"revalidate = 60\ndef {name}(who: Annotated[str, Depends({dependency})]): return who\n"
    (problem,) = problems_of(tmp_path, route(source))
    assert (problem.file, problem.line) == (FILE, 5)
    assert problem.message.startswith(f"`{name}` is cached, and `who` comes from credentials: ")
    ways = problem.message.partition(": ")[2].split(" -> ")
    assert len(ways) == len(chain)
    for way, named in zip(ways, chain):
        assert named in way
    assert f"dependencies = [Depends({chain[0]})]" in problem.remedy


def test_the_chain_names_each_function_with_its_place(tmp_path: Path) -> None:
    source = "revalidate = 60\ndef GET(who: Annotated[str, Depends(name_of)]): return who\n"
    (problem,) = problems_of(tmp_path, route(source))
    ways = "`name_of` (FILE:14) -> `user` (FILE:8).".replace("FILE", str(tmp_path / "pages/api/_auth.py"))
    assert problem.message.endswith(ways)


@pytest.mark.parametrize(
    "source",
    [
        "def GET(who: Annotated[str, Depends(user)]): return who\n",  # it is not cached
        "revalidate = 60\ndependencies = [Depends(user)]\ndef GET(): return 1\n",
        "revalidate = 60\ndependencies = [Depends(greeting)]\n"
        "def GET(number: Annotated[str, Depends(page)]): return number\n",
        "revalidate = 60\ndef GET(): return 1\ndef POST(who: Annotated[str, Depends(user)]): return who\n",
        "revalidate = 60\n@needs_secret_key\ndef GET(): return 1\n",
    ],
)
def test_credentials_outside_of_the_cache_are_right(tmp_path: Path, source: str) -> None:
    App(project(tmp_path, route(source)), secret_key="0123456789abcdefghijklmnopqrstuvwxyz-.")


def test_a_guard_whose_value_is_taken_as_well_is_refused(tmp_path: Path) -> None:
    source = (
        "revalidate = 60\ndependencies = [Depends(user)]\n"
        "def GET(who: Annotated[str, Depends(user)]): return who\n"
    )
    (problem,) = problems_of(tmp_path, route(source))
    assert "`who` comes from credentials" in problem.message


def test_each_parameter_is_reported(tmp_path: Path) -> None:
    source = (
        "revalidate = 60\n"
        "def GET(a: Annotated[str, Depends(user)], b: Annotated[str, Depends(name_of)]): return a\n"
    )
    assert len(problems_of(tmp_path, route(source))) == 2


def test_a_cached_handler_that_checks_credentials_itself_is_refused(tmp_path: Path) -> None:
    source = 'revalidate = 60\n@security_scheme("bearer", SCHEME)\ndef GET(): return 1\n'
    (problem,) = problems_of(tmp_path, route(source))
    assert (problem.file, problem.line) == (FILE, 5)
    assert "checks credentials itself" in problem.message
    assert "middleware" in problem.remedy
