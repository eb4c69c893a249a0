"""Results that cannot be sent, and responses that are given wrongly: the message tells what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.development.explainer import PageExplainer
from tests.support import app_of, call, project

# The coroutine is closed, so that Python does not warn of it as well.
FORGOTTEN = (
    "async def f(): return {{}}\nasync def GET():\n    found = f()\n"
    "    try: return found{}\n    finally: found.close()\n"
)

# the source of a route: what its record says
RESULTS = {
    "def GET(): return print\n": "pages/api/x.py:1 returned the function `print`: write `print()`",
    "def GET(): return [].append\n": "pages/api/x.py:1 returned the function `append`: write `append()`",
    "class A:\n    def f(self, a): pass\ndef GET(): return A().f\n": "returned the function `f`: write `f()`",
    "def f(): return 1\ndef GET(): return f\n": "pages/api/x.py:2 returned the function `f`: write `f()`",
    "class User: ...\ndef GET(): return User\n": "pages/api/x.py:2 returned the class `User`: write `User()`",
    "def GET(): return {}, 201\n": "json(..., status=...)",
    FORGOTTEN.format("['a']"): "'coroutine' object is not subscriptable: did you forget `await`?",
    FORGOTTEN.format(".name"): "has no attribute 'name': did you forget `await`?",
    "def GET(res):\n    res.json(1)\n    res.json(2)\n": "`return` after it",
    "def GET(res):\n    res.json(1)\n    res.status(201)\n": "set the status and headers before that",
}


@pytest.mark.parametrize("source", RESULTS)
def test_a_result_that_cannot_be_sent_is_logged_with_a_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    call(app_of(tmp_path, source))
    (record,) = caplog.records
    assert RESULTS[source] in str(record.exc_text)


# -- streams

STREAMS = {
    "def GET():\n    yield {'a': 1}\n": "not a dict, from `GET` ({file}:2)",
    "async def GET():\n    x = 1\n    yield 1\n": "not 1, from `GET` ({file}:3)",
    "def GET():\n    return ({'a': n} for n in range(2))\n": "not a dict, from `<genexpr>` ({file}:2)",
    "def GET():\n    return map(int, '12')\n": "not 1, from map",
    "def GET():\n    yield ['x' * 100]\n": "not a list, from `GET`",
}


@pytest.mark.parametrize("source", STREAMS)
def test_a_stream_of_something_else_names_its_generator_and_a_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    assert call(app_of(tmp_path, source)).status == 500
    (record,) = caplog.records
    text = str(record.exc_text)
    assert STREAMS[source].replace("{file}", str(tmp_path / "pages/api/x.py")) in text
    assert "For one JSON document return a list, for one line each yield `json.dumps(item)" in text


# -- nothing


@pytest.mark.parametrize(
    ("source", "name"), [("def GET(): {}\n", "GET"), ("async def handler(req, res): ...\n", "handler")]
)
def test_the_development_server_says_that_nothing_was_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str
) -> None:
    monkeypatch.setattr(App, "make_explainer", PageExplainer)
    project(tmp_path, {"pages/api/x.py": source})
    answer = call(App(tmp_path, mode="development"))
    assert answer.status == 500
    assert f"(pages/api/x.py:1): `{name}` returned None. Return a value" in answer.text


def test_a_status_alone_is_told_what_to_write(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    call(app_of(tmp_path, "def POST(res): res.status(201)\n"), "POST")
    assert caplog.messages[0].endswith("`POST` only set a status. Return a value, or call res.end().")


# -- statuses

WARNED = "`GET` (pages/api/x.py:1) returned 404, which is sent as content with the status 200."


@pytest.mark.parametrize("word", ["", "async "])
def test_development_warns_of_a_status_that_is_sent_as_content(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, word: str
) -> None:
    answer = call(app_of(tmp_path, f"{word}def GET(): return 404\n", mode="development"))
    assert (answer.status, answer.body) == (200, b"404")
    (message,) = caplog.messages
    assert message.startswith(WARNED)
    assert message.endswith("Write `raise ApiError(404)`, or `-> int` if it is meant.")


@pytest.mark.parametrize(
    ("source", "mode"),
    [
        ("def GET(): return 404\n", "production"),
        ("def GET() -> int: return 404\n", "development"),
        ("def GET(): return 4040\n", "development"),
        ("def GET(): return 5\n", "development"),
        ("def GET(): return True\n", "development"),
        ("def GET(res): res.status(404).json(404)\n", "development"),
        ("def GET(res):\n    res.status(404)\n    return 404\n", "development"),
    ],
)
def test_other_numbers_are_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str, mode: str
) -> None:
    call(app_of(tmp_path, source, mode=mode))
    assert caplog.messages == []
