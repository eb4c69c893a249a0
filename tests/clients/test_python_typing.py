"""A Python client under mypy --strict: it has no errors, and mistakes in its use are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

from apiroutes import App
from apiroutes.clients import python_client
from tests.clients.python_projects import FILES, names_document
from tests.support import project

pytestmark = pytest.mark.costly  # each runs mypy

FLAGS = ["--strict", "--config-file=", "--no-error-summary", "--python-version", "3.10"]

RIGHT = """
from client import AsyncClient, Circle, Client, Conflict, PostShapes409
from client import SquareOutput, ThingInput, ThingOutput

def use(api: Client, thing: ThingInput) -> None:
    made: ThingOutput = api.post_shapes(thing)
    shape: Circle | SquareOutput = made.shape
    counts: list[int] = [event.data.count for event in api.get_feed()]
    api.delete_users_by_id("1")
    api.get_files_by_path(["a", "b"])
    api.post_upload(file=b"x", user=1)
    api.post_upload(file=open("x", "rb"), more=[("a.txt", b"x")], user=1, caption="y")
    api.post_open({"any": 1})
    try:
        api.post_shapes(thing)
    except PostShapes409 as error:
        conflict: Conflict = error.content

async def use_async(api: AsyncClient, thing: ThingInput) -> None:
    made: ThingOutput = await api.post_shapes(thing)
    async with api.stream_get_files_by_path("a") as response:
        pieces: list[bytes] = [piece async for piece in response.aiter_bytes()]
    async for event in api.get_feed(reconnect=True):
        count: int = event.data.count
"""
# Each is the only line of a function that has `api` and `thing`.
MISTAKES = [
    "api.post_shapes()",
    "api.post_shapes({'a': 1})",
    "api.post_shapes(thing).missing",
    "api.get_users_by_id('x')",
    "api.get_shapes(color='green')",
    "api.post_upload(user=1)",
    "api.nothing()",
    "api.get_files_by_path([1])",
    "print(api.delete_users_by_id('1'))",
    "thing.shape.radius",
    "thing.flag + 1",
    "[event.data.missing for event in api.get_feed()]",
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("typing")
    app = App(project(directory / "project", FILES))
    (directory / "client.py").write_text(python_client(app.openapi()), encoding="utf-8")
    return directory


def mypy(directory: Path, file: str) -> str:
    report, failure, _ = api.run(
        [*FLAGS, "--cache-dir", str(directory / "cache"), str(directory / file), str(directory / "client.py")]
    )
    assert not failure, failure
    return report


def test_a_client_and_its_use_pass(directory: Path) -> None:
    (directory / "right.py").write_text(RIGHT, encoding="utf-8")
    assert mypy(directory, "right.py") == ""


def test_mistakes_are_found(directory: Path) -> None:
    head = ["from client import Client, ThingInput"]
    functions = [
        f"def f{number}(api: Client, thing: ThingInput) -> None: {line}"
        for number, line in enumerate(MISTAKES)
    ]
    (directory / "wrong.py").write_text("\n".join([*head, *functions]), encoding="utf-8")
    report = mypy(directory, "wrong.py")
    found = {line.split(":")[1] for line in report.splitlines() if ": error: " in line}
    assert found == {str(number) for number in range(2, len(MISTAKES) + 2)}, report


def test_a_client_of_names_of_any_kind_passes(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(python_client(names_document()), encoding="utf-8")
    (tmp_path / "use.py").write_text("import client\n", encoding="utf-8")
    assert mypy(tmp_path, "use.py") == ""
