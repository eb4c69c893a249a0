"""One API in two frameworks: the document says no less than FastAPI's."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from apiroutes import App
from tests.support import project

fastapi = pytest.importorskip("fastapi")

TYPES = '''
import dataclasses, datetime, decimal, enum, uuid
from typing import Annotated, Any, Literal
import pydantic
from pydantic import Field
class Color(enum.Enum):
    """A color."""
    red = "red"
    blue = "blue"
class Part(pydantic.BaseModel):
    weight: float
    when: datetime.datetime | None = None
class Item(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)
    name: str = Field(min_length=1, alias="fullName", description="The name", examples=["Milk"])
    color: Color = Color.red
    parts: list[Part] = []
    size: tuple[int, int] = (1, 1)
    price: decimal.Decimal = decimal.Decimal(1)
class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int
class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []
class Taken(pydantic.BaseModel):
    message: str
@dataclasses.dataclass
class Point:
    x: int
    y: int = 0
'''
OURS = {
    "items/index.py": '''
responses = {"POST": {201: Item, 409: Taken}}
def GET(page: Annotated[int, Field(ge=1, description="The page")] = 1, color: Color | None = None,
        tags: list[str] = []) -> list[Item]:
    """List items.

    Ten on a page."""
def POST(body: Item): ...
''',
    "items/[id].py": """
def GET(id: uuid.UUID) -> Item: ...
def DELETE(id: uuid.UUID, res) -> None: res.status(204)
""",
    "pets.py": "def POST(body: Annotated[Cat | Dog, Field(discriminator='kind')]) -> Cat | Dog: ...",
    "points.py": "def POST(body: list[Point]) -> Point: ...",
    "open.py": "def POST(body: dict) -> dict: ...",
    "when.py": """
def GET(day: datetime.date, at: datetime.datetime, long: datetime.timedelta = datetime.timedelta(1)
        ) -> datetime.datetime: ...
""",
    "counts.py": "def GET() -> dict[str, int]: ...",
    "old.py": "def GET(since: Annotated[int, Field(alias='from', deprecated=True)] = 1) -> int: ...",
}
THEIRS = '''
from fastapi import FastAPI, Query
app = FastAPI(title="shop")
@app.get("/api/items")
def items(page: Annotated[int, Query(ge=1, description="The page")] = 1, color: Color | None = None,
          tags: Annotated[list[str], Query()] = []) -> list[Item]:
    """List items.

    Ten on a page."""
@app.post("/api/items", status_code=201, responses={409: {"model": Taken}})
def add(body: Item) -> Item: ...
@app.get("/api/items/{id}")
def one(id: uuid.UUID) -> Item: ...
@app.delete("/api/items/{id}", status_code=204)
def remove(id: uuid.UUID) -> None: ...
@app.post("/api/pets")
def pets(body: Annotated[Cat | Dog, Field(discriminator="kind")]) -> Cat | Dog: ...
@app.post("/api/points")
def points(body: list[Point]) -> Point: ...
@app.post("/api/open")
def opened(body: dict) -> dict: ...
@app.get("/api/when")
def when(day: datetime.date, at: datetime.datetime, long: datetime.timedelta = datetime.timedelta(1)
         ) -> datetime.datetime: ...
@app.get("/api/counts")
def counts() -> dict[str, int]: ...
@app.get("/api/old")
def old(since: Annotated[int, Query(alias="from", deprecated=True)] = 1) -> int: ...
'''
OPERATIONS = [
    ("/api/items", "get"),
    ("/api/items", "post"),
    ("/api/items/{id}", "get"),
    ("/api/items/{id}", "delete"),
    ("/api/pets", "post"),
    ("/api/points", "post"),
    ("/api/open", "post"),
    ("/api/when", "get"),
    ("/api/counts", "get"),
    ("/api/old", "get"),
]

Documents = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    """Return our document, and FastAPI's."""
    files = {
        f"pages/api/{name}": f"from {'.' if '/' not in name else '..'}_types import *\n{source}"
        for name, source in OURS.items()
    }
    root = project(tmp_path_factory.mktemp("beside"), {**files, "pages/api/_types.py": TYPES})
    (root / "theirs.py").write_text(TYPES + THEIRS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        theirs: dict[str, Any] = importlib.import_module("theirs").app.openapi()
    return App(root).openapi(), theirs


def without_titles(document: dict[str, Any], schema: Any, depth: int = 0) -> Any:
    """Return a schema with its references resolved, without what only names or repeats."""
    if isinstance(schema, list):
        return [without_titles(document, part, depth) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        _, _, kind, name = schema["$ref"].split("/")
        found = document["components"][kind][name]
        return without_titles(
            document, {**found, **{key: schema[key] for key in schema if key != "$ref"}}, depth
        )
    left_out = {"title", "discriminator"} | ({"items"} if "prefixItems" in schema else set())
    return {
        key: without_titles(document, part, depth + 1) for key, part in schema.items() if key not in left_out
    }


def missing(ours: Any, theirs: Any, place: str = "") -> Iterator[str]:
    """Yield what is in their schema and not in ours."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key, part in theirs.items():
            if key not in ours:
                yield f"{place}.{key}"
            elif key == "required" and isinstance(part, list):
                yield from (f"{place}.required.{name}" for name in set(part) - set(ours[key]))
            else:
                yield from missing(ours[key], part, f"{place}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        for number, (one, other) in enumerate(zip(ours, theirs)):
            yield from missing(one, other, f"{place}[{number}]")
        if len(ours) != len(theirs):
            yield f"{place}: {len(theirs)} items"
    elif ours != theirs:
        yield f"{place}: {theirs!r}, not {ours!r}"


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation_says_no_less_than_fastapis(documents: Documents, path: str, method: str) -> None:
    described = [without_titles(document, document["paths"][path][method]) for document in documents]
    for operation in described:
        # Names, texts and the framework's own errors differ.
        for key in ("operationId", "summary", "tags"):
            operation.pop(key, None)
        operation["responses"].pop("422", None)
        for response in operation["responses"].values():
            response.pop("description", None)
        operation["parameters"] = {part["name"]: part for part in operation.get("parameters", [])}
        for parameter in operation["parameters"].values():
            parameter.setdefault("required", False)
    ours, theirs = described
    theirs.pop("description", None)
    assert list(missing(ours, theirs)) == []
