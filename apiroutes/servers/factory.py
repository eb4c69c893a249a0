"""The App of the current directory, for a server's command line.

In: nothing, or the arguments of `App`. Out: an `App`. Raises ProjectError.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, overload

from apiroutes.app import App
from apiroutes.app_file import app_of
from apiroutes.logging import log_everything_to_stderr, log_to_stderr
from apiroutes.settings import read_settings
from apiroutes.types import ASGIFunction
from apiroutes.wrong_interface import is_asgi_scope, refuse_asgi

__all__ = ["create_app", "create_asgi_app"]

_HINT = "create_app makes the application: write 'apiroutes:create_app()', with parentheses"

_ASGI_HINT = (
    "create_asgi_app makes the application: add --factory, or parentheses where the server takes them"
)


@overload
def create_app(root: str | os.PathLike[str] = ".", /, **settings: Any) -> App: ...


@overload
def create_app(root: dict[str, Any], start_response: Callable[..., Any], /) -> Iterable[bytes]: ...


def create_app(
    root: str | os.PathLike[str] | dict[str, Any] = ".",
    start_response: Callable[..., Any] | None = None,
    send: object = None,
    /,
    **settings: Any,
) -> App | Iterable[bytes]:
    """Make the App of the project in `root`: `gunicorn 'apiroutes:create_app()'`.

    An `app.py` in `root` that sets `app` to an App makes it instead. Records from INFO upwards are logged to
    standard error, unless the root logger has a handler.

    A server that is given `apiroutes:create_app`, without parentheses, calls this function as if it were the
    application. Then every response, and a log line, says what to write instead.
    """
    if start_response is None and not isinstance(root, dict):
        return _make(root, settings)
    if isinstance(root, dict) and is_asgi_scope(root):
        refusal: Iterable[bytes] = refuse_asgi(root, start_response, send)
        return refusal
    # Record: A server calls `create_app` as if it were the application.
    logging.getLogger("apiroutes").error(_HINT)
    content = f"{_HINT}\n".encode()
    assert start_response is not None
    start_response(
        "503 Service Unavailable",
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(content)))],
    )
    return (content,)


def create_asgi_app(root: str | os.PathLike[str] = ".", /, *call: object, **settings: Any) -> ASGIFunction:
    """Make the App of the project in `root` as an ASGI application.

    For a server's command line: `uvicorn --factory apiroutes:create_asgi_app`. It logs as `create_app` does.
    Raises TypeError if a server calls it as if it were the application.
    """
    if call or isinstance(root, dict):
        raise TypeError(_ASGI_HINT)
    return _make(root, settings).asgi


def _make(root: str | os.PathLike[str], settings: dict[str, Any]) -> App:
    """Make the App, and write its log in the format that it sets, from its start on."""
    log_to_stderr(read_settings(Path(root).resolve(), dict(os.environ), settings)[0].log_format)
    app = app_of(root, **settings)
    log_everything_to_stderr(app.settings.log_format)
    return app
