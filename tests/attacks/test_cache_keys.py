"""Keys of the response cache: with every character, without end, and revalidated by their paths."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from apiroutes import App
from tests.support import Answer, call, project

RUNS = "revalidate = 60\nruns = []\ndef run(): runs.append(1); return len(runs)\n"
LISTED = "config = {'cache': {'revalidate': 60, 'query': ['page']}}\n"
FILES = {
    "pages/api/x.py": f"{RUNS}def GET(req): return {{'n': run()}}\n",
    "pages/api/listed.py": (
        f"{LISTED}{RUNS.partition(chr(10))[2]}def GET(req): return {{'n': run(), 'q': req.query}}\n"
    ),
    "pages/api/items/[id].py": f"{RUNS}def GET(params): return {{'n': run(), 'id': params['id']}}\n",
    "pages/api/rest/[...path].py": f"{RUNS}def GET(params): return {{'n': run(), 'path': params['path']}}\n",
    "pages/api/reads.py": f"{RUNS}def GET(req): return {{'n': run(), 'who': req.headers.get('X-Who')}}\n",
    "pages/api/revalidate.py": "def POST(res, body): res.revalidate(body); return 'done'\n",
}
# Every byte but those that no segment of a path may be, or hold.
BYTES = [quote(bytes([number]), safe="") for number in range(1, 256)]
TEXTS = ["ü", "日本", "\U0001f600", "e\u0301", "\u00e9", "a b", "a+b", "%41", "%", "a%", "%%41", "..a", "a.."]
QUERIES = [
    "",
    "q",
    "q=",
    "q=&",
    "&q=",
    "q=1&q=2",
    "q=2&q=1",
    "q=1;q=2",
    "Q=1",
    "q=1#",
    "q=?",
    "q=/",
    "=",
    "=1",
]
VALUES = [None, "", "a", "A", "a,b", "a, b", "-", "+", "+a", "-a", "é", '"', "\\", "a\tb", "None", "x" * 4000]
STORES: list[dict[str, Any]] = [{"cache": "memory"}, {"cache": "sqlite"}]


@pytest.fixture(params=STORES, ids=["memory", "sqlite"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> App:
    return App(project(tmp_path, FILES), **request.param)


def number(answer: Answer) -> int:
    assert answer.status == 200, answer
    n: int = answer.json()["n"]
    return n


def revalidate(app: App, path: str) -> None:
    text = [("Content-Type", "text/plain")]
    assert call(app, "POST", "/api/revalidate", text, path.encode()).status == 200


def segments() -> Iterator[str]:
    """Yield segments, percent-encoded."""
    yield from (f"x{each}y" for each in BYTES if each not in ("%2F", "%5C"))
    for text in TEXTS:
        yield quote(text, safe="")


def test_every_segment_is_a_key_of_its_own_and_is_revalidated_by_its_path(app: App) -> None:
    asked = [segment for segment in segments() if call(app, target=f"/api/items/{segment}").status == 200]
    assert len(asked) > 100
    numbers = {segment: number(call(app, target=f"/api/items/{segment}")) for segment in asked}
    assert len({*numbers.values()}) == len({call(app, target=f"/api/items/{s}").json()["id"] for s in asked})
    for segment in random.Random(17).sample(asked, 40):
        path = f"/api/items/{segment}"
        revalidate(app, path)
        assert number(call(app, target=path)) > len(asked), segment
    kept = [segment for segment in asked if number(call(app, target=f"/api/items/{segment}")) <= len(asked)]
    assert len(kept) == len(asked) - 40


def test_every_query_is_a_key_of_its_own(app: App) -> None:
    queries = [f"q={each}" for each in BYTES] + [f"q={quote(text)}" for text in TEXTS] + QUERIES
    first = [number(call(app, target=f"/api/x?{query}")) for query in queries]
    again = [number(call(app, target=f"/api/x?{query}")) for query in queries]
    assert again == first
    assert len({*first}) == len({*queries})


def test_every_value_of_a_header_is_a_key_of_its_own(app: App) -> None:
    for value in VALUES:
        headers = [] if value is None else [("X-Who", value)]
        answer = call(app, target="/api/reads", headers=headers)
        again = call(app, target="/api/reads", headers=headers)
        assert again.json() == answer.json()
        assert answer.json()["who"] == value


def test_the_parts_of_a_path_are_not_mistaken_for_each_other(app: App) -> None:
    paths = ["a/b", "a%2Fb", "a%252Fb", "a", "a/b/c", "a%2Fb/c", "a/b%2Fc", "%61/b", "a//b", "a/b/"]
    seen: dict[str, str] = {}
    for path in [*paths, *paths]:
        answer = call(app, target=f"/api/rest/{path}")
        if answer.status == 200:
            parts = repr(answer.json()["path"])
            assert seen.setdefault(parts, answer.text) == answer.text


def test_a_crowd_of_queries_leaves_what_is_bounded(tmp_path: Path) -> None:
    bounds: dict[str, Any] = {"cache_max_entries": 200, "cache_max_size": "1mb", "cache_hot_size": "100kb"}
    for kind in ("memory", "sqlite"):
        app = App(project(tmp_path / kind, FILES), cache=kind, **bounds)
        for n in range(3_000):
            target = f"/api/x?q={n}{'x' * (n % 3_000)}"
            call(app, target=target)
            if n % 3 == 0:
                call(app, target=target)
        assert app.cache is not None
        stats = app.cache.store.stats()
        assert stats["entries"] <= 200
        assert stats["size"] <= 2**20
        assert sum(size(path) for path in (tmp_path / kind).glob(".apiroutes/*")) < 12_000_000
        hot = app.cache.hot.entries
        assert sum(len(repr(key)) for key in hot) < 200_000
        assert number(call(app, target="/api/x?q=last")) == number(call(app, target="/api/x?q=last"))


def size(path: Path) -> int:
    return path.stat().st_size


def test_a_list_of_keys_keeps_the_others_out(app: App) -> None:
    numbers = {number(call(app, target=f"/api/listed?utm={n}&page=1&{n}")) for n in range(500)}
    assert numbers == {1}
    assert call(app, target="/api/listed?page=1&x=y").json()["q"] == {"page": "1"}


@pytest.mark.parametrize("count", [1, 31, 32, 33, 100, 1_000, 3_000])
def test_a_deep_path_is_an_answer_like_others(app: App, count: int) -> None:
    path = "/api/rest/" + "/".join(["a"] * count)
    first = number(call(app, target=path))
    assert number(call(app, target=path)) == first
    revalidate(app, path)
    second = number(call(app, target=path))
    assert number(call(app, target=path)) == second == first + 1
    revalidate(app, f"{path}/b")
    assert number(call(app, target=path)) == second


@pytest.mark.parametrize("word", ["x", "X-Who", "x" * 300])
def test_variants_are_few_and_the_first_ones_stay(app: App, word: str) -> None:
    for n in range(100):
        answer = call(app, target="/api/reads", headers=[("X-Who", f"{word}{n}")])
        assert answer.json()["who"] == f"{word}{n}"
    assert app.cache is not None
    assert app.cache.store.stats()["entries"] < 80
    kept = [call(app, target="/api/reads", headers=[("X-Who", f"{word}{n}")]) for n in range(32)]
    assert sum("hit" in (answer.header("Cache-Status") or "") for answer in kept) == 32
