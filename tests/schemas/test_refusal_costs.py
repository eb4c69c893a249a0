"""The cost of refusing a megabyte that does not match its type: time, memory and size of the response."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import project

pytest.importorskip("pydantic")

pytestmark = pytest.mark.slow

TYPES = """
import dataclasses
import enum
from typing import Dict, List, TypedDict
import msgspec
class Tree(msgspec.Struct):
    v: int = 0
    c: List["Tree"] = []
class Book(msgspec.Struct):
    v: int = 0
    c: Dict[str, "Book"] = {}
@dataclasses.dataclass
class Leaves:
    v: int = 0
    c: List["Leaves"] = dataclasses.field(default_factory=list)
class Loose(TypedDict, total=False):
    v: int
    c: List["Loose"]
class Strict(msgspec.Struct, forbid_unknown_fields=True):
    a: int = 0
class Wide(msgspec.Struct):
    a: int
    b: int
    c: int
    d: int
Land = enum.Enum("Land", {f"L{n}": f"{n:030}" for n in range(500)})
class Visit(msgspec.Struct):
    land: Land
"""
MODELS = """
import pydantic
class PItem(pydantic.BaseModel):
    price: float
    name: str
class PCart(pydantic.BaseModel):
    items: list[PItem]
class PStrict(pydantic.BaseModel, extra="forbid"):
    a: int = 0
class PWide(pydantic.BaseModel):
    a: int
    b: int
    c: int
    d: int
    e: int
    f: int
class PTree(pydantic.BaseModel):
    v: int = 0
    c: List["PTree"] = []
class PBook(pydantic.BaseModel):
    v: int = 0
    c: Dict[str, "PBook"] = {}
"""
MEGABYTE = 1_000_000


def filled(start: bytes, item: bytes, end: bytes) -> bytes:
    """Return a megabyte that repeats one item; `%d` in it becomes a number of six digits."""
    width = len(item % 0 if b"%" in item else item) + 1
    count = (MEGABYTE - len(start) - len(end)) // width
    return start + b",".join(item % n if b"%" in item else item for n in range(count)) + end


LAST_WRONG = b',{"v":"x"}'
HUGE = {
    "deep lists": ("Tree", filled(b'{"c":[' * 60, b"{}", LAST_WRONG + b"]}" * 60)),
    "a problem on each level": ("Tree", filled(b'{"c":[{"v":""},' * 60, b"{}", LAST_WRONG + b"]}" * 60)),
    "deep dicts": (
        "Book",
        filled(b'{"c":{"k":' * 60 + b'{"c":{', b'"%06d":{}', b',"z":{"v":""}}}' + b"}}" * 60),
    ),
    "deep dataclasses": ("Leaves", filled(b'{"c":[' * 60, b"{}", LAST_WRONG + b"]}" * 60)),
    "deep TypedDicts": ("Loose", filled(b'{"c":[' * 60, b"{}", LAST_WRONG + b"]}" * 60)),
    "the last number": ("list[int]", filled(b"[", b"0", b',"x"]')),
    "all numbers": ("list[int]", filled(b"[", b'""', b"]")),
    "lists of lists": ("list[list[int]]", filled(b"[", b"[]", b',["x"]]')),
    "a union": ("list[int] | dict[str, int] | None", filled(b"[", b"0", b',"x"]')),
    "missing fields": ("list[Wide]", filled(b"[", b"{}", b"]")),
    "unknown fields": ("Strict", filled(b"{", b'"%06d":0', b"}")),
    "unknown fields of many": ("list[Strict]", filled(b"[", b'{"b":0}', b"]")),
    "long names": ("dict[str, int]", filled(b"{", b'"%06d' + b"n" * 10_000 + b'":""', b"}")),
    "names that are escaped": ("dict[str, int]", filled(b"{", b'"%06d' + rb"\u0001" * 1_000 + b'":""', b"}")),
    "a large enum": ("list[Visit]", filled(b"[", b'{"land":"x"}', b"]")),
    "pydantic, missing fields": ("list[PItem]", filled(b"[", b"{}", b"]")),
    "pydantic, inside a model": ("PCart", filled(b'{"items":[', b"{}", b"]}")),
    "pydantic, a dict": ("dict[str, PWide]", filled(b"{", b'"%06d":{}', b"}")),
    "pydantic, deep dicts": (
        "PBook",
        filled(b'{"c":{"k":' * 60 + b'{"c":{', b'"%06d":{"v":""}', b"}}" + b"}}" * 60),
    ),
    "pydantic, deep lists": ("PTree", filled(b'{"c":[' * 60, b"{}", LAST_WRONG + b"]}" * 60)),
    "pydantic, a union": ("list[PItem] | list[PWide] | dict[str, PItem]", filled(b"[", b"{}", b"]")),
    "pydantic, unknown fields": ("PStrict", filled(b"{", b'"%06d":0', b"}")),
    "pydantic, long names": ("dict[str, PItem]", filled(b"{", b'"%06d' + b"n" * 10_000 + b'":{}', b"}")),
}


# Each body is sent twice: with a limit to CPU time, and with memory traced.
CHILD = """
import json, math, resource, sys, time, tracemalloc
from apiroutes import App
from tests.support import call
from tests.schemas.test_refusal_costs import HUGE

app = App(sys.argv[1])
for number, (name, (_, content)) in enumerate(HUGE.items()):
    def post(body, accept="application/json"):
        headers = [("Content-Type", "application/json"), ("Accept", accept)]
        return call(app, "POST", f"/api/x{number}", headers, body)
    if post(b'"x"').status == 404:
        continue
    print(json.dumps([name, "begins"]), flush=True)
    limit = math.ceil(time.process_time()) + 5  # a busy machine needs more CPU time for the same
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
    post(content)
    resource.setrlimit(resource.RLIMIT_CPU, (limit + 60, resource.RLIM_INFINITY))
    tracemalloc.start()
    answer = post(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    text = post(content, "text/plain")
    places = [error["place"] for error in answer.json()["errors"]]
    print(json.dumps([name, [answer.status, peak, len(answer.body), len(text.body), places]]), flush=True)
"""


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of each body: status, peak memory, size as JSON and as text, and the places."""
    routes = {
        f"pages/api/x{number}.py": TYPES
        + (MODELS if "pydantic" in name else "")
        + f"def POST(body: {annotation}): ...\n"
        for number, (name, (annotation, _)) in enumerate(HUGE.items())
    }
    root = project(tmp_path_factory.mktemp("refusals"), routes)
    command = [sys.executable, "-c", CHILD, str(root)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300)
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", HUGE)
def test_a_megabyte_of_another_type_is_cheap_to_refuse(refused: dict[str, Any], name: str) -> None:
    assert len(HUGE[name][1]) <= MEGABYTE
    assert refused[name] != "begins", "it took more than five seconds of CPU time"
    status, peak, as_json, as_text, places = refused[name]
    assert status == 422
    assert peak < 100_000_000
    assert as_json < 64 * 1024
    assert as_text < 64 * 1024
    assert 0 < len(places) <= 100
    assert max(map(len, places)) < 250
