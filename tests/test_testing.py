"""The client for a project's own tests, and its pytest fixture."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, Event, LifespanError, ProjectError
from apiroutes.testing import AsyncClient, Client
from tests.lifespan import projects
from tests.lifespan.projects import app_with, seen
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
    "pages/api/kept.py": "revalidate = False\nruns = []\n"
    "def GET():\n    runs.append(1)\n    return len(runs)\n",
    "pages/api/wrong.py": "def GET() -> int: return {}\n",
    "pages/api/shop/_middleware.py": "from apiroutes.middleware import sessions\n"
    "middleware = [sessions(store='sqlite')]\n",
    "pages/api/shop/cart.py": "def GET(req): return dict(req.session)\n"
    "def POST(req):\n    req.session['item'] = 'tea'\n    return 1\n",
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


def test_what_is_cached_is_a_clients_own(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/kept.py": FILES["pages/api/kept.py"]})
    assert [Client(root).get("/api/kept").json for _ in range(2)] == [1, 1]
    client = Client(root, cache="none")
    assert [client.get("/api/kept").json for _ in range(2)] == [1, 2]
    assert not (root / ".apiroutes").exists()


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

def test_answers_are_kept_within_a_test(apiroutes_client):
    assert [apiroutes_client.get("/api/kept").json for _ in range(2)] == [1, 1]

def test_and_no_longer(apiroutes_client):
    assert apiroutes_client.get("/api/kept").json == 2

cookies = []

def test_a_session_is_kept_within_a_test(apiroutes_client):
    apiroutes_client.post("/api/shop/cart")
    assert apiroutes_client.get("/api/shop/cart").json == {"item": "tea"}
    cookies.append(apiroutes_client.get_cookie("session").value)

def test_a_session_is_nowhere_after_its_test(apiroutes_client):
    apiroutes_client.set_cookie("session", cookies.pop())
    assert apiroutes_client.get("/api/shop/cart").json == {}
"""


STARTED = """
from pathlib import Path

def seen():
    return (Path(__file__).parent / "seen").read_text().split()

def test_it_has_started(apiroutes_client):
    assert seen() == ["start"]
    assert apiroutes_client.get("/api/x").json == {"a": 1}

def test_it_goes_on(apiroutes_app, apiroutes_client):
    with apiroutes_client:
        assert apiroutes_client.get("/api/async").json == {"a": 1}
    assert apiroutes_app.is_started
    assert seen() == ["start"]
"""


@pytest.mark.costly
def test_the_fixture_starts_the_project_once_and_stops_it(tmp_path: Path) -> None:
    app_with(tmp_path, projects.FORMS["async generator"][0])
    project(tmp_path, {"test_it.py": STARTED})
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert seen(tmp_path) == ["start", "end"]


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
    assert "7 passed" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / root / ".apiroutes").exists()


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


# -- start and stop


@pytest.mark.parametrize("form", projects.FORMS)
def test_a_client_starts_and_stops_the_app_around_its_block(tmp_path: Path, form: str) -> None:
    source, words = projects.FORMS[form]
    app = app_with(tmp_path, source)
    with Client(app) as client:
        assert seen(tmp_path) == ["start"]
        assert client.get("/api/x").json == {"a": 1}
    assert seen(tmp_path) == words


def test_a_client_leaves_what_another_one_has_started(tmp_path: Path) -> None:
    app = app_with(tmp_path, projects.FORMS["generator"][0])
    with Client(app), Client(app) as inner:
        with inner:
            pass
        assert seen(tmp_path) == ["start"]
    assert seen(tmp_path) == ["start", "end"]


def test_a_client_of_a_directory_starts_its_project(tmp_path: Path) -> None:
    app_with(tmp_path, projects.FORMS["generator"][0])
    with Client(tmp_path):
        assert seen(tmp_path) == ["start"]
    assert seen(tmp_path) == ["start", "end"]


def test_an_async_client_starts_and_stops_the_app_around_its_block(tmp_path: Path) -> None:
    async def send() -> object:
        async with AsyncClient(app_with(tmp_path, projects.FORMS["async generator"][0])) as client:
            return (await client.get("/api/async")).json

    assert asyncio.run(send()) == {"a": 1}
    assert seen(tmp_path) == ["start", "end"]


@pytest.mark.parametrize("source", ["def register(): 1 / 0", "def register():\n    yield\n    1 / 0"])
def test_a_start_or_an_end_that_fails_is_an_error_of_the_test(tmp_path: Path, source: str) -> None:
    with pytest.raises(LifespanError, match="ZeroDivisionError"), Client(app_with(tmp_path, source)):
        pass


def test_a_client_of_another_application_starts_nothing() -> None:
    def application(environ: object, start_response: Any) -> list[bytes]:
        start_response("204 No Content", [])
        return []

    with Client(application) as client:
        assert client.get("/").status_code == 204
