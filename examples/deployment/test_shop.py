"""The project answers clients and supervisors."""

from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.testing import Client


@pytest.fixture
def client() -> Client:
    return Client(App(Path(__file__).parent))


def test_hello(client: Client) -> None:
    assert client.get("/api/hello").json == {"message": "Hello"}


@pytest.mark.parametrize("path", ["/alive", "/ready"])
def test_supervisors_get_their_answer(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200
