"""Schemas of the OpenAPI document, and their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from apiroutes import App
from tests.openapi.examples import resolve
from tests.support import project


def test_schemas_of_one_name_have_different_names(document: dict[str, Any]) -> None:
    names = list(document["components"]["schemas"])
    assert len([name for name in names if "User" in name]) == 2
    assert not [name for name in names if "apiroutes" in name]


def test_pydantic_models_are_described(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/model"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Thing"}
    assert resolve(document, body)["properties"]["parts"]["items"] == {"$ref": "#/components/schemas/Part"}
    assert "weight" in resolve(document, {"$ref": "#/components/schemas/Part"})["properties"]


PYDANTIC = """
import datetime, dataclasses
import msgspec, pydantic
from pydantic.alias_generators import to_camel

class Base(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel, populate_by_name=True)

class Same(Base):
    first_name: str

class User(Base):
    full_name: str
    secret: str = pydantic.Field(exclude=True)
    same: Same | None = None

    @pydantic.computed_field
    @property
    def shout(self) -> str: return self.full_name.upper()

class Other(msgspec.Struct):
    number: int

@dataclasses.dataclass
class Page:
    users: list[User]

"""
SENT = {"fullName", "same", "shout"}
RECEIVED = {"fullName", "same", "secret"}


def pydantic_document(root: Path, *sources: str) -> dict[str, Any]:
    files = {f"pages/api/{name}.py": PYDANTIC + source for name, source in zip("abc", sources)}
    document: dict[str, Any] = App(project(root, files)).openapi()
    validate(document)
    return document


def properties(document: dict[str, Any], name: str) -> set[str]:
    return set(document["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize("annotation", ["User", "list[User]", "User | None", "dict[str, User]", "Page"])
def test_a_pydantic_model_is_described_as_it_is_sent(tmp_path: Path, annotation: str) -> None:
    document = pydantic_document(tmp_path, f"def GET() -> {annotation}: ...")
    assert properties(document, "User") == SENT


@pytest.mark.parametrize("annotation", ["User", "list[User]", "User | None", "dict[str, User]", "Page"])
def test_a_pydantic_model_is_described_as_it_is_received(tmp_path: Path, annotation: str) -> None:
    document = pydantic_document(tmp_path, f"def POST(body: {annotation}): ...")
    assert properties(document, "User") == RECEIVED


def test_a_pydantic_model_that_is_sent_in_another_form_has_two_schemas(tmp_path: Path) -> None:
    document = pydantic_document(tmp_path, "def PUT(body: User) -> User: ...")
    names = set(document["components"]["schemas"])
    assert names == {"User_Input", "User_Output", "Same", "Problem"}
    assert (properties(document, "User_Input"), properties(document, "User_Output")) == (RECEIVED, SENT)


def test_a_tuple_has_its_length_without_items_false(tmp_path: Path) -> None:
    source = "def GET() -> tuple[int, str]: ..."
    operation = App(project(tmp_path, {"pages/api/x.py": source})).openapi()["paths"]["/api/x"]["get"]
    assert operation["responses"]["200"]["content"]["application/json"]["schema"] == {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "prefixItems": [{"type": "integer"}, {"type": "string"}],
    }


def test_types_of_one_name_of_two_libraries_have_two_schemas(tmp_path: Path) -> None:
    clash = "class Other(pydantic.BaseModel):\n    word: str\ndef GET() -> Other: ..."
    document = pydantic_document(tmp_path, "def GET() -> Other: ...", clash)
    schemas = {
        path: resolve(document, item["get"]["responses"]["200"]["content"]["application/json"]["schema"])
        for path, item in document["paths"].items()
    }
    assert set(schemas["/api/a"]["properties"]) == {"number"}
    assert set(schemas["/api/b"]["properties"]) == {"word"}


def test_models_of_one_name_have_short_names(tmp_path: Path) -> None:
    other = "class User(Base):\n    number: int\ndef GET() -> User: ..."
    document = pydantic_document(tmp_path, "def GET() -> User: ...", other)
    assert set(document["components"]["schemas"]) == {"a_User", "b_User", "Same", "Problem"}
