"""A response ends with its handler: nothing that goes on afterwards reaches the connection any more."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ResponseSentError
from apiroutes.types import WSGIApplication
from tests.asgi_server import AsWSGI
from tests.support import app_of, environ

# What the test shares is in the scope's state where a server calls the App by ASGI.
KEEP = "    req.environ.get('asgi.scope', {'state': req.environ})['state']['shared']['res'] = res\n"
PASSING = "def pass_on(req, res, next): next()\nmiddleware = [pass_on]\n"
ASYNC_PASSING = "async def pass_on(req, res, next): await next()\nmiddleware = [pass_on]\n"
HANDLERS = {
    "writes": f"def handler(req, res):\n{KEEP}    res.write(b'a')\n",
    "writes and ends": f"def handler(req, res):\n{KEEP}    res.write(b'a')\n    res.end()\n",
    "async": f"async def handler(req, res):\n{KEEP}    res.write(b'a')\n",
    "leaves it to another": (
        f"config = {{'api': {{'externalResolver': True}}}}\ndef handler(req, res):\n{KEEP}"
    ),
    "sends": f"def handler(req, res):\n{KEEP}    res.send(b'a')\n",
}
USES: dict[str, Callable[[Any], object]] = {
    "write": lambda res: res.write(b"late"),
    "end": lambda res: res.end(b"late"),
    "json": lambda res: res.json({"late": 1}),
}


def after_the_end(
    app: WSGIApplication, use: Callable[[Any], object]
) -> tuple[list[bytes], BaseException | None]:
    """Use the response of an application when the server has taken it; return what it sent, and the error."""
    shared: dict[str, Any] = {}
    sent: list[bytes] = []
    heads: list[object] = []

    def start_response(*head: Any) -> Callable[[bytes], object]:
        assert not heads, "start_response was called twice (PEP 3333)"
        heads.append(head)
        return sent.append

    content: Iterable[bytes] = app(environ(shared=shared), start_response)
    sent += content
    getattr(content, "close", lambda: None)()
    try:
        use(shared["res"])
    except Exception as error:
        return sent, error
    return sent, None


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("middleware", ["", PASSING, ASYNC_PASSING], ids=["alone", "plain", "async"])
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("handler", ["writes", "writes and ends", "async"])
def test_what_was_written_has_ended_with_the_handler(
    tmp_path: Path, handler: str, use: str, middleware: str, interface: str
) -> None:
    app = app_of(tmp_path, middleware + HANDLERS[handler])
    sent, error = after_the_end(app if interface == "wsgi" else AsWSGI(app.asgi), USES[use])
    assert b"".join(sent) == b"a"
    assert isinstance(error, ResponseSentError)


@pytest.mark.parametrize("middleware", ["", PASSING, ASYNC_PASSING], ids=["alone", "plain", "async"])
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("handler", ["leaves it to another", "sends"])
def test_nothing_is_sent_after_content_in_memory(
    tmp_path: Path, handler: str, use: str, middleware: str
) -> None:
    sent, _ = after_the_end(app_of(tmp_path, middleware + HANDLERS[handler]), USES[use])
    assert b"late" not in b"".join(sent)


def test_the_error_says_what_to_write(tmp_path: Path) -> None:
    _, error = after_the_end(app_of(tmp_path, HANDLERS["writes"]), USES["write"])
    assert str(error) == (
        "cannot write: the response has ended, because its handler has returned. A task, a thread or a timer "
        "cannot go on with it: return a generator, plain or async, that yields what is to be sent"
    )


WRITES_ON = """
import threading
def handler(req, res):
    shared = req.environ["shared"]
    res.write(b"a")
    def write_on():
        try:
            while True:
                res.write(b"b")
        except Exception as error:
            shared["error"] = error
    shared["thread"] = thread = threading.Thread(target=write_on)
    thread.start()
"""


def test_a_thread_that_writes_meanwhile_stops_at_the_end(tmp_path: Path) -> None:
    """Not one chunk comes after the server has been given the rest."""
    app = App(app_of(tmp_path, WRITES_ON).root)
    for _ in range(50):
        shared: dict[str, Any] = {}
        is_over = threading.Event()
        late = itertools.count()

        def write(chunk: bytes, is_over: threading.Event = is_over, late: Any = late) -> None:
            if is_over.is_set():
                next(late)

        content = app(environ(shared=shared), lambda *head, write=write: write)
        is_over.set()
        assert list(content) == []
        shared["thread"].join()
        assert isinstance(shared["error"], ResponseSentError)
        assert next(late) == 0
