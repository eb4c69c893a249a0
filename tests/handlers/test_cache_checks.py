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
from apiroutes import Depends, Session, needs_secret_key, security_scheme

SCHEME = {"type": "http", "scheme": "bearer"}

@security_scheme("bearer", SCHEME)
def user(req): return req.headers.get("Authorization")

@needs_secret_key
def session(req): return req.cookies.get("sid")

def cart(session: Session): return session["cart"]

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
        ("cart", ["cart"]),
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


@pytest.mark.parametrize(
    "parameters", ["session: Session", "req, s: Session, n: Annotated[str, Depends(page)]"]
)
def test_a_cached_handler_may_not_take_the_session(tmp_path: Path, parameters: str) -> None:
    source = f"from apiroutes import Session\nrevalidate = 60\ndef GET({parameters}): return 1\n"
    (problem,) = problems_of(tmp_path, route(source))
    assert (problem.file, problem.line) == (FILE, 6)
    assert problem.message == "`GET` is cached, and takes the session, which belongs to one client."


def test_the_chain_names_each_function_with_its_place(tmp_path: Path) -> None:
    source = "revalidate = 60\ndef GET(who: Annotated[str, Depends(name_of)]): return who\n"
    (problem,) = problems_of(tmp_path, route(source))
    ways = "`name_of` (FILE:16) -> `user` (FILE:8).".replace("FILE", str(tmp_path / "pages/api/_auth.py"))
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


# -- parameters of the query ---------------------------------------------------------------------

QUERY_HEAD = """
from dataclasses import dataclass
from typing import Annotated
import msgspec, pydantic
from apiroutes import Depends
class Filters(msgspec.Struct):
    q: str
    page: int = 1
class Renamed(msgspec.Struct, rename="camel"): page_size: int = 1
@dataclass
class Paging:
    page: int = 1
class Model(pydantic.BaseModel):
    page: int = pydantic.Field(1, alias="p")
def paging(page: int = 1): return page
def outer(inner: Annotated[int, Depends(paging)]): return inner
def whole(query: Filters): return query
"""
LINE = QUERY_HEAD.count("\n") + 1


def config_of(query: str) -> str:
    return f"config = {{'cache': {{'revalidate': 60, 'query': {query}}}}}\n"


# A handler's parameters, what its `query` lists, and the names that it never sees.
UNSEEN = [
    ("page: int", "[]", ["page"]),
    ("page: int = 1", "['q']", ["page"]),
    ("q: str, page: int = 1, sort: str = ''", "['q']", ["page", "sort"]),
    ("tags: list[str]", "['tag']", ["tags"]),
    ("query: Filters", "['q']", ["page"]),
    ("query: Filters", "[]", ["q", "page"]),
    ("query: Renamed", "['page_size']", ["pageSize"]),
    ("query: Paging", "['q']", ["page"]),
    ("query: Filters | None = None", "['q']", ["page"]),
    ("query: Model", "['q']", ["p"]),
    ("query: Model | None = None", "['q']", ["p"]),
    ("page: Annotated[int, pydantic.Field(alias='p')] = 1", "['q']", ["p"]),
]


@pytest.mark.parametrize("name", ["GET", "handler"])
@pytest.mark.parametrize(("parameters", "listed", "names"), UNSEEN)
def test_a_parameter_of_the_query_that_is_not_listed_is_refused(
    tmp_path: Path, parameters: str, listed: str, names: list[str], name: str
) -> None:
    source = f"{QUERY_HEAD}def {name}({parameters}): return 1\n{config_of(listed)}"
    (problem,) = problems_of(tmp_path, {FILE: source})
    assert (problem.file, problem.line) == (FILE, LINE)
    assert problem.message.startswith(f"`{name}` takes {' and '.join(map(repr, names))} from the query, ")
    assert f"config.cache.query is {listed}" in problem.message
    for parameter in names:
        assert f'"{parameter}"' in problem.remedy.partition("[")[2].partition("]")[0]


@pytest.mark.parametrize(
    ("dependency", "listed", "named", "names"),
    [
        ("paging", "['q']", "paging", ["page"]),
        ("outer", "[]", "paging", ["page"]),
        ("whole", "['page']", "whole", ["q"]),
        ("Paging", "['q']", "Paging", ["page"]),
    ],
)
def test_one_of_a_dependency_is_refused_too(
    tmp_path: Path, dependency: str, listed: str, named: str, names: list[str]
) -> None:
    handler = f"def GET(value: Annotated[int, Depends({dependency})]): return 1\n"
    (problem,) = problems_of(tmp_path, {FILE: QUERY_HEAD + handler + config_of(listed)})
    assert (problem.file, problem.line) == (FILE, LINE)
    assert problem.message.startswith(f"`GET` is cached, and `{named}` (")
    assert f"takes {' and '.join(map(repr, names))} from the query" in problem.message


def test_the_remedy_lists_all_that_is_missing(tmp_path: Path) -> None:
    handler = "def GET(q: str, value: Annotated[int, Depends(paging)]): return 1\n"
    problems = problems_of(tmp_path, {FILE: QUERY_HEAD + handler + config_of("['sort']")})
    assert len(problems) == 2
    assert all('`"query": ["sort", "q", "page"]`' in problem.remedy for problem in problems)


@pytest.mark.parametrize("dynamic", ["force-static", "error"])
@pytest.mark.parametrize(
    ("revalidate", "written"),
    [
        ("", "False"),
        ("revalidate = 60\n", "60"),
        ("revalidate = 0.5\n", "0.5"),
        ("revalidate = 31_536_000\n", "31536000"),
    ],
)
def test_one_of_a_static_route_is_refused(
    tmp_path: Path, dynamic: str, revalidate: str, written: str
) -> None:
    source = f"dynamic = {dynamic!r}\ndef GET(page: int = 1): return 1\n{revalidate}"
    (problem,) = problems_of(tmp_path, {FILE: source})
    assert (problem.file, problem.line) == (FILE, 2)
    assert "'page' from the query" in problem.message
    assert f"`dynamic` is {dynamic!r}" in problem.message
    assert f'{{"revalidate": {written}, "query": ["page"]}}' in problem.remedy


@pytest.mark.parametrize(
    "source",
    [
        "def GET(page: int, q: str = ''): return 1\n" + config_of("['page', 'q']"),
        "def GET(page: int): return 1\nrevalidate = 60\n",
        "def GET(query: Filters): return 1\n" + config_of("['page', 'q']"),
        "def GET(query: dict[str, str]): return 1\n" + config_of("['page', 'q']"),
        "def GET(query: Model): return 1\n" + config_of("['p']"),
        "def GET(query, req): return 1\n" + config_of("[]"),
        "def GET(value: Annotated[int, Depends(outer)]): return 1\n" + config_of("['page']"),
        "dependencies = [Depends(outer)]\ndef GET(): return 1\n" + config_of("[]"),  # outside of the cache
        "def GET(): return 1\ndef POST(page: int): return 1\n" + config_of("[]"),
        "def GET(page: int): return 1\ndynamic = 'force-dynamic'\n",
    ],
)
def test_what_the_handler_sees_of_the_query_is_right(tmp_path: Path, source: str) -> None:
    App(project(tmp_path, {FILE: QUERY_HEAD + source}))


def test_a_parameter_of_the_path_is_none_of_the_query(tmp_path: Path) -> None:
    source = "def GET(id: int): return 1\ndynamic = 'force-static'\n"
    App(project(tmp_path, {"pages/api/[id].py": source}))


# -- `@cached` -----------------------------------------------------------------------------------

CACHED_HEAD = "from apiroutes import cached, use\ndef step(req, res, next): return next()\n"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("@cached\ndef GET(): return 1\n", "GET"),
        ("@cached(revalidate=60)\ndef GET(id: int = 1): return 1\n", "GET"),
        ("@cached\nasync def GET(): return 1\n", "GET"),
        ("@cached\ndef POST(body: dict): return 1\n", "POST"),
        ("@cached\ndef handler(): return 1\n", "handler"),
        ("@use(step)\n@cached\ndef GET(): return 1\n", "GET"),
        ("@cached\ndef load(): return 1\nGET = load\n", "GET"),
    ],
)
def test_a_handler_may_not_be_a_cached_function(tmp_path: Path, source: str, name: str) -> None:
    (problem,) = problems_of(tmp_path, {FILE: CACHED_HEAD + source})
    assert (problem.file, problem.line) == (FILE, 3)
    assert problem.message.startswith(f"`{name}` has `@cached`, ")
    assert problem.remedy.startswith(f"Put `@cached` on a function that `{name}` calls")
    assert ("`revalidate = 60`" in problem.remedy) is (name != "POST")


@pytest.mark.parametrize(
    "source",
    [
        "@cached\ndef load(): return 1\ndef GET(): return load()\n",
        "@cached\ndef load(): return 1\nGET = load.uncached\n",
        "@cached\ndef _GET(): return 1\ndef GET(): return _GET()\n",
    ],
)
def test_a_cached_function_that_a_handler_calls_is_right(tmp_path: Path, source: str) -> None:
    App(project(tmp_path, {FILE: CACHED_HEAD + source}))
