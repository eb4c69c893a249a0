"""A value that JSON cannot hold is named by its place, and the handler by its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import app_of, call

BEFORE = """
import asyncio, dataclasses, enum
import msgspec

class Pair(enum.Enum):
    ONE = (1, 2)

class Other:
    def __init__(self): self.x = 1

@dataclasses.dataclass
class Data:
    part: object

class Struct(msgspec.Struct):
    part: object

async def find(): return 1
async def find_more(): return 1
itself = []
itself.append({"again": itself})

"""

# a value: its place, and what is said of it
VALUES = {
    "object()": ("", "object cannot be written as JSON: send a dict"),
    "{'users': [{}, {'created': object()}]}": ("`users[1].created`: ", "object cannot be written"),
    "{'a b': {1: object()}}": ("`['a b'][1]`: ", "object cannot be written"),
    "[({'a': {Other()}},)]": ("`[0][0].a[...]`: ", "x.Other cannot be written"),
    "Data([Other()])": ("`part[0]`: ", "x.Other cannot be written"),
    "{'s': Struct(Data(Other()))}": ("`s.part.part`: ", "x.Other cannot be written"),
    "{'a': {(1, 2): 3}}": (
        "`a`: ",
        "a key of a JSON object must be a str, not the tuple (1, 2): write `str(key)`",
    ),
    "{(): {}}": ("", "a key of a JSON object must be a str, not the tuple ()"),
    "{1: 'a', None: 2}": ("", "a key of a JSON object must be a str, not None"),
    "{frozenset([1]): 2}": ("", "not a frozenset"),
    "{Pair.ONE: 2}": ("", "a key of a JSON object must be a str, not a Pair"),
    "[{Other(): 2}]": ("`[0]`: ", "a key of a JSON object must be a str, not an Other"),
    "itself": ("`[0].again`: ", "the list contains itself"),
    "{'a': '\\ud800'}": ("`a`: ", "half a surrogate pair"),
    "{'a': find}": ("`a`: ", "the function `find` cannot be written as JSON: is a call, `()`, missing?"),
    "{'a': find(), 'b': [find_more()]}": ("`a`: ", "the coroutine `find()`", "did you forget `await`?"),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "handler",
    [
        "def GET(): return {}\n",
        "async def GET(): return {}\n",
        "def GET(req, res): res.json({})\n",
        "def GET(req, res): res.send([{}][0])\n",
    ],
)
def test_the_part_that_cannot_be_written_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, value: str, handler: str
) -> None:
    place, *texts = VALUES[value]
    line = BEFORE.count("\n") + 1
    answer = call(app_of(tmp_path, BEFORE + handler.replace("{}", value)))
    if value.startswith("find") and handler.startswith("def GET():"):
        return  # a coroutine alone is awaited
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    (record,) = caplog.records
    assert f"JSONTypeError: `GET` (pages/api/x.py:{line}): {place}" in str(record.exc_text)
    assert all(text in str(record.exc_text) for text in texts)


def test_an_exception_of_a_values_own_method_is_its_cause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = "class Model:\n    def model_dump(self, mode): raise TypeError('of its own')\n"
    call(app_of(tmp_path, model + "def GET(): return {'a': Model()}\n"))
    (record,) = caplog.records
    assert "`a`: of its own" in str(record.exc_text)
    assert "in model_dump" in str(record.exc_text)


def test_another_exception_of_a_values_own_method_stays_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = "class Model:\n    def model_dump(self, mode): raise LookupError('of its own')\n"
    call(app_of(tmp_path, model + "def GET(): return {'a': Model()}\n"))
    (record,) = caplog.records
    assert "LookupError: of its own" in str(record.exc_text)


def test_a_value_that_nests_too_deeply_is_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    call(
        app_of(
            tmp_path,
            "def GET():\n    value = 1\n    for _ in range(3000): value = [value]\n    return value\n",
        )
    )
    (record,) = caplog.records
    assert "nests too deeply to be written as JSON" in str(record.exc_text)


def test_a_key_that_is_refused_needs_no_deep_stack(tmp_path: Path) -> None:
    """A thread of a server may have too small a stack for Python's limit of recursion."""
    source = (
        "from apiroutes.http import encode_json\n"
        "import sys\n"
        "def GET():\n"
        "    calls = []\n"
        "    sys.setprofile(lambda frame, event, argument: calls.append(event))\n"
        "    try:\n        encode_json({(1, 2): 3})\n"
        "    except TypeError:\n        pass\n"
        "    finally:\n        sys.setprofile(None)\n"
        "    return len(calls) < 50\n"
    )
    assert call(app_of(tmp_path, source)).body == b"true"
