"""Schemas of the OpenAPI document, and their names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from apiroutes import App
from tests.openapi.examples import resolve
from tests.support import project


def test_schemas_of_one_name_have_different_names(document: dict[str, Any]) -> None:
    names = list(document["components"]["schemas"])
    users = {name for name in names if "User" in name}
    assert users == {"users_index_User-Input", "users_index_User-Output", "users_id_User"}
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
    assert names == {"User-Input", "User-Output", "Same", "Problem"}
    assert (properties(document, "User-Input"), properties(document, "User-Output")) == (RECEIVED, SENT)


@pytest.mark.parametrize("library", ["", "import pydantic\n"])
def test_a_tuple_has_its_length_and_items_of_any_of_its_types(tmp_path: Path, library: str) -> None:
    last = "Annotated[str, pydantic.Field()]" if library else "str"
    source = f"from typing import Annotated\n{library}def GET() -> tuple[int, {last}]: ..."
    operation = App(project(tmp_path, {"pages/api/x.py": source})).openapi()["paths"]["/api/x"]["get"]
    assert operation["responses"]["200"]["content"]["application/json"]["schema"] == {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "prefixItems": [{"type": "integer"}, {"type": "string"}],
        "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
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


def schemas_of(root: Path, source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the document of a file, and its schemas."""
    document = App(project(root, {"pages/api/x.py": IMPORTS + source})).openapi()
    validate(document)
    return document, document["components"]["schemas"]


IMPORTS = """
import dataclasses, datetime, enum
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict
import attrs, msgspec, pydantic
"""
CLASSES = [
    "@dataclasses.dataclass\nclass Data:\n    a: int\n    b: int = 0\n",
    "@attrs.define\nclass Data:\n    a: int\n    b: int = 0\n",
    "class Data(msgspec.Struct):\n    a: int\n    b: int = 0\n",
    "class Data(pydantic.BaseModel):\n    a: int\n    b: int = 0\n",
    "@pydantic.dataclasses.dataclass\nclass Data:\n    a: int\n    b: int = 0\n",
]


@pytest.mark.parametrize("annotation", ["Data", "list[Data]", "Data | None", "dict[str, Data]"])
@pytest.mark.parametrize("source", CLASSES)
def test_a_field_with_a_default_is_required_of_what_is_sent_alone(
    tmp_path: Path, source: str, annotation: str
) -> None:
    source += f"def PUT(body: {annotation}) -> {annotation}: ..."
    _, schemas = schemas_of(tmp_path, "import pydantic.dataclasses\n" + source)
    assert (schemas["Data-Input"]["required"], schemas["Data-Output"]["required"]) == (["a"], ["a", "b"])


def test_a_class_that_contains_one_of_two_forms_has_two_as_well(tmp_path: Path) -> None:
    source = CLASSES[2] + "class All(msgspec.Struct):\n    data: list[Data]\ndef PUT(body: All) -> All: ..."
    _, schemas = schemas_of(tmp_path, source)
    assert schemas.keys() == {"All-Input", "All-Output", "Data-Input", "Data-Output", "Problem"}
    assert schemas["All-Output"]["properties"]["data"]["items"] == {
        "$ref": "#/components/schemas/Data-Output"
    }


@pytest.mark.parametrize("source", CLASSES)
def test_schemas_that_would_share_a_title_have_their_names_as_titles(tmp_path: Path, source: str) -> None:
    source = "import pydantic.dataclasses\n" + source + "def PUT(body: Data) -> Data: ..."
    _, schemas = schemas_of(tmp_path, source)
    titles = {name: schema["title"] for name, schema in schemas.items()}
    assert titles == {name: name for name in ("Data-Input", "Data-Output", "Problem")}


NOT_ALWAYS_SENT = [
    "class Data(msgspec.Struct, omit_defaults=True):\n    a: int\n    b: int = 0\n",
    "class Data(msgspec.Struct):\n    a: int\n    b: int | msgspec.UnsetType = msgspec.UNSET\n",
    "class Data(TypedDict):\n    a: int\n    b: NotRequired[int]\n",
]


@pytest.mark.parametrize("source", NOT_ALWAYS_SENT)
def test_a_field_that_may_be_left_out_is_required_of_nothing(tmp_path: Path, source: str) -> None:
    if sys.version_info < (3, 11):
        pytest.skip("NotRequired")
    _, schemas = schemas_of(tmp_path, source + "def PUT(body: Data) -> Data: ...")
    assert schemas["Data"]["required"] == ["a"]


DESCRIBED: list[tuple[str, dict[str, Any]]] = [
    ("datetime.datetime", {"type": "string", "format": "date-time"}),
    ("datetime.datetime | None", {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
    ("list[datetime.datetime]", {"type": "array", "items": {"type": "string", "format": "date-time"}}),
    (
        "dict[str, datetime.datetime]",
        {"type": "object", "additionalProperties": {"type": "string", "format": "date-time"}},
    ),
    ("datetime.date", {"type": "string", "format": "date"}),
    ("datetime.time", {"type": "string", "format": "time"}),
    ("Literal['a', 'b']", {"type": "string", "enum": ["a", "b"]}),
    ("Literal[1, 'b']", {"enum": [1, "b"]}),
    (
        "Annotated[datetime.datetime, msgspec.Meta(description='d')]",
        {"format": "date-time", "description": "d"},
    ),
]


@pytest.mark.parametrize(("annotation", "described"), DESCRIBED)
def test_a_type_is_described_for_generators_of_clients(
    tmp_path: Path, annotation: str, described: dict[str, Any]
) -> None:
    source = f"class Data(msgspec.Struct):\n    v: {annotation}\ndef GET() -> Data: ..."
    _, schemas = schemas_of(tmp_path, source)
    assert schemas["Data"]["properties"]["v"].items() >= described.items()


def test_a_tagged_union_has_a_discriminator_with_the_names_of_the_document(tmp_path: Path) -> None:
    source = """
class Cat(msgspec.Struct, tag="cat"):
    lives: int = 9
class Dog(msgspec.Struct, tag="dog"): ...
def PUT(body: Cat | Dog) -> Cat | Dog: ...
"""
    document, schemas = schemas_of(tmp_path, source)
    body = document["paths"]["/api/x"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    mapping = {"cat": "#/components/schemas/Cat-Input", "dog": "#/components/schemas/Dog"}
    assert body["discriminator"] == {"propertyName": "type", "mapping": mapping}
    assert schemas["Dog"]["properties"] == {"type": {"type": "string", "const": "dog"}}


@pytest.mark.parametrize("base", ["msgspec.Struct", "pydantic.BaseModel"])
def test_a_name_of_the_project_is_kept_and_ours_gets_another(tmp_path: Path, base: str) -> None:
    source = f"class Problem({base}):\n    mine: int\nresponses = {{409: Problem}}\ndef GET() -> Problem: ..."
    document, schemas = schemas_of(tmp_path, source)
    assert set(schemas["Problem"]["properties"]) == {"mine"}
    assert "errors" in schemas["ProblemDetails"]["properties"]
    responses = document["paths"]["/api/x"]["get"]["responses"]
    reference = {"$ref": "#/components/schemas/Problem"}
    assert responses["409"]["content"]["application/json"]["schema"] == reference


def test_a_type_that_is_only_the_shape_of_a_query_is_no_component(tmp_path: Path) -> None:
    source = "class Search(msgspec.Struct):\n    q: str\ndef GET(query: Search) -> int: ..."
    _, schemas = schemas_of(tmp_path, source)
    assert schemas.keys() == {"Problem"}


def test_what_both_libraries_describe_alike_is_one_schema(tmp_path: Path) -> None:
    source = """
class Color(enum.Enum):
    red = "red"
    blue = "blue"
class Model(pydantic.BaseModel):
    color: Color
def GET(color: Color) -> Model: ...
"""
    _, schemas = schemas_of(tmp_path, source)
    assert schemas.keys() == {"Color", "Model", "Problem"}
    assert schemas["Color"]["enum"] == ["red", "blue"]


def test_a_tag_with_a_default_is_required_of_a_member_of_a_union(tmp_path: Path) -> None:
    source = """
class Cat(pydantic.BaseModel):
    kind: Literal["cat"] = "cat"
class Dog(pydantic.BaseModel):
    kind: Literal["dog"] = "dog"
    age: int
def PUT(body: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]): ...
"""
    _, schemas = schemas_of(tmp_path, source)
    assert (schemas["Cat"]["required"], schemas["Dog"]["required"]) == (["kind"], ["kind", "age"])
