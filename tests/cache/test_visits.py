"""A request's way through the store: variants and their directory, entries of others, a store that fails."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from apiroutes import revalidate_path
from apiroutes.stores import Entry, Store, StoreError, open_store
from apiroutes.structs import replace
from tests.cache.route_cases import INTERFACES, NOT_HOT, Clock, Routed, get_of, routed, said
from tests.support import until

both = pytest.mark.parametrize("interface", INTERFACES)
stores = pytest.mark.parametrize("cache", ["memory", "sqlite"])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


# -- variants ------------------------------------------------------------------------------------

BY_LANGUAGE = get_of("return [len(seen), req.headers.get('Accept-Language')]")
DECLARED = "config = {'cache': {'revalidate': 60, 'vary': ['accept-language']}}"


def in_language(app: Routed, language: str | None) -> Any:
    return app.get(headers={} if language is None else {"Accept-Language": language}).json()


@both
@stores
def test_a_url_has_32_variants_and_all_others_are_answered(
    tmp_path: Path, cache: str, interface: str
) -> None:
    app = routed(tmp_path, BY_LANGUAGE, interface, cache=cache)
    languages = [f"l{number}" for number in range(40)]
    first = [app.get(headers={"Accept-Language": language}) for language in languages]
    again = [app.get(headers={"Accept-Language": language}) for language in languages]
    assert [answer.json()[1] for answer in first + again] == languages * 2
    assert [said(answer) for answer in again[:32]] == ["hit"] * 32
    assert {said(answer) for answer in (*first[32:], *again[32:])} == {"fwd=vary-miss; detail=variants"}


@both
@stores
def test_variants_that_are_too_old_make_room_for_others(
    tmp_path: Path, clock: Clock, cache: str, interface: str
) -> None:
    """Whoever sends invented values takes the room for as long as these last."""
    source = get_of(
        "return [len(seen), req.headers.get('Accept-Language')]",
        declared="config = {'cache': {'revalidate': 60, 'stale': 30}}",
    )
    app = routed(tmp_path, source, interface, cache=cache, **NOT_HOT)
    for number in range(32):
        in_language(app, f"invented{number}")
    clock.step(91)
    languages = [f"l{number}" for number in range(32)]
    first = [app.get(headers={"Accept-Language": language}) for language in languages]
    again = [app.get(headers={"Accept-Language": language}) for language in languages]
    assert [answer.json()[1] for answer in first] == languages
    # Each looks at a few alone; once nearly all are fresh, it may miss the last that are too old.
    hits = [said(answer) for answer in again].count("hit")
    assert hits >= 16
    assert [answer.json() for answer in again if said(answer) == "hit"] == [
        answer.json() for answer, later in zip(first, again) if said(later) == "hit"
    ]


@both
def test_one_that_is_too_old_makes_room(tmp_path: Path, clock: Clock, interface: str) -> None:
    """Sooner or later, as each request looks at a few."""
    source = get_of(
        "return [len(seen), req.headers.get('Accept-Language')]",
        declared="config = {'cache': {'revalidate': 60, 'stale': 30}}",
    )
    app = routed(tmp_path, source, interface, **NOT_HOT)
    in_language(app, "old")
    clock.step(60)
    for number in range(31):
        in_language(app, f"l{number}")
    clock.step(40)
    until(lambda: said(app.get(headers={"Accept-Language": "new"})) == "hit")


def test_what_is_stale_keeps_its_room(tmp_path: Path, clock: Clock) -> None:
    app = routed(tmp_path, BY_LANGUAGE, **NOT_HOT)
    for number in range(32):
        in_language(app, f"l{number}")
    clock.step(61)
    answers = [app.get(headers={"Accept-Language": f"new{number}"}) for number in range(10)]
    assert {said(answer) for answer in answers} == {"fwd=vary-miss; detail=variants"}


def test_the_room_for_variants_is_free_after_a_revalidation(tmp_path: Path) -> None:
    app = routed(tmp_path, BY_LANGUAGE)
    for number in range(33):
        in_language(app, f"l{number}")
    revalidate_path("/api/x")
    answers = [app.get(headers={"Accept-Language": "new"}) for _ in range(2)]
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", "hit"]


@pytest.mark.parametrize(
    ("lines", "vary"),
    [
        (("return str(req.headers.get('Accept-Language'))",), "Accept-Language, Cookie"),
        (("res.set_header('Vary', 'Accept-Language')", "return 1"), "Accept-Language, Cookie"),
        (
            ("res.set_header('Vary', 'accept-language , ORIGIN')", "return 1"),
            "accept-language, ORIGIN, Cookie",
        ),
        (("res.set_header('Vary', 'Cookie')", "return 1"), "Cookie"),
        (("res.set_header('Vary', 'Host')", "return 1"), "Host, Cookie"),
        (("res.set_header('Vary', '')", "return 1"), "Cookie"),
    ],
)
def test_vary_has_each_header_of_the_key_once(tmp_path: Path, lines: tuple[str, ...], vary: str) -> None:
    app = routed(tmp_path, get_of(*lines))
    answers = [app.get(), app.get(), app.get()]
    assert [answer.all("Vary") for answer in answers] == [[vary]] * 3
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", "hit", "hit"]


@both
def test_a_declared_header_is_in_the_key_and_as_written_in_vary(tmp_path: Path, interface: str) -> None:
    app = routed(tmp_path, get_of(declared=DECLARED), interface)
    languages = ["de", "fr", "de", None, "fr", ""]
    assert [in_language(app, language)["n"] for language in languages] == [1, 2, 1, 3, 2, 4]
    assert app.get().header("Vary") == "accept-language, Cookie"


@both
@stores
def test_the_names_of_the_headers_may_grow(tmp_path: Path, cache: str, interface: str) -> None:
    lines = (
        "lang = req.headers.get('Accept-Language')",
        "return [len(seen), lang, req.headers.get('X-Plan') if lang == 'de' else None]",
    )
    app = routed(tmp_path, get_of(*lines), interface, cache=cache, **NOT_HOT)

    def ask(lang: str, plan: str) -> Any:
        return app.get(headers={"Accept-Language": lang, "X-Plan": plan}).json()[1:]

    for _ in range(2):
        for lang, plan in (("fr", "a"), ("fr", "b"), ("de", "a"), ("de", "b"), ("fr", "a"), ("de", "a")):
            assert ask(lang, plan) == [lang, plan if lang == "de" else None]
    runs = len(app.seen)
    for lang, plan in (("fr", "a"), ("de", "a"), ("de", "b")):
        ask(lang, plan)
    assert len(app.seen) == runs


def test_variants_are_revalidated_together(tmp_path: Path) -> None:
    app = routed(tmp_path, BY_LANGUAGE)
    assert [in_language(app, language) for language in ("de", "fr", "de")] == [
        [1, "de"],
        [2, "fr"],
        [1, "de"],
    ]
    revalidate_path("/api/x")
    assert [in_language(app, language) for language in ("de", "fr", "de")] == [
        [3, "de"],
        [4, "fr"],
        [3, "de"],
    ]


def test_each_variant_is_computed_anew_with_its_own_headers(tmp_path: Path, clock: Clock) -> None:
    app = routed(tmp_path, BY_LANGUAGE, **NOT_HOT)
    languages = ("de", "fr", None)
    assert [in_language(app, language)[0] for language in languages] == [1, 2, 3]
    clock.step(61)
    assert [in_language(app, language) for language in languages] == [[1, "de"], [2, "fr"], [3, None]]
    until(partial(app.has_run, 6))
    shown = [in_language(app, language) for language in languages]
    assert [language for _, language in shown] == [*languages]
    assert {number for number, _ in shown} == {4, 5, 6}


@both
def test_a_directory_that_is_lost_is_made_anew(tmp_path: Path, interface: str) -> None:
    app = routed(tmp_path, BY_LANGUAGE, interface, **NOT_HOT)
    languages = ("de", "fr")
    assert [in_language(app, language)[0] for language in languages] == [1, 2]
    app.app.cache.store.remove(next(key for key, entry in kept(app) if entry.content[:1] == b"D"))
    shown = [in_language(app, language) for language in (*languages, *languages)]
    assert [language for _, language in shown] == [*languages] * 2
    assert shown[2:] == shown[:2]


def kept(app: Routed) -> list[tuple[bytes, Entry]]:
    """Return what the store in memory has."""
    contents = app.app.cache.store._contents  # type: ignore[attr-defined]
    return [(key, one.entry) for key, one in contents.entries.items()]


# -- what is not ours ----------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "content", [b"", b"A", b"A\xc1", b"A\x90", b"D\x90", b"X", b"\x01whatever", b"A" * 99]
)
@pytest.mark.parametrize("is_stale", [False, True])
def test_an_entry_that_cannot_be_read_is_a_miss(
    tmp_path: Path, content: bytes, is_stale: bool, interface: str, clock: Clock
) -> None:
    """And is removed: the next answer takes its place."""
    app = routed(tmp_path, get_of(), interface, **NOT_HOT)
    app.get()
    ((key, entry),) = kept(app)
    store = app.app.cache.store
    store.put(key, replace(entry, content=content), store.begin(key))
    if is_stale:
        clock.step(61)
    answers = [app.get(), app.get(), app.get()]
    assert [answer.status for answer in answers] == [200] * 3
    if content[:1] != b"\0":  # which lets nobody wait for a while
        assert [answer.json()["n"] for answer in answers[1:]] == [answers[1].json()["n"]] * 2
    assert said(answers[2]) == "hit"
    assert store.stats()["leases"] == 0


def test_the_answer_of_another_key_is_not_served(tmp_path: Path) -> None:
    """As after a collision of digests: the whole key is compared."""
    app = routed(tmp_path, get_of("return req.query_string.decode()"), **NOT_HOT)
    app.get("/api/x?a")
    ((_, entry),) = kept(app)
    app.get("/api/x?b")
    (other,) = [key for key, one in kept(app) if one != entry]
    store = app.app.cache.store
    store.put(other, entry, store.begin(other))
    assert [app.get("/api/x?b").text for _ in range(3)] == ["b"] * 3
    assert app.get("/api/x?a").text == "a"


# -- a store that fails --------------------------------------------------------------------------

METHODS = ["get", "put", "remove", "begin", "lease", "release", "generation"]


class FaultyStore:
    """A store of which one method fails; `failed` counts how often."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.failing: set[str] = set()
        self.failed = 0

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._store, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if name in self.failing:
                self.failed += 1
                if name == "generation":
                    return None
                raise StoreError("the test has it fail")
            return method(*arguments, **named)

        return call


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> list[FaultyStore]:
    """The stores of the test's Apps."""
    made: list[FaultyStore] = []

    def open_faulty(*arguments: Any) -> Any:
        made.append(FaultyStore(open_store(*arguments)))
        return made[-1]

    monkeypatch.setattr("apiroutes.project.cache_store.open_store", open_faulty)
    return made


@both
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("lines", [(), ("return [len(seen), req.headers.get('X-A')]",)])
def test_a_store_that_fails_is_a_miss(
    tmp_path: Path, faulty: list[FaultyStore], method: str, lines: tuple[str, ...], interface: str
) -> None:
    app = routed(tmp_path, get_of(*lines), interface)
    (store,) = faulty
    store.failing = {method}
    answers = [app.get(), app.get(), app.get(method="HEAD"), app.get(headers={"Range": "bytes=0-0"})]
    assert [answer.status for answer in answers] == [200] * 4
    if method in ("get", "lease", "put"):
        assert {said(answer) for answer in answers[:3]} == {"fwd=uri-miss; detail=store"}
        assert [answer.header("Cache-Control") for answer in answers[:3]] == [None] * 3
    store.failing = set()
    revalidate_path("/api/x")
    answers = [app.get(), app.get()]
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", "hit"]


@pytest.mark.parametrize("method", METHODS)
def test_what_is_stale_is_served_while_the_store_fails_otherwise(
    tmp_path: Path, faulty: list[FaultyStore], clock: Clock, method: str
) -> None:
    app = routed(tmp_path, get_of(), **NOT_HOT)
    app.get()
    clock.step(61)
    (store,) = faulty
    store.failing = {method}
    answers = [app.get() for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    store.failing = set()
    until(lambda: app.get().json()["n"] > 1)


@both
def test_what_is_stale_is_served_although_its_lease_cannot_be_asked_for(
    tmp_path: Path, faulty: list[FaultyStore], clock: Clock, interface: str
) -> None:
    app = routed(tmp_path, get_of(), interface, **NOT_HOT)
    app.get()
    clock.step(61)
    (store,) = faulty
    store.failing = {"lease"}
    answers = [app.get() for _ in range(3)]
    assert [(said(answer), answer.json()) for answer in answers] == [("hit", {"n": 1})] * 3
    assert (len(app.seen), store.failed) == (1, 3)


def test_all_that_fails_at_once_is_a_miss_too(tmp_path: Path, faulty: list[FaultyStore]) -> None:
    app = routed(tmp_path, get_of())
    faulty[0].failing = {*METHODS, "bump", "clear", "stats", "known_generation"}
    assert [app.get().json()["n"] for _ in range(3)] == [1, 2, 3]
    assert app.get(method="HEAD").status == 200
