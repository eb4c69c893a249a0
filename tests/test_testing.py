"""The client for a project's own tests, and its pytest fixture."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, Event, ProjectError
from apiroutes.testing import AsyncClient, Client
from tests.support import HELLO, project

FILES = {
    "pages/api/hello.py": HELLO,
    "pages/api/[id].py": "def GET(id: int, page: int = 1): return {'id': id, 'page': page}\n"
    "def POST(body: dict[str, int]): return body\n",
    "pages/api/upload.py": "from apiroutes import UploadFile\n"
    "def POST(f: UploadFile): return [f.filename, f.read().decode()]\n",
    "pages/api/visits.py": "def GET(req, res):\n"
    "    count = int(req.cookies.get('count', 0)) + 1\n"
    "    res.set_cookie('count', str(count)).json(count)\n",
    "pages/api/events.py": "from apiroutes import Event, event_stream\n"
    "def GET(): return event_stream([Event('a\\nb', event='x', id='1', retry=5), None, 'c'])\n",
    "pages/api/lines.py": "def GET(): return (part for part in ['a\\nb', 'c\\r\\n', 'd'])\n",
    "pages/api/endless.py": "import itertools\ndef GET(): return (f'{n}\\n' for n in itertools.count())\n",
    "pages/api/wrong.py": "def GET() -> int: return {}\n",
}


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(project(tmp_path, FILES))


def test_a_route_is_called_by_its_url(client: Client) -> None:
    answer = client.get("/api/5?page=2")
    assert (answer.status_code, answer.json) == (200, {"id": 5, "page": 2})


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "head", "options"])
def test_every_method_has_a_function(client: Client, method: str) -> None:
    assert getattr(client, method)("/api/hello").status_code == 200


def test_json_is_sent(client: Client) -> None:
    assert client.post("/api/1", json={"a": 1}).json == {"a": 1}
    assert client.post("/api/1", json={"a": "1"}).status_code == 422


def test_a_path_is_sent_as_written(client: Client) -> None:
    assert client.get("/api/a%2Fb").status_code == 422  # one segment, which is not a number


def test_files_are_uploaded(client: Client) -> None:
    answer = client.post("/api/upload", data={"f": (io.BytesIO(b"abc"), "a.txt")})
    assert answer.json == ["a.txt", "abc"]


FORMS = [
    ({"f": (io.BytesIO(b""), "a.txt")}, ["a.txt", ""]),
    ({"x": "", "f": (io.BytesIO(b"abc"), "a.txt"), "y": ""}, ["a.txt", "abc"]),
    ({"x": "\r\n", "f": (io.BytesIO(b"abc\r\n"), "a.txt")}, ["a.txt", "abc\r\n"]),
    ({"f": (io.BytesIO(b"\r\n\r\n--"), "a.txt"), "x": ""}, ["a.txt", "\r\n\r\n--"]),
]


@pytest.mark.parametrize(("data", "received"), FORMS)
def test_parts_without_content_are_sent(client: Client, data: dict[str, Any], received: list[str]) -> None:
    assert client.post("/api/upload", data=data).json == received


def test_cookies_are_kept(client: Client) -> None:
    assert [client.get("/api/visits").json for _ in range(3)] == [1, 2, 3]


def test_events_are_followed(client: Client) -> None:
    events = list(client.get("/api/events").events())
    assert [(event.data, event.event, event.id, event.retry) for event in events] == [
        ("a\nb", "x", "1", 5),
        ("c", None, None, None),
    ]
    assert isinstance(events[0], Event)


def test_lines_are_followed(client: Client) -> None:
    assert list(client.get("/api/lines").lines()) == ["a", "bc", "d"]


def test_a_stream_without_an_end_is_followed(client: Client) -> None:
    answer = client.get("/api/endless")
    lines = answer.lines()
    assert [next(lines) for _ in range(3)] == ["0", "1", "2"]
    answer.close()


def test_the_type_of_a_result_is_checked(client: Client) -> None:
    assert client.get("/api/wrong").status_code == 500


def test_settings_are_arguments_of_the_client(tmp_path: Path) -> None:
    client = Client(project(tmp_path, FILES), mode="production", api_prefix="/v1")
    assert client.get("/v1/wrong").json == {}


def test_an_app_is_taken_as_it_is(tmp_path: Path) -> None:
    assert Client(App(project(tmp_path, FILES))).get("/api/hello").status_code == 200


def test_a_project_with_mistakes_raises(tmp_path: Path) -> None:
    with pytest.raises(ProjectError):
        Client(project(tmp_path, {"pages/api/[[x]].py": HELLO}))


TESTS = """
def test_hello(apiroutes_client):
    assert apiroutes_client.get("/api/hello").json == {"message": "Hello"}

def test_cookies_are_each_tests_own(apiroutes_client):
    assert apiroutes_client.get("/api/visits").json == 1

def test_again(apiroutes_client):
    assert apiroutes_client.get("/api/visits").json == 1
"""


@pytest.mark.costly
@pytest.mark.parametrize("root", ["", "site"])
def test_pytest_has_a_fixture(tmp_path: Path, root: str) -> None:
    project(tmp_path / root, FILES)
    ini = "[tool.pytest.ini_options]\n" + (f"apiroutes_root = {root!r}\n" if root else "")
    project(tmp_path, {"test_it.py": TESTS, "pyproject.toml": ini})
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr


SHARED_LOCK = "import asyncio\nlock = asyncio.Lock()\nasync def GET():\n    async with lock: return 1\n"


def test_a_coroutine_can_send_several_requests_at_once(tmp_path: Path) -> None:
    async def send() -> list[int]:
        client = AsyncClient(project(tmp_path, {"pages/api/x.py": SHARED_LOCK}))
        answers = await asyncio.gather(*[client.get("/api/x") for _ in range(5)])
        return [answer.status_code for answer in answers]

    assert asyncio.run(send()) == [200] * 5


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_an_async_client_has_a_method_for_each(tmp_path: Path, method: str) -> None:
    source = "def handler(req, res): res.set_header('X-Method', req.method).end()\n"
    client = AsyncClient(project(tmp_path, {"pages/api/x.py": source}))
    assert asyncio.run(getattr(client, method)("/api/x")).headers["X-Method"] == method.upper()
