"""The log of requests: one record for each fault, and no line that a client forged."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, create_app
from apiroutes.errors import ResponseAborted
from apiroutes.middleware import request_id
from tests.support import HELLO, Extra, app_of, call, environ, project

TRACE = "0af7651916cd43dd8448eb211c80319c"


def text_of(record: logging.LogRecord) -> str:
    return logging.Formatter("%(message)s").format(record)


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ([], "GET /api/x (pages/api/x.py) failed"),
        ([("X-Request-ID", "abc-1")], "GET /api/x (pages/api/x.py) [abc-1] failed"),
        (
            [("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")],
            f"GET /api/x (pages/api/x.py) [{TRACE}] failed",
        ),
        ([("X-Request-ID", "a b")], "GET /api/x (pages/api/x.py) failed"),
        ([("X-Request-ID", "a" * 129)], "GET /api/x (pages/api/x.py) failed"),
    ],
)
def test_a_fault_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, headers: list[tuple[str, str]], named: str
) -> None:
    call(app_of(tmp_path, "def handler(req, res): 1 / 0"), headers=headers)
    assert caplog.messages == [named]


def test_the_request_id_of_middleware_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(tmp_path, "def handler(req, res): 1 / 0", middleware=[request_id(trust_client=False)])
    answer = call(app, headers=[("X-Request-ID", "theirs")])
    assert f"[{answer.header('X-Request-ID')}]" in caplog.messages[0]
    assert "theirs" not in caplog.messages[0]


def test_a_record_has_its_parts_as_attributes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = project(tmp_path, {"pages/api/[id].py": "def handler(req, res): 1 / 0"})
    call(App(root), "POST", "/api/5", [("X-Request-ID", "abc")])
    record = vars(caplog.records[0])
    assert (record["method"], record["route"], record["request_id"]) == ("POST", "/api/[id]", "abc")
    assert record["exc_info"][0] is ZeroDivisionError


@pytest.mark.parametrize(
    "handler",
    [
        "raise ValueError('a' * 1_000_000 + 'the end')",
        "raise ValueError('a\\n' * 500_000)",
        "raise ValueError('x') from ValueError('a' * 1_000_000)",
    ],
)
def test_the_text_of_an_exception_is_bounded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, handler: str
) -> None:
    call(app_of(tmp_path, f"def handler(req, res): {handler}"))
    text = text_of(caplog.records[0])
    assert len(text) < 30_000
    assert " more characters)" in text
    assert "x.py" in text


FORGED = "2026-11-21 12:00:00 ERROR forged"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b[2K", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize(
    "fault",
    [
        "raise ValueError(req.query['x'])",
        "raise KeyError(req.query['x'])",
        "raise ValueError() from ValueError(req.query['x'])",
        "raise type(req.query['x'].strip(), (Exception,), {})()",
    ],
)
def test_an_exception_that_quotes_the_client_cannot_forge_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, end: str, fault: str
) -> None:
    app = app_of(tmp_path, f"def handler(req, res): {fault}")
    call(app, **Extra({"QUERY_STRING": "x=" + f"a{end}{FORGED}".encode().decode("latin-1")}))
    [first, *rest] = text_of(caplog.records[0]).splitlines()
    assert first == "GET /api/x (pages/api/x.py) failed"
    assert rest
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in caplog.text


def test_an_exception_that_utf_8_cannot_encode_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    call(app_of(tmp_path, "def handler(req, res): raise ValueError('\\ud800')"))
    text_of(caplog.records[0]).encode()


def test_a_traceback_begins_with_code_of_the_project(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    call(app_of(tmp_path, "def find(): return {}['x']\ndef GET(): return find()\n"))
    calls = [line for line in text_of(caplog.records[0]).split("\n") if line.startswith("    File ")]
    assert [line.rpartition(" in ")[2] for line in calls] == ["GET", "find"]


def test_a_traceback_within_the_framework_is_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    call(app_of(tmp_path, "def GET(): return {'x': object()}\n"))
    assert "    File " in text_of(caplog.records[0])


def test_an_exception_that_cannot_be_formatted_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = "class Odd(Exception):\n    @property\n    def __notes__(self): return 1 / 0\n"
    answer = call(app_of(tmp_path, odd + "def GET(): raise Odd('x')\n"))
    assert answer.status == 500
    record = text_of(caplog.records[0])
    assert "in GET" in record
    assert record.endswith("Odd, whose text cannot be made: ZeroDivisionError")


def test_a_tab_in_a_line_of_code_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    call(app_of(tmp_path, "def handler(req, res): 1 /\t0"))
    assert "1 /\t0" in text_of(caplog.records[0])


SECRETS = [("Cookie", "sid=s3cr3t"), ("Authorization", "Bearer s3cr3t"), ("Content-Type", "text/plain")]


def test_no_secret_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    handler = "def handler(req, res): req.cookies, req.body, req.query; 1 / 0"
    call(app_of(tmp_path, handler), "POST", "/api/x?token=s3cr3t", SECRETS, b"s3cr3t")
    assert "s3cr3t" not in text_of(caplog.records[0])
    assert "s3cr3t" not in str(vars(caplog.records[0]))


@pytest.mark.parametrize(
    "handler",
    [
        "def handler(req, res): return (b'x' for _ in range(9))",
        "import io\ndef handler(req, res): res.send(io.BytesIO(b'x' * 200000))",
        "async def chunks():\n    while True: yield b'x'\ndef handler(req, res): res.send(chunks())",
    ],
)
def test_a_client_that_leaves_is_logged_without_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, handler: str
) -> None:
    caplog.set_level(logging.INFO, "apiroutes")
    answer: Any = app_of(tmp_path, handler)(environ(), lambda *said: None)  # type: ignore[arg-type]
    next(iter(answer))
    answer.close()
    answer.close()
    assert [text_of(record) for record in caplog.records] == [
        "GET /api/x: the client left before the response ended"
    ]


def test_a_response_that_is_read_to_its_end_is_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "apiroutes")
    call(app_of(tmp_path, "def handler(req, res): return (b'x' for _ in range(9))"))
    assert caplog.messages == []


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), ConnectionResetError(104, "reset")])
def test_a_client_that_leaves_during_a_write_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: OSError
) -> None:
    def start_response(*arguments: Any) -> Any:
        def write(content: bytes) -> None:
            raise error

        return write

    caplog.set_level(logging.INFO, "apiroutes")
    with pytest.raises(ResponseAborted):
        app_of(tmp_path, "def handler(req, res): res.write('a')")(environ(), start_response)
    assert [text_of(record) for record in caplog.records] == [
        "GET /api/x: the client left while the response was written"
    ]


def test_a_body_that_is_cut_off_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "apiroutes")
    app = app_of(tmp_path, "def handler(req, res): res.json(1)")
    answer = call(app, "POST", "/api/x", [("Content-Type", "text/plain")], b"x", CONTENT_LENGTH="5")
    assert answer.status == 400
    assert [text_of(record) for record in caplog.records] == [
        "POST /api/x: the client left before the body's end"
    ]


LOGS = """
import logging, sys
{configured}
from apiroutes import create_app
create_app()
logging.getLogger("apiroutes.access").info("seen")
"""


@pytest.mark.parametrize(
    ("configured", "lines"),
    [("", 1), ("logging.basicConfig(level=logging.INFO)", 1), ("logging.basicConfig()", 1)],
)
def test_a_record_is_written_once(tmp_path: Path, configured: str, lines: int) -> None:
    project(tmp_path, {"pages/api/hello.py": HELLO})
    done = subprocess.run(
        [sys.executable, "-c", LOGS.format(configured=configured)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count("seen") == lines


# Handlers that the end of the process cancels, once they have begun.
CANCELLED = {
    "before the response": """
import asyncio
async def GET():
    print("begun")
    await asyncio.sleep(60)
""",
    "in a stream": """
import asyncio
from apiroutes import event_stream
async def events():
    yield "x"
    print("begun")
    await asyncio.sleep(60)
async def GET(): return event_stream(events())
""",
}
ENDING = """
import io, sys, threading
from apiroutes import App
app, begun = App("."), threading.Event()
class Output(io.StringIO):
    def write(self, text): begun.set()
sys.stdout = Output()
def call():
    try:
        list(app({environ!r} | {{"wsgi.input": io.BytesIO()}}, print))
    except ConnectionError:
        pass
threading.Thread(target=call).start()
begun.wait()
"""


@pytest.mark.parametrize("handler", CANCELLED.values(), ids=CANCELLED)
def test_what_the_end_of_the_process_cancels_is_no_fault(tmp_path: Path, handler: str) -> None:
    project(tmp_path, {"pages/api/x.py": handler})
    called = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/x", "SCRIPT_NAME": "", "QUERY_STRING": ""}
    logging_in = "import logging\nlogging.basicConfig(level=logging.INFO)\n"
    ended = subprocess.run(
        [sys.executable, "-c", logging_in + ENDING.format(environ=called)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    route = " (pages/api/x.py)" if handler == CANCELLED["before the response"] else ""
    assert ended.stderr == f"INFO:apiroutes:GET /api/x{route}: cut off by the end of the process\n"


def test_create_app_twice_writes_once(tmp_path: Path) -> None:
    ours = logging.getLogger("apiroutes")
    before = list(ours.handlers), ours.level
    try:
        root = str(project(tmp_path, {"pages/api/hello.py": HELLO}))
        create_app(root)
        once = len(ours.handlers)
        create_app(root)
        assert len(ours.handlers) == once
    finally:
        ours.handlers[:], ours.level = before
        ours.setLevel(before[1])


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("class Lost(Exception): pass\ndef GET(): raise Lost('x')\n", "pages.api.x.Lost: x"),
        ("class Other: pass\ndef GET(): return Other()\n", "pages.api.x.Other cannot be written as JSON"),
        ("def GET(): from . import _nothing\n", "cannot import name '_nothing' from 'pages.api'"),
    ],
)
def test_classes_of_a_project_are_logged_by_their_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str, line: str
) -> None:
    call(app_of(tmp_path, source))
    assert line in caplog.text
    assert "_apiroutes_project" not in caplog.text
