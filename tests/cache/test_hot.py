"""Hits of a worker's own memory: the same as hits of the store, and never after a revalidation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, revalidate_path, revalidate_tag
from apiroutes.cache.hot import HotMemory
from apiroutes.stores.memory import MemoryStore
from tests.cache.route_cases import INTERFACES, Routed, get_of, routed, said

both = pytest.mark.parametrize("interface", INTERFACES)
TAGGED = "config = {'cache': {'revalidate': 60, 'tags': ['posts']}}"


def stored_reads(app: Routed, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return a list that gets what is read from the store from now on."""
    read: list[bytes] = []
    store: Any = app.app.cache.store
    get = store.get

    def noting(key: bytes) -> Any:
        read.append(key)
        return get(key)

    monkeypatch.setattr(store, "get", noting)
    return read


@both
@pytest.mark.parametrize("cache", ["memory", "sqlite"])
def test_the_store_is_not_asked_for_what_is_hot(
    tmp_path: Path, interface: str, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = routed(tmp_path, get_of("return req.headers.get('X-A', 'none')"), interface, cache=cache)
    requests = [{}, {"X-A": "a"}, {"X-A": "b"}]
    for _ in range(2):
        for headers in requests:
            app.get(headers=headers)
    read = stored_reads(app, monkeypatch)
    answers = [app.get(headers=headers) for headers in requests * 3]
    assert [answer.text for answer in answers] == ["none", "a", "b"] * 3
    assert [*map(said, answers)] == ["hit"] * 9
    assert read == []


@both
@pytest.mark.parametrize("cache", ["memory", "sqlite"])
@pytest.mark.parametrize("how", ["path", "tag", "below", "unsafe", "clear"])
def test_nothing_hot_outlives_a_revalidation(tmp_path: Path, interface: str, cache: str, how: str) -> None:
    app = routed(tmp_path, get_of(declared=TAGGED) + "def POST(): return 1\n", interface, cache=cache)
    for number in (1, 2, 3):
        assert [app.get().json()["n"] for _ in range(3)] == [number] * 3
        if how == "path":
            revalidate_path("/api/x")
        elif how == "tag":
            revalidate_tag("posts")
        elif how == "below":
            revalidate_path("/api", type="layout")
        elif how == "unsafe":
            app.get(method="POST")
        else:
            app.app.cache.clear()


def test_another_worker_hears_of_a_revalidation_at_once(tmp_path: Path) -> None:
    one = routed(tmp_path, get_of("return 1"), cache="sqlite")
    other = Routed(App(tmp_path, cache="sqlite"))
    for _ in range(3):
        one.get()
        other.get()
    assert [said(one.get()), said(other.get())] == ["hit", "hit"]
    revalidate_path("/api/x")
    assert said(one.get()) == "fwd=uri-miss; stored"
    revalidate_path("/api/x")
    assert said(other.get()) == "fwd=uri-miss; stored"


@both
@pytest.mark.parametrize(
    "headers", [{"Cookie": "a=b"}, {"Authorization": "a"}, {"Cookie": "__prerender_bypass=a"}]
)
def test_what_is_hot_is_for_nobody_with_credentials(
    tmp_path: Path, headers: dict[str, str], interface: str
) -> None:
    app = routed(tmp_path, get_of(), interface)
    assert [app.get().json()["n"] for _ in range(3)] == [1] * 3
    assert app.get(headers=headers).json()["n"] == 2
    assert app.get().json()["n"] == 1


def test_a_changed_head_of_one_hit_is_not_the_next_ones(tmp_path: Path) -> None:
    middleware = (
        "def middleware(req, res, next):\n    result = next()\n    res.append_header('Link', '<m>')\n"
        "    res.append_header('Vary', req.headers['X-N'])\n    return result\n"
    )
    app = routed(
        tmp_path,
        get_of("res.append_header('Link', '<h>')", "return 1"),
        files={"pages/api/_middleware.py": middleware},
    )
    answers = [app.get(headers={"X-N": f"N{number}"}) for number in range(4)]
    assert [answer.all("Link") for answer in answers] == [["<h>", "<m>"]] * 4
    assert [answer.header("Vary") for answer in answers] == [f"Cookie, N{number}" for number in range(4)]


def test_the_memory_is_bounded() -> None:
    memory = HotMemory(100, MemoryStore(max_entries=10, max_size=1000))
    for number in range(10):
        memory.put(number, number, 30, 1, 60)
    assert [*memory.entries] == [7, 8, 9]
    memory.put(8, "new", 30, 1, 60)
    assert [*memory.entries] == [7, 9, 8]
    memory.put("large", 0, 101, 1, 60)
    memory.put("unknown", 0, 1, None, 60)
    assert [*memory.entries] == [7, 9, 8]


@pytest.mark.parametrize("query", [[], ["page"]])
def test_many_queries_of_one_answer_are_bounded_too(tmp_path: Path, query: list[str]) -> None:
    declared = f"config = {{'cache': {{'revalidate': 60, 'query': {query!r}}}}}"
    app = routed(tmp_path, get_of(declared=declared), cache_hot_size="10kb")
    for number in range(100):
        assert app.get(f"/api/x?n={number}").json() == {"n": 1}
    assert len(app.app.cache.hot.entries) < 20
