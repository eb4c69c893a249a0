"""An application that a server calls by the other interface says what to give the server instead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apiroutes import create_app, create_asgi_app
from tests.support import HELLO, app_of, call, environ, project

SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "path": "/api/x",
    "raw_path": b"/api/x",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
    "scheme": "http",
}
REMEDY = "`module:app.asgi`"


def sent(application: Callable[[Any, Any], Any]) -> list[dict[str, Any]]:
    """The messages that an application sends which is called with `receive` and `send`."""
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    async def run() -> None:
        await application(receive, send)

    asyncio.run(run())
    return messages


PROJECTS = [
    ({"pages/api/x.py": HELLO}, {}),
    ({"pages/api/[[...all]].py": HELLO}, {"api_prefix": ""}),  # which answers the empty path
    ({"pages/api/x.py": HELLO}, {"trailing_slash": "require"}),
    ({"pages/api/x.py": HELLO}, {"max_headers": 1}),
]


@pytest.mark.parametrize(("files", "settings"), PROJECTS)
@pytest.mark.parametrize("version", [2, 3])
def test_an_asgi_server_gets_a_500_with_the_remedy(
    tmp_path: Path,
    files: dict[str, str],
    settings: dict[str, Any],
    version: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app: Any = create_app(project(tmp_path, files), **settings)
    called = app(dict(SCOPE)) if version == 2 else lambda receive, send: app(dict(SCOPE), receive, send)
    start, body = sent(called)
    assert start["status"] == 500
    assert REMEDY in body["body"].decode()
    assert REMEDY in caplog.text


def test_an_app_with_a_fallback_does_not_pass_the_call_on(tmp_path: Path) -> None:
    def fallback(environ: Any, start_response: Any) -> Any:
        raise AssertionError("the fallback was called")

    app: Any = create_app(project(tmp_path, {"pages/api/x.py": HELLO}), fallback=fallback)
    assert sent(lambda receive, send: app(dict(SCOPE), receive, send))[0]["status"] == 500


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_no_request_is_an_error(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app: Any = app_of(tmp_path, HELLO)
    with pytest.raises(TypeError, match=REMEDY):
        sent(lambda receive, send: app({"type": kind}, receive, send))
    assert REMEDY in caplog.text


@pytest.mark.parametrize("version", [2, 3])
def test_create_app_itself_under_an_asgi_server_is_a_500(version: int) -> None:
    factory: Any = create_app
    called = (
        factory(dict(SCOPE)) if version == 2 else lambda receive, send: factory(dict(SCOPE), receive, send)
    )
    start, body = sent(called)
    assert start["status"] == 500
    assert "--factory apiroutes:create_asgi_app" in body["body"].decode()


def test_a_wsgi_server_learns_what_to_give_it_from_the_error(tmp_path: Path) -> None:
    asgi: Any = app_of(tmp_path, HELLO).asgi
    with pytest.raises(
        TypeError, match=r"give it the App itself, `module:app`, or `apiroutes:create_app\(\)`"
    ):
        asgi(environ(), lambda *_: None)


@pytest.mark.parametrize("arguments", [(environ(), print), (dict(SCOPE),), (dict(SCOPE), print, print)])
def test_create_asgi_app_itself_is_an_error_with_the_remedy(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="add --factory, or parentheses"):
        create_asgi_app(*arguments)


def test_an_empty_path_is_a_request_as_any_other(tmp_path: Path) -> None:
    assert call(app_of(tmp_path, HELLO), target="", SCRIPT_NAME="/mount").status == 404
