"""The HTTP clients that pages put into modules: requests of all users share them, so they keep no cookies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.documents.reading import shown_by

FILES = [("docs/how-to/from-nextjs.md", "lib/fetch.py"), ("docs/how-to/uploads.md", "storage.py")]


class Service(BaseHTTPRequestHandler):
    """Answer with the cookies of the request, and set one; `/old` moves to `/new`."""

    def do_GET(self) -> None:
        self.send_response(307 if self.path == "/old" else 200)
        self.send_header("Location", "/new")
        self.send_header("Set-Cookie", "user=ada")
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers['Cookie']}".encode())

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def texts(page: str, name: str, url: str) -> list[str]:
    """The answers to two requests, one after the other, by the client of a page's file."""
    variables: dict[str, Any] = {}
    exec(shown_by(page)[-1].files[name], variables)
    client: httpx.AsyncClient = variables["client"]

    async def get() -> list[str]:
        async with client:
            return [(await client.get(url)).text for _ in range(2)]

    return asyncio.run(get())


@pytest.mark.parametrize(("page", "name"), FILES)
def test_a_shared_client_keeps_no_cookies(page: str, name: str, address: str) -> None:
    assert texts(page, name, f"{address}/x") == ["/x None"] * 2


def test_the_client_in_place_of_fetch_follows_redirects(address: str) -> None:
    assert texts(*FILES[0], f"{address}/old") == ["/new None"] * 2
