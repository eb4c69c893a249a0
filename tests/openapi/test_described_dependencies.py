"""What dependencies take is in the operations of the handlers that need them, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import app_of

SOURCE = """
from dataclasses import dataclass
from typing import Annotated
from apiroutes import Depends, UploadFile, security_scheme

@security_scheme("bearer", {"type": "http", "scheme": "bearer"})
def token(request): ...
@dataclass
class Page:
    page: int = 1
    size: int = 10
@dataclass
class Item:
    name: str
@dataclass
class Meta:
    tag: str
def user(token: Annotated[str, Depends(token)], verbose: bool = False): ...
def number(id: int): ...
def meta(body: Meta): ...
def item(body: Item): ...
def upload(file: UploadFile): ...

User = Annotated[str, Depends(user)]
def GET(user: User, page: Annotated[Page, Depends(Page)], number: Annotated[int, Depends(number)],
        verbose: bool, size: int = 3): ...
def POST(user: User, body: Item, meta: Annotated[Meta, Depends(meta)]): ...
def PUT(user: User, body: Item, item: Annotated[Item, Depends(item)]): ...
def PATCH(file: Annotated[object, Depends(upload)]): ...
"""


@pytest.fixture
def operations(tmp_path: Path) -> Any:
    return app_of(tmp_path, SOURCE, "[id].py").openapi()["paths"]["/api/{id}"]


def test_parameters_are_there_once(operations: Any) -> None:
    described = {
        part["name"]: (part["in"], part.get("required", False), part["schema"].get("type"))
        for part in operations["get"]["parameters"]
    }
    assert described == {
        "id": ("path", True, "integer"),
        "verbose": ("query", True, "boolean"),
        "size": ("query", False, "integer"),
        "page": ("query", False, "integer"),
    }
    assert len(operations["get"]["parameters"]) == 4


def test_bodies_are_there_as_one(operations: Any) -> None:
    def schema(method: str, media_type: str = "application/json") -> Any:
        return operations[method]["requestBody"]["content"][media_type]["schema"]

    references = [{"$ref": f"#/components/schemas/{name}"} for name in ("Item", "Meta")]
    assert schema("post") == {"allOf": references}
    assert schema("put") == references[0]
    assert list(schema("patch", "multipart/form-data")["properties"]) == ["file"]


def test_credentials_are_asked_for(operations: Any) -> None:
    assert operations["get"]["security"] == [{"bearer": []}]
    assert "401" in operations["get"]["responses"]
    assert "422" in operations["patch"]["responses"]
    assert "security" not in operations["patch"]
