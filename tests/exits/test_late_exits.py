"""Dependencies of a handler past its `maxDuration`: nothing more is called, and nothing commits."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from apiroutes.errors import ResponseAborted
from tests.exits.support import HEAD, seen_in, through
from tests.support import app_of, call, environ, until

SHARED: dict[str, threading.Event] = {}
SOURCE = (
    HEAD
    + """
from tests.exits.test_late_exits import SHARED
config = {'maxDuration': 0.1}
PREFIXdef session():
    try:
        yield
        seen.append("commit")
    except BaseException as error:
        seen.append(type(error).__name__)
        raise
    finally:
        seen.append("close")
Session = Annotated[None, Depends(session)]
def waits(session: Session):
    SHARED["gate"].wait()
def next_one(waits: Annotated[None, Depends(waits)]):
    seen.append("next dependency")
def chunks():
    yield "a"
    SHARED["gate"].wait()
def more_chunks():
    yield from chunks()
    yield "b"
"""
)
HANDLERS = {
    "a handler": "{}def GET(session: Session):\n    SHARED['gate'].wait()\n    return 1\n",
    "a dependency": "{}def GET(next_one: Annotated[None, Depends(next_one)]): seen.append('handler')\n",
}
STREAMS = {
    "the end of a stream": "{}def GET(session: Session): return chunks()\n",
    "a chunk of a stream": "{}def GET(session: Session): return more_chunks()\n",
}


@pytest.fixture(autouse=True)
def gate() -> Any:
    SHARED["gate"] = threading.Event()
    yield SHARED["gate"]
    SHARED["gate"].set()


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("session", ["", "async "])
@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_a_late_request_commits_nothing(
    tmp_path: Path, gate: threading.Event, handler: str, session: str, interface: str
) -> None:
    app = app_of(tmp_path, SOURCE.replace("PREFIX", session) + handler.format(""))
    assert call(through(app, interface)).status == 504
    gate.set()
    seen = seen_in(app)
    until(lambda: "close" in seen)
    assert seen in (["MaxDurationExceeded", "close"], ["CancelledError", "close"])


@pytest.mark.parametrize("session", ["", "async "])
@pytest.mark.parametrize("handler", STREAMS.values(), ids=STREAMS)
def test_a_stream_that_is_late_commits_nothing(
    tmp_path: Path, gate: threading.Event, handler: str, session: str
) -> None:
    app = app_of(tmp_path, SOURCE.replace("PREFIX", session) + handler.format(""))
    iterable: Any = app(environ(), lambda *arguments: lambda content: None)
    with pytest.raises(ResponseAborted):
        list(iterable)
    gate.set()
    iterable.close()
    seen = seen_in(app)
    until(lambda: "close" in seen)
    assert seen[0] in ("MaxDurationExceeded", "GeneratorExit")


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_late_coroutine_is_cancelled_and_commits_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, interface: str
) -> None:
    source = SOURCE.replace("PREFIX", "async ")
    source += "async def GET(session: Session):\n    await asyncio.sleep(3600)\n"
    app = app_of(tmp_path, source)
    assert call(through(app, interface)).status == 504
    seen = seen_in(app)
    until(lambda: "close" in seen)
    assert seen == ["CancelledError", "close"]
    record = next(record for record in caplog.records if record.exc_info)
    assert "await asyncio.sleep(3600)" in logging.Formatter().format(record)  # where it was
