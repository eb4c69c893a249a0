"""Pydantic's models and constraints, as bodies and inside other types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.typed_handlers import mismatches, post, typed_app


def test_a_body_may_be_a_model(tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    app = typed_app(
        tmp_path,
        """
        import pydantic
        class Item(pydantic.BaseModel):
            price: float
        class Cart(pydantic.BaseModel):
            name: str
            items: list[Item]
        def POST(body: Cart) -> Cart: return body
    """,
    )
    assert post(app, {"name": "a", "items": [{"price": 1}]}).json() == {
        "name": "a",
        "items": [{"price": 1.0}],
    }
    answer = post(app, {"items": [{"price": "s3cr3t"}]})
    assert [place for place, _ in mismatches(answer)] == ["body.name", "body.items[0].price"]
    assert b"s3cr3t" not in answer.body
    assert post(app, b"{").status == 400


MODEL_BODIES = [
    ("list[In]", [{"fullName": "a"}], "[In(full_name='a')]"),
    ("dict[str, In]", {"k": {"fullName": "a"}}, "{'k': In(full_name='a')}"),
    ("In | None", None, "None"),
    ("In | None", {"fullName": "a"}, "In(full_name='a')"),
    ("Held", {"one": {"fullName": "a"}}, "Held(one=In(full_name='a'))"),
    ("Own", {"fullName": "a"}, "Own(full_name='a')"),
    ("Box[In]", {"item": {"fullName": "a"}}, "Box[In](item=In(full_name='a'))"),
    ("Row", {"one": {"fullName": "a"}}, "{'one': In(full_name='a')}"),
]

MODEL_TYPES = """
import pydantic, typing_extensions
from typing import Generic, TypeVar
T = TypeVar("T")
class In(pydantic.BaseModel):
    full_name: str = pydantic.Field(alias="fullName")
@dataclasses.dataclass
class Held:
    one: In
@pydantic.dataclasses.dataclass
class Own:
    full_name: str = pydantic.Field(alias="fullName")
class Box(pydantic.BaseModel, Generic[T]):
    item: T
class Row(typing_extensions.TypedDict):
    one: In
"""


@pytest.mark.parametrize(("annotation", "sent", "seen"), MODEL_BODIES)
def test_a_type_may_contain_models(tmp_path: Path, annotation: str, sent: Any, seen: str) -> None:
    pytest.importorskip("pydantic")
    app = typed_app(tmp_path, f"{MODEL_TYPES}\ndef POST(body: {annotation}): return show(body)")
    assert post(app, sent).json() == [seen]


def test_constraints_of_pydantic_are_enforced_outside_models_too(tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    body = "list[Annotated[int, pydantic.Field(ge=1)]]"
    app = typed_app(tmp_path, f"import pydantic\ndef POST(body: {body}): return show(body)")
    assert post(app, [1]).status == 200
    assert [place for place, _ in mismatches(post(app, [1, 0]))] == ["body[1]"]


def test_the_place_of_a_mismatch_of_pydantics_is_cut_too(tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    model = "import pydantic\nclass M(pydantic.BaseModel):\n    a: int\n"
    app = typed_app(tmp_path, f"{model}def POST(body: dict[str, dict[str, M]]): ...")
    [(place, _)] = mismatches(post(app, {"n" * 5_000: {"m" * 5_000: {}}}))
    assert len(place) < 110


def test_every_mismatch_in_a_list_of_models_is_reported(tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    model = "import pydantic\nclass M(pydantic.BaseModel):\n    a: int\n"
    app = typed_app(tmp_path, f"{model}def POST(body: list[M]): ...")
    places = [place for place, _ in mismatches(post(app, [{}, {"a": 1}, {}]))]
    assert places == ["body[0].a", "body[2].a"]
    assert len(mismatches(post(app, [{}] * 500))) == 100
