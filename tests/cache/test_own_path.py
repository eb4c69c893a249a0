from __future__ import annotations

from pathlib import Path

import pytest

from tests.cache.revalidation_cases import INTERFACES, KINDS, Served, served

# A cached route; GET answers how often it has run.
ROUTE = """
revalidate = 60
count = 0
def GET(req, res):
    global count
    count += 1
    return {"n": count}
"""
# Code of a project's own, which ends after the handler.
MIDDLEWARE = """
def middle(req, res, next):
    next()
    if req.method != "GET":
        note("commit")
    if "status" in req.query:
        res.status(int(req.query["status"]))
middleware = [middle]
"""
NAME = "path:/api/x"


def cached(
    root: Path, lines: list[str], interface: str = "wsgi", kind: str = "def", method: str = "POST"
) -> Served:
    """Return an App whose cached route /api/x has another method, with these lines."""
    handler = "\n    ".join([f"{ROUTE}{kind} {method}(req, res):", *lines])
    if method == "handler":
        handler = handler.replace("def GET", "def get")
    return served(root, handler, interface, files={"pages/api/_middleware.py": MIDDLEWARE})


def count_of(app: Served) -> int:
    n: int = app.call("GET").json()["n"]
    return n


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_unsafe_method_revalidates_its_path(
    tmp_path: Path, interface: str, kind: str, method: str
) -> None:
    app = cached(tmp_path, ["note('handler')", "return {}"], interface, kind, method)
    assert (count_of(app), count_of(app)) == (1, 1)
    del app.events[:]
    assert app.call(method).status == 200
    assert app.events == ["handler", NAME, "commit", NAME, "sent 200"]
    assert count_of(app) == 2


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("POST", [NAME, NAME]),
        ("PURGE", [NAME, NAME]),
        ("QUERY", [NAME, NAME]),
        ("GET", []),
        ("HEAD", []),
        ("OPTIONS", []),
        ("TRACE", []),
        ("CONNECT", []),
    ],
)
def test_a_handler_of_all_methods_revalidates_in_unsafe_ones(
    tmp_path: Path, method: str, names: list[str]
) -> None:
    app = cached(tmp_path, ["return {}"], method="handler")
    app.call(method)
    assert [event for event in app.events if event == NAME] == names


@pytest.mark.parametrize(
    ("lines", "query", "events"),
    [
        (["return res.status(201).json({})"], "", [NAME, "commit", NAME, "sent 201"]),
        (["return res.status(204)"], "", [NAME, "commit", NAME, "sent 204"]),
        (["return res.redirect(303, '/api/y')"], "", [NAME, "commit", NAME, "sent 303"]),
        (["return res.status(400).json({})"], "", ["commit", "sent 400"]),
        (["return res.status(503).json({})"], "", ["commit", "sent 503"]),
        (["return {}"], "?status=400", [NAME, "commit", NAME, "sent 400"]),
        (["return res.status(400).json({})"], "?status=200", ["commit", NAME, "sent 200"]),
        (["raise ApiError(404)"], "", ["sent 404"]),
        (["raise ValueError()"], "", ["sent 500"]),
        (["return iter([b'a'])"], "", [NAME, "commit", NAME, "sent 200"]),
    ],
)
@pytest.mark.parametrize("interface", INTERFACES)
def test_the_status_of_the_handler_or_the_one_that_is_sent_decides(
    tmp_path: Path, lines: list[str], query: str, events: list[str], interface: str
) -> None:
    app = cached(tmp_path, lines, interface)
    app.call("POST", f"/api/x{query}")
    assert app.events == events


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("failure", "status"), [("raise ValueError()", 500), ("raise ApiError(409)", 409)])
def test_a_path_is_revalidated_although_middleware_fails_afterwards(
    tmp_path: Path, failure: str, status: int, kind: str, interface: str
) -> None:
    """It may have failed after a commit."""
    middleware = (
        f"def middle(req, res, next):\n    next()\n    note('commit')\n    {failure}\nmiddleware = [middle]\n"
    )
    handler = f"{ROUTE}def POST(req, res):\n    return {{}}"
    app = served(tmp_path, handler, interface, kind, files={"pages/api/_middleware.py": middleware})
    app.call("POST")
    assert app.events == [NAME, "commit", NAME, f"sent {status}"]


@pytest.mark.parametrize("interface", INTERFACES)
def test_what_is_written_revalidates_before_the_first_byte(tmp_path: Path, interface: str) -> None:
    app = cached(tmp_path, ["res.write('a')", "note('wrote')", "res.end()"], interface)
    app.call()
    assert [event for event in app.events if event != "sent 200"] == [NAME, "wrote", NAME, "commit"]


def test_a_path_that_the_handler_revalidates_itself_is_repeated_once(tmp_path: Path) -> None:
    app = cached(tmp_path, ["res.revalidate('/api/x')", "return res.status(202).json({})"])
    app.call()
    assert app.events == [NAME, NAME, "commit", NAME, "sent 202"]


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_store_that_fails_makes_the_answer_a_500(tmp_path: Path, interface: str) -> None:
    app = cached(tmp_path, ["return {}"], interface)
    app.store.fails = True
    assert app.call().status == 500


def test_a_store_that_works_again_when_the_head_leaves_is_enough(tmp_path: Path) -> None:
    middleware = "def middle(req, res, next):\n    next()\n    recover()\nmiddleware = [middle]"
    handler = f"{ROUTE}def POST(req, res):\n    fail()\n    return {{}}"
    app = served(tmp_path, handler, files={"pages/api/_middleware.py": middleware})
    assert app.call().status == 200
    assert app.events == ["refused", NAME, "sent 200"]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/api/x%20y", "path:/api/x%20y"),
        ("/api/a%2Fb", "path:/api/a%2Fb"),
        ("/api/%C3%A4", "path:/api/%C3%A4"),
    ],
)
def test_the_path_is_the_canonical_one(tmp_path: Path, target: str, name: str) -> None:
    files = {"pages/api/[id].py": f"{ROUTE}def POST(req, res):\n    return {{}}"}
    app = served(tmp_path, "def GET(): return {}", files=files)
    app.call("POST", target)
    assert app.events == [name, name, "sent 200"]


def test_a_route_without_a_cache_revalidates_nothing(tmp_path: Path) -> None:
    app = served(tmp_path, "def POST(req, res):\n    return {}")
    app.call()
    assert app.events == ["sent 200"]
