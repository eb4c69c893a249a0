"""The test client and work after the response."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.testing import AfterCall, AsyncClient, Client
from tests.support import project

SOURCE = """
import asyncio
from apiroutes import after

def send(*args, **kwargs): pass

async def send_later(order):
    await asyncio.sleep(0.01)

def fail():
    raise ValueError("broken")

def chunks():
    yield "a"
    after(send, "later")
    yield "b"

def GET(): return {}

def POST():
    after(send, 1, by="mail")
    after(send_later, 2)
    after(fail)
    return {}

def PUT():
    after(send, "first")
    return chunks()

def PATCH(res):
    after(send)
    res.status(500).json({})

def DELETE(res):
    after(send)
    res.redirect(303, "/api/x")
"""


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(project(tmp_path, {"pages/api/x.py": SOURCE}))


def names(client: Client | AsyncClient) -> list[str]:
    return [call.name for call in client.after]


def test_work_has_run_when_the_response_is_there(client: Client) -> None:
    assert client.post("/api/x").status_code == 200  # which the test neither reads nor closes
    assert names(client) == ["send", "send_later", "fail"]
    send, later, fail = client.after
    assert (send.args, send.kwargs, send.error) == ((1,), {"by": "mail"}, None)
    assert later == AfterCall(later.function, (2,))
    assert str(fail.error) == "broken"


def test_the_content_is_there_all_the_same(client: Client) -> None:
    answer = client.post("/api/x")
    assert (answer.json, answer.data, answer.headers["Content-Length"]) == ({}, b"{}", "2")


def test_an_error_is_logged_and_not_raised(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.post("/api/x")
    assert "POST /api/x failed after its response, in `fail`" in caplog.text


def test_nothing_runs_after_a_failure(client: Client) -> None:
    assert client.patch("/api/x").status_code == 500
    assert client.get("/api/x").status_code == 200
    assert client.after == []


def test_a_stream_is_read_to_its_end_first(client: Client) -> None:
    answer = client.put("/api/x")
    assert client.after == []
    assert list(answer.iter_encoded()) == [b"a", b"b"]
    assert [call.args for call in client.after] == [("first",), ("later",)]


def test_or_closed(client: Client) -> None:
    answer = client.put("/api/x")
    assert client.after == []
    answer.close()
    assert [call.args for call in client.after] == [("first",)]


def test_a_stream_that_is_read_whole_is_at_its_end(client: Client) -> None:
    assert client.put("/api/x").data == b"ab"
    assert len(client.after) == 2


@pytest.mark.parametrize(("follows", "status"), [(True, 200), (False, 303)])
def test_a_redirect_may_leave_work(client: Client, follows: bool, status: int) -> None:
    assert client.delete("/api/x", follow_redirects=follows).status_code == status
    assert names(client) == ["send"]


def test_each_client_has_its_own_list(client: Client) -> None:
    other = Client(client.application)
    assert client.post("/api/x").status_code == other.post("/api/x").status_code == 200
    assert len(client.after) == len(other.after) == 3
    client.after.clear()
    assert len(other.after) == 3


def test_coroutines_have_it_too(tmp_path: Path) -> None:
    async def send() -> list[str]:
        client = AsyncClient(App(project(tmp_path, {"pages/api/x.py": SOURCE})))
        await asyncio.gather(*[client.post("/api/x") for _ in range(3)])
        return names(client)

    assert sorted(asyncio.run(send())) == ["fail"] * 3 + ["send"] * 3 + ["send_later"] * 3


def test_any_application_is_closed_at_the_end_of_its_content() -> None:
    closed: list[str] = []

    class Content:
        def __iter__(self) -> Content:
            return self

        def __next__(self) -> bytes:
            if closed:
                raise StopIteration
            return b"a"

        def close(self) -> None:
            closed.append("closed")

    def application(environ: object, start_response: object) -> Content:
        start_response("200 OK", [])  # type: ignore[operator]
        return Content()

    answer = Client(application).get("/")
    assert closed == []
    answer.close()
    assert closed == ["closed"]


LATE = """
import time
from apiroutes import after
config = {"maxDuration": 0.05}

def send(): pass

def GET():
    after(send)
    after(send, always=True)
    time.sleep(0.1)

async def PATCH(req):
    after(send, always=True)
    import asyncio
    await asyncio.sleep(60)

def PUT(res):
    after(send)
    res.status(204).end()
"""
OBSERVER = """
from pathlib import Path
def on_request_error(error, request, context):
    Path(__file__).with_name("seen").write_text(context["route_path"])
"""


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_work_and_faults_of_a_handler_that_is_late_are_there_too(
    tmp_path: Path, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(project(tmp_path, {"pages/api/x.py": LATE, "instrumentation.py": OBSERVER}))
    assert client.open("/api/x", method=method).status_code == 504  # which nobody reads
    assert [call.name for call in client.after] == ["send"]
    assert f"{method} /api/x (pages/api/x.py) failed" in caplog.text
    assert (tmp_path / "seen").read_text() == "/api/x"


def test_a_request_body_that_no_handler_reads_holds_nothing_up(tmp_path: Path) -> None:
    client = Client(project(tmp_path, {"pages/api/x.py": LATE}))
    assert client.put("/api/x", data=b"unread").status_code == 204
    assert names(client) == ["send"]


def test_a_fault_is_logged_when_the_answer_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = "import time\nconfig = {'maxDuration': 0.05}\ndef GET(): time.sleep(0.1)\n"
    answer = Client(project(tmp_path, {"pages/api/x.py": source})).get("/api/x")
    assert "GET /api/x (pages/api/x.py) failed" in caplog.text
    assert answer.status_code == 504


def test_a_lambda_is_named_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = "from apiroutes import after\ndef GET():\n    after(lambda: 1)\n    return 1\n"
    client = Client(project(tmp_path, {"pages/api/x.py": source}))
    assert client.get("/api/x").status_code == 200
    assert names(client) == ["lambda (pages/api/x.py:3)"]
