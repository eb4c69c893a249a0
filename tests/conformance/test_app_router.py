"""`app_router/app/` answers as the recorded Next.js App Router does, except in DEVIATIONS.

The content of an error is not compared with the recorded one, which is the server's own page: ours is the
status's phrase in plain text (docs/behaviour.md §6.28).
"""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apiroutes import App, ProjectError
from tests.conformance.records import Record, load
from tests.interfaces import directory_for_interface
from tests.support import Answer, call, project

CASES = {case["id"]: case for case in load("app.given.jsonl")}


class Seen(NamedTuple):
    """The compared parts of a response: `content` is a JSON value if it is JSON, else the text."""

    status: int
    content: Any = ""
    allow: tuple[str, ...] = ()


def error(status: int, *allow: str) -> Seen:
    return Seen(status, HTTPStatus(status).phrase, allow)


def user(name: str) -> Seen:
    return Seen(200, {"file": "[id]", "params": {"id": name}})


NOT_STARTED = error(404)  # the file is a start error, so it is not in `app_router/`: see STOPPING

ALLOW = "§5.3: a 405 carries Allow"
UNKNOWN_METHOD = "§5.3: every other method, WebDAV's and TRACE too, is a 405 with Allow"
NO_HANDLER = "§1.16: a file that exports no handler is a start error"
DOTS = "§2.6: a segment `.` or `..` is a 404, encoded or not"

# The recorded cases that are answered differently: our response, and the paragraph that decides.
DEVIATIONS: dict[str, tuple[Seen, str]] = {
    "n013": (error(405, "GET, HEAD, OPTIONS"), ALLOW),
    "n014": (error(405, "GET, HEAD, OPTIONS"), ALLOW),
    "n017": (error(405, "GET, HEAD, OPTIONS"), UNKNOWN_METHOD),
    "n019": (error(405, "GET, HEAD, OPTIONS"), UNKNOWN_METHOD),
    "n024": (error(405, "OPTIONS, POST"), ALLOW),
    "n029": (Seen(405, "", ("DELETE, OPTIONS, PUT",)), ALLOW + ", for HEAD of a route without GET too"),
    "n047": (error(405, "OPTIONS"), ALLOW),
    "n049": (NOT_STARTED, NO_HANDLER + ", and a lower-case `get` is not a handler"),
    "n052": (NOT_STARTED, NO_HANDLER),
    "n053": (NOT_STARTED, NO_HANDLER),
    "n094": (user("a\\b"), "§2.3: segments are separated by `/` alone"),
    "n097": (error(404), DOTS),
    "n098": (error(404), DOTS),
    "n104": (error(400), "§2.5: NUL is a 400"),
    "n150": (Seen(200, "umlaut"), "§2.4: a raw target is read as UTF-8, like its encoded form"),
}

# The recorded files that are start errors, with their source.
STOPPING = {
    "app/api/lower/route.py": "async def get():\n    return 'lower'\n",
    "app/api/no-methods/route.py": "x = 1\n",
    "app/api/default-export/route.py": "async def default():\n    return 'default'\n",
    "app/api/k/not-a-function/route.py": "GET = 1\n",
    "app/api/k/pre/v[id]/route.py": "def GET(): ...\n",
    "app/api/k/suf/[id].json/route.py": "def GET(): ...\n",
    "app/api/k/unclosed/[id/route.py": "def GET(): ...\n",
}


@pytest.fixture(scope="module")
def app() -> App:
    return App(directory_for_interface(Path(__file__).parent / "app_router"))


def content_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def seen(answer: Answer) -> Seen:
    return Seen(answer.status, content_of(answer.body.decode()), tuple(answer.all("Allow")))


def recorded(case: Record) -> Seen:
    """The recorded response, with our text in place of an error page."""
    text = case["body"] or ""
    if case["status"] >= 400 and case["method"] != "HEAD":
        text = HTTPStatus(case["status"]).phrase
    return Seen(case["status"], content_of(text), tuple(case["allow"]))


@pytest.mark.parametrize("name", [name for name in CASES if name not in DEVIATIONS])
def test_answer_is_the_recorded_one(app: App, name: str) -> None:
    case = CASES[name]
    answer = call(app, case["method"], case["target"])
    assert seen(answer) == recorded(case), case["why"]
    if answer.status == 308:
        assert answer.header("Location") == case["body"]


@pytest.mark.parametrize("name", DEVIATIONS)
def test_deviation_differs_from_the_recorded_answer(app: App, name: str) -> None:
    case = CASES[name]
    ours, reason = DEVIATIONS[name]
    assert seen(call(app, case["method"], case["target"])) == ours, reason
    assert ours != recorded(case), f"{name} agrees, take it off the list: {reason}"


@pytest.mark.parametrize("file", STOPPING)
def test_file_is_a_start_error(tmp_path: Path, file: str) -> None:
    with pytest.raises(ProjectError) as caught:
        App(project(tmp_path, {file: STOPPING[file]}))
    assert [problem.file for problem in caught.value.problems] == [file]


# Files that no recorded case asks for.
ROUTES = {
    "/api/grouped": "grouped",
    "/api/igrouped": "inner grouped",
    "/api/$dollar": "dollar",
    "/api/-dash": "dash",
    "/api/file.txt": "dot folder",
    "/api/hello%20world": "space",
    "/api/sync": "sync",
}


@pytest.mark.parametrize("target", ROUTES)
def test_file_answers_its_route(app: App, target: str) -> None:
    assert seen(call(app, target=target)) == Seen(200, ROUTES[target])


def test_file_beside_a_route_is_not_a_route(app: App) -> None:
    assert call(app, target="/api/helper").status == 404
