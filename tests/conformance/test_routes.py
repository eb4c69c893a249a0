"""Lists of pages are ordered, refused and matched as by the recorded router."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.routing import Route, RoutePattern, RouteTree
from apiroutes.routing.conventions import pages
from apiroutes.routing.pattern import PatternError, check
from tests.conformance.exchange import build_environ
from tests.conformance.records import Record, load
from tests.support import Answer, exchange

RECORDS = load("routes.given.jsonl")
SORTED = [record for record in RECORDS if "sorted" in record]
REFUSED = [record for record in RECORDS if record["kind"] == "sort" and "error" in record]
MATCHED = [record for record in RECORDS if record["kind"] == "match"]

# The recorded kind of error, and the message of our problem.
MESSAGES = {
    "catch-all-not-last": "a catch-all must be the last segment",
    "different-slug-names": "the parameter is called",
    "extra-brackets": r"extra bracket|is not closed by",
    "optional-parameter": "would be an optional parameter",
    "optional-then-required-catch-all": "is a catch-all at the same place",
    "required-then-optional-catch-all": "is a catch-all at the same place",
    "same-slug-repeat": "is used twice in one pattern",
    "same-specificity-as-optional-catch-all": "which this optional catch-all answers too",
    "slug-names-differ-by-non-word": "differ only in their punctuation",
    "three-dot-character": "has the single character '…'",
}

BRACKETS = "§1.8: stray brackets and dots are start errors"
CANONICAL = "§2.7: a trailing or repeated slash redirects to the canonical path, and only that is matched"
ENCODED = "§2.1: percent-encoded static segments match"
CONTROL = "§2.5: a control character in the path is a 400, and so is a space that is not percent-encoded"
INTERNAL = "§2.2: values are decoded exactly once; _NEXTSEP_ is a mark internal to Next.js"
DECIDED = {
    name: reason
    for reason, names in {
        BRACKETS: "s0099 s0112 s0113 s0116 s0118 s0148 s0149 m0101 m0102 m0103 m0104 m0105",
        CANONICAL: "m0005 m0055 m0087 m0099 m0163 m0194 m0407 m0587 m0614 m0638 m0686 m0783 m0839 m0920 m1001"
        " m1112",
        ENCODED: "m0127",
        CONTROL: "m0031 m0064 m0066",
        INTERNAL: "m0030",
    }.items()
    for name in names.split()
}


def by_id(records: Iterable[Record]) -> list[object]:
    """Each record under its id; those that are answered differently are skipped."""
    return [pytest.param(record, id=record["id"], marks=skip_decided(record["id"])) for record in records]


def skip_decided(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.skip(reason=DECIDED[name])] if name in DECIDED else []


def build_tree(listed: Iterable[str]) -> tuple[RouteTree, list[str]]:
    """The tree of the pages, each in a file of its own, and the messages about them."""
    routes, messages = [], []
    for page in dict.fromkeys(listed):
        parts = tuple(part for part in page.split("/") if part)
        try:
            segments = tuple(placed.segment for placed in pages.read((*parts, "index")))
            check(segments)
        except PatternError as error:
            messages.append(error.message)
        else:
            routes.append(Route(RoutePattern(segments), f"pages{page}.py"))
    tree = RouteTree(routes)
    return tree, messages + [problem.message for problem in tree.problems]


@pytest.mark.parametrize("record", by_id(SORTED))
def test_tree_lists_pages_in_the_recorded_order(record: Record) -> None:
    tree, messages = build_tree(record["pages"])
    assert ([str(route.pattern) for route in tree.walk()], messages) == (record["sorted"], [])


@pytest.mark.parametrize("record", by_id(REFUSED))
def test_list_that_is_refused_is_a_problem_of_the_recorded_kind(record: Record) -> None:
    _, messages = build_tree(record["pages"])
    assert any(re.search(MESSAGES[record["error"]], message) for message in messages), messages


def mount(record: Record) -> str:
    """The path that the record's list of pages is below, in the one application of all lists."""
    return f"/api/list{LISTS[tuple(record['pages'])]}"


def path_in_mount(record: Record) -> str:
    """The record's path below its mount; a path outside of /api stays as it is."""
    prefix = "/api" if record["pages"][0].startswith("/api") else ""
    below = f"{record['path']}/".startswith(f"{prefix}/")
    return mount(record) + record["path"].removeprefix(prefix) if below else str(record["path"])


LISTS = {listed: number for number, listed in enumerate(dict.fromkeys(tuple(r["pages"]) for r in MATCHED))}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    """An application whose pages, those of every list, respond with their name and parameters."""
    root = tmp_path_factory.mktemp("lists")
    for record in {mount(record): record for record in MATCHED if record["id"] not in DECIDED}.values():
        for page in record["pages"]:
            write_page(root, mount(record) + page.removeprefix("/api"), page)
    return App(root)


def write_page(root: Path, path: str, page: str) -> None:
    directory = root / "pages" / path.lstrip("/")
    directory.mkdir(parents=True, exist_ok=True)
    text = f"def handler(req, res):\n    res.json([{page!r}, req.params])\n"
    (directory / "index.py").write_text(text, encoding="utf-8")


def get(app: App, path: str) -> Answer:
    """The response of the canonical path."""
    answer = exchange(app, build_environ("GET", path))
    location = answer.header("Location")
    return answer if location is None else exchange(app, build_environ("GET", location))


@pytest.mark.parametrize("record", by_id(MATCHED))
def test_path_leads_to_the_recorded_page(record: Record, app: App) -> None:
    answer = get(app, path_in_mount(record))
    if "error" in record:
        assert answer.status == 400
    elif record["page"] is None:
        assert answer.status == 404
    else:
        assert answer.status == 200
        assert json.loads(answer.body) == [record["page"], record["params"] or {}]
