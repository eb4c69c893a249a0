"""A client for tests, which calls a project's routes by their URLs without a server.

In: an App or a project directory. Out: a client whose requests are answered in this process. It is
Werkzeug's client, with its cookies, redirects, forms and uploads: `client.post("/api/x", json={...})`,
`data={"file": (io.BytesIO(b"..."), "name.txt")}`, `query_string={...}`, `headers={...}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import werkzeug.test
from werkzeug.http import parse_options_header

from apiroutes.after_response import WITNESS, AfterCall, Witness
from apiroutes.app import App
from apiroutes.app_file import app_of
from apiroutes.http import Event
from apiroutes.overrides import Override
from apiroutes.resources import Resource
from apiroutes.session import Session
from apiroutes.sessions import Sessions, edited_session
from apiroutes.streams import close
from apiroutes.types import Environ, WSGIApplication

__all__ = ["AfterCall", "AsyncClient", "Client", "Response"]

# Settings of a project under test.
FOR_TESTS: Mapping[str, str | bool] = {
    "mode": "development",
    "testing": True,
    "cache": "memory",
    "rate_limit_store": "memory",
}

# The client's address, unless a test sets another one.
_ADDRESS = "127.0.0.1"

_Client = TypeVar("_Client", bound="Client")
_AsyncClient = TypeVar("_AsyncClient", bound="AsyncClient")


class Response(werkzeug.test.TestResponse):
    """A response: `status_code`, `headers`, `json`, `text`, `data`; streams can be read as they arrive."""

    @property
    def json(self) -> Any:
        """The content as JSON; None if its media type is not JSON."""
        return self.get_json()

    def lines(self) -> Iterator[str]:
        """Yield the lines of the content as they arrive, without their line endings."""
        rest = b""
        for chunk in self.iter_encoded():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.removesuffix(b"\r").decode()
        if rest:
            yield rest.decode()

    def events(self) -> Iterator[Event]:
        """Yield the server-sent events of the content as they arrive, without comments."""
        fields: dict[str, str] = {}
        for line in self.lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data" and "data" in fields:
                fields["data"] += "\n" + value
            elif name:
                fields[name] = value
            elif not line and "data" in fields:
                yield _event(fields)
                fields = {}


def _event(fields: dict[str, str]) -> Event:
    retry = fields.get("retry")
    return Event(
        fields["data"],
        event=fields.get("event"),
        id=fields.get("id"),
        retry=None if retry is None else int(retry),
    )


def _as_browsers_do(form: bytes, boundary: bytes) -> bytes:
    """Return the form with a blank line in every part.

    Werkzeug's encoder omits it from parts without content, which RFC 2046 section 5.1.1 allows but no
    browser does.
    """
    delimiter = re.escape(b"--" + boundary)
    headers = rb"((?:\A|\r\n)" + delimiter + rb"\r\n(?:[^\r\n]+\r\n)*)(?=\r\n" + delimiter + rb")"
    return re.sub(headers, rb"\1\r\n", form)


class _ClosedAtEnd:
    """Content that is closed after its end, or its failure, as a server does."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._content = content
        self._iterator = iter(content)
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._iterator)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            close(self._content)


class Client(werkzeug.test.Client):
    """A client of an App, or of the project in a directory; it keeps cookies.

    A project is built in development mode, in which a result that contradicts the handler's return annotation
    is an error. Its cache and its sessions are in memory, so nothing is left for the next run. Raises
    ProjectError for a project with mistakes.

    `with Client() as client:` starts the App, unless it has started already, and stops it at the end of the
    block; both may raise LifespanError. Without `with`, the first request starts the App, and it stops when
    the process ends.

    `get`, `post`, `put`, `patch`, `delete`, `head` and `options` send a request with that method, as `open`
    does: `client.post("/api/x", json={...})`, `data={"file": (io.BytesIO(b"..."), "name.txt")}`,
    `query_string={...}`, `headers={...}`. Functions that a request gives to `after` have run when its
    response is returned; for a stream, when it was read to its end or closed.

    Args:
        application: An App, or the directory of a project.
        **settings: [Settings](settings.md) of the project in a directory.
    """

    def __init__(self, application: WSGIApplication | str | os.PathLike[str] = ".", **settings: Any) -> None:
        if isinstance(application, (str, os.PathLike)):
            application = app_of(application, **{**FOR_TESTS, **settings})
        super().__init__(application, Response)
        self.after: list[AfterCall] = []
        """The functions given to `after` that have run, for all requests; their errors are only logged."""
        self._stop: Callable[[], None] = _do_nothing
        self._overrides: list[Override] = []

    def __enter__(self: _Client) -> _Client:
        app = self.application
        if isinstance(app, App) and not app.is_started:
            app.start()
            self._stop = app.stop
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Undo what `override` has replaced, and stop the App if the `with` block has started it."""
        while self._overrides:
            self._overrides.pop().undo()
        stop, self._stop = self._stop, _do_nothing
        stop()

    # -- dependencies ----------------------------------------------------------------------

    def override(self, dependency: Callable[..., Any], replacement: Callable[..., Any]) -> Override:
        """Call `replacement` instead of a function that handlers depend on, directly or indirectly.

        A sign-in step, such as `bearer(...)`, is replaced where it is used as middleware, too. The override
        lasts until the client is closed, or until the end of a `with` block around the return value. Raises
        TypeError for a replacement that cannot be called, and ValueError if nothing depends on the function.

        Args:
            dependency: The function, class or step that a `Depends` names.
            replacement: The function that is called instead; it may have its own parameters and dependencies.
        """
        if not isinstance(self.application, App):
            kind = type(self.application).__name__
            raise TypeError(f"dependencies are overridden in an App, and this client calls a {kind}")
        override = self.application.overrides.add(dependency, replacement)
        self._overrides.append(override)
        return override

    # -- sessions --------------------------------------------------------------------------

    @contextlib.contextmanager
    def session(self, path: str | None = None) -> Iterator[Session]:
        """Yield the session of this client's requests: to look at it, to change it, or to sign in.

        Changes are kept when the block ends. `path` is the path of a route; it is needed if the project has
        several `sessions()`. Raises TypeError if the project has no sessions, and ValueError if a path is
        needed.
        """
        app, step = self._sessions_at(path)
        environ = werkzeug.test.create_environ(path or "/")
        name = step.options.of(environ).name
        cookie = self.get_cookie(name, path=step.options.path)
        if cookie is not None:
            environ["HTTP_COOKIE"] = f"{name}={cookie.value}"
        request = app._request(environ)
        lines: list[str] = []
        with edited_session(step, request, app._response(request, None), lines) as session:
            yield session
        for line in lines:
            value, *attributes = line.partition("=")[2].split("; ")
            if "Max-Age=0" in attributes:
                self.delete_cookie(name, path=step.options.path)
            else:
                self.set_cookie(name, value, path=step.options.path)

    def _sessions_at(self, path: str | None) -> tuple[App, Sessions]:
        app = self.application
        if not isinstance(app, App):
            raise TypeError(f"an App has sessions, and this client calls a {type(app).__name__}")
        resources = [*app.resources.values()]
        if path is not None:
            found, _ = app.lookup.find(werkzeug.test.create_environ(path))
            resources = [] if found is None else [found]
        steps = dict.fromkeys(step for resource in resources for step in _sessions_around(resource))
        if not steps:
            raise TypeError(f"no `sessions()` is around {'any route' if path is None else path}")
        if len(steps) > 1:
            raise ValueError("there are several `sessions()`: name the path of a route, `session(path)`")
        return app, next(iter(steps))

    # -- requests --------------------------------------------------------------------------

    def open(self, *args: Any, **kwargs: Any) -> Response:
        """Send a request; `werkzeug.test.EnvironBuilder` documents the arguments.

        The client's address is 127.0.0.1; `environ_overrides={"REMOTE_ADDR": "192.0.2.1"}` sets another.
        """
        response = super().open(*args, **kwargs)
        assert isinstance(response, Response)
        return response

    def run_wsgi_app(self, environ: Environ, buffered: bool = False) -> Any:
        """Call the application as Werkzeug's client does, but with forms as browsers send them."""
        _, options = parse_options_header(environ.get("CONTENT_TYPE"))
        if "boundary" in options:
            content = _as_browsers_do(environ["wsgi.input"].read(), options["boundary"].encode())
            environ = {
                **environ,
                "wsgi.input": io.BytesIO(content),
                "CONTENT_LENGTH": str(len(content)),
            }
        witness = Witness(self.after)
        chunks: Iterable[bytes]
        chunks, status, headers = super().run_wsgi_app(
            {"REMOTE_ADDR": _ADDRESS, **environ, WITNESS: witness}, buffered
        )
        if witness.is_whole:
            chunks = [b"".join(_ClosedAtEnd(chunks))]
        elif not isinstance(chunks, list):
            chunks = _ClosedAtEnd(chunks)
        return chunks, status, headers

    def get(self, *args: Any, **kwargs: Any) -> Response:
        return self.open(*args, **{**kwargs, "method": "GET"})

    def post(self, *args: Any, **kwargs: Any) -> Response:
        return self.open(*args, **{**kwargs, "method": "POST"})

    def put(self, *args: Any, **kwargs: Any) -> Response:
        return self.open(*args, **{**kwargs, "method": "PUT"})

    def patch(self, *args: Any, **kwargs: Any) -> Response:
        return self.open(*args, **{**kwargs, "method": "PATCH"})

    def delete(self, *args: Any, **kwargs: Any) -> Response:
        return self.open(*args, **{**kwargs, "method": "DELETE"})

    def head(self, *args: Any, **kwargs: Any) -> Response:
        return self.open(*args, **{**kwargs, "method": "HEAD"})

    def options(self, *args: Any, **kwargs: Any) -> Response:
        return self.open(*args, **{**kwargs, "method": "OPTIONS"})


def _sessions_around(resource: Resource) -> Iterator[Sessions]:
    """Yield the sessions of a route, the outermost first."""
    handlers = {} if resource.module is None else resource.module.handlers
    for steps in (resource.middleware, *(handler.middleware for handler in handlers.values())):
        yield from (step for step in steps if isinstance(step, Sessions))


def _do_nothing() -> None:
    return


class AsyncClient:
    """`Client`, for tests that are coroutines: `response = await client.get("/api/x")`.

    The App runs in a thread, as under a server, so the test's own event loop keeps running. `async with
    AsyncClient() as client:` starts and stops the App. The client has `get`, `post`, `put`, `patch`,
    `delete`, `head` and `options` too.

    Args:
        application: An App, or the directory of a project.
        **settings: [Settings](settings.md) of the project in a directory.
    """

    def __init__(self, application: WSGIApplication | str | os.PathLike[str] = ".", **settings: Any) -> None:
        self.client = Client(application, **settings)
        self.after: list[AfterCall] = self.client.after
        """The functions given to `after` that have run, as in `Client`."""

    async def __aenter__(self: _AsyncClient) -> _AsyncClient:
        await asyncio.to_thread(self.client.__enter__)
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Do what `Client.close` does."""
        await asyncio.to_thread(self.client.close)

    def override(self, dependency: Callable[..., Any], replacement: Callable[..., Any]) -> Override:
        """Replace a `dependency` with a `replacement`, as `Client.override` does."""
        return self.client.override(dependency, replacement)

    def session(self, path: str | None = None) -> contextlib.AbstractContextManager[Session]:
        """Yield the session of this client's requests, at a `path`, as `Client.session` does."""
        return self.client.session(path)

    async def open(self, *args: Any, **kwargs: Any) -> Response:
        """Send a request, as `Client.open` does."""
        return await asyncio.to_thread(self.client.open, *args, **kwargs)

    async def get(self, *args: Any, **kwargs: Any) -> Response:
        return await self.open(*args, **{**kwargs, "method": "GET"})

    async def post(self, *args: Any, **kwargs: Any) -> Response:
        return await self.open(*args, **{**kwargs, "method": "POST"})

    async def put(self, *args: Any, **kwargs: Any) -> Response:
        return await self.open(*args, **{**kwargs, "method": "PUT"})

    async def patch(self, *args: Any, **kwargs: Any) -> Response:
        return await self.open(*args, **{**kwargs, "method": "PATCH"})

    async def delete(self, *args: Any, **kwargs: Any) -> Response:
        return await self.open(*args, **{**kwargs, "method": "DELETE"})

    async def head(self, *args: Any, **kwargs: Any) -> Response:
        return await self.open(*args, **{**kwargs, "method": "HEAD"})

    async def options(self, *args: Any, **kwargs: Any) -> Response:
        return await self.open(*args, **{**kwargs, "method": "OPTIONS"})
