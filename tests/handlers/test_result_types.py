"""The kinds of results that handlers return, by their annotations."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.support import app_of, call
from tests.typed_handlers import DEFINITIONS, typed_app

RETURNED = [
    ("-> Point", "{'x': 1}", None),
    ("-> Point", "Point(1)", None),
    ("-> list[Point]", "[{'x': 1}]", None),
    ("-> Point | None", "res.json({'x': 1})", None),
    ("-> Point | None", "res.json(1)", "returned: Expected `object | null`, got `int`"),
    ("-> Point", "json({'x': 1})", None),
    ("-> Point", "json({'y': 1})", "returned.x: is required"),
    ("-> Point", "'text'", "returns str, not what its annotation says"),
    ("-> Point", "res.send('text')", "answers 200 without the JSON"),
    ("-> Point", "b'bytes'", "returns bytes, not what its annotation says"),
    ("-> Point | str", "'text'", None),
    ("-> Point | str", "{'x': 1}", None),
    ("-> Point | str", "{'y': 1}", "returned.x: is required"),
    ("-> str", "'text'", None),
    ("-> str", "{'x': 1}", "returns dict, not str"),
    ("-> str", "b'bytes'", "returns bytes, not str"),
    ("-> bytes", "'text'", "returns str, not bytes"),
    ("-> str | bytes", "b'bytes'", None),
    ("-> None", "res.json(1)", None),
    ("-> None", "{'x': 1}", "returns dict, not None"),
    ("-> Point", "iter([b'x'])", None),
    ("-> EventStream", "event_stream(['a'])", None),
    ("-> EventStream[Point]", "{'x': 1}", "returns dict, not an event stream"),
    ("-> Any", "{'x': object}", "cannot be written as JSON"),
    ("", "{'y': 1}", None),
    ("-> Point", "{'y': 1}", "returned.x: is required"),
    ("-> list[Point]", "[{'x': 1}, {'x': '1'}]", "returned[1].x: Expected `int`, got `str`"),
    ("-> 'Missing'", "{'y': 1}", None),
]


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize(("annotation", "returned", "message"), RETURNED)
def test_a_result_is_checked_in_development(
    tmp_path: Path,
    keyword: str,
    annotation: str,
    returned: str,
    message: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    handler = f"{keyword} GET(res) {annotation}: return {returned}"
    answer = call(typed_app(tmp_path, handler, mode="development"))
    assert answer.status == (200 if message is None else 500)
    assert (message or "") in caplog.text


MODEL = """
import pydantic
class Out(pydantic.BaseModel, extra="forbid"):
    full_name: str = pydantic.Field(alias="fullName")
    secret: str = pydantic.Field("s", exclude=True)
    when: datetime.date = datetime.date(2020, 1, 2)
    other: int = pydantic.Field(1, validation_alias="in", serialization_alias="out")
    @pydantic.computed_field
    @property
    def letter(self) -> str: return self.full_name[0]
    @pydantic.field_serializer("when")
    def year(self, value): return value.year
@dataclasses.dataclass
class Page:
    outs: list[Out]
"""

SENT = {"fullName": "a", "when": 2020, "out": 1, "letter": "a"}

RETURNED_MODELS = [
    ("Out", "Out(fullName='a')", SENT),
    ("list[Out]", "[Out(fullName='a')]", [SENT]),
    ("dict[str, Out]", "{'k': Out(fullName='a')}", {"k": SENT}),
    ("Out | None", "Out(fullName='a')", SENT),
    ("Page", "Page([Out(fullName='a')])", {"outs": [SENT]}),
    ("Out", "{'fullName': 'a'}", {"fullName": "a"}),
    ("Out", "Point(1)", None),
    ("Out", "{'full_name': 'a'}", None),
    ("list[Out]", "[Out(fullName='a'), {}]", None),
]


@pytest.mark.parametrize(("annotation", "returned", "sent"), RETURNED_MODELS)
def test_a_returned_model_is_checked_in_development_and_sent_by_alias(
    tmp_path: Path, annotation: str, returned: str, sent: Any
) -> None:
    pytest.importorskip("pydantic")
    handler = textwrap.dedent(MODEL) + f"def GET() -> {annotation}: return {returned}"
    answer = call(app_of(tmp_path, DEFINITIONS + handler, mode="development"))
    assert answer.status == (500 if sent is None else 200)
    assert sent is None or answer.json() == sent


def test_a_result_is_sent_unchecked_in_production(tmp_path: Path) -> None:
    assert call(typed_app(tmp_path, "def GET() -> Point: return {'y': 1}")).json() == {"y": 1}
