"""What a module declares of the cache: `config["cache"]`, `revalidate` and `dynamic`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.handlers.cache_config import CacheConfig, why_not_tag
from tests.start_reports import problems_of, warnings_of
from tests.support import project

FILE = "pages/api/x.py"
GET = "def GET(): return 1\n"
YEAR = 31_536_000.0

STATIC: dict[str, Any] = {"query": (), "ignores_cookies": True, "headers": "absent"}


def cache_of(root: Path, source: str) -> CacheConfig | None:
    (resource,) = App(project(root, {FILE: GET + source})).resources.values()
    assert resource.module is not None
    return resource.module.config.cache


# what a module writes, and its lifetime, the time past it, and what else is not as usual
DECLARED: list[tuple[str, float, float, dict[str, Any]]] = [
    ("revalidate = 60", 60, YEAR - 60, {}),
    ("revalidate = 0.5", 0.5, YEAR - 0.5, {}),
    ("revalidate = 40_000_000", 40_000_000, 0, {}),
    ("revalidate = False", math.inf, 0, {}),
    ("revalidate: int = 60", 60, YEAR - 60, {}),
    ("config = {'cache': {'revalidate': 60}}", 60, YEAR - 60, {}),
    ("config = {'cache': {'revalidate': False}}", math.inf, 0, {}),
    ("revalidate = 60; config = {'cache': {'revalidate': 60.0}}", 60, YEAR - 60, {}),
    ("revalidate = False; config = {'cache': {'revalidate': False}}", math.inf, 0, {}),
    ("revalidate = 60; config = {'cache': {'stale': 5}}", 60, 5, {}),
    ("revalidate = 60; config = {'cache': {'stale': 0}}", 60, 0, {}),
    ("revalidate = False; config = {'cache': {'stale': 5}}", math.inf, 5, {}),
    ("revalidate = 60; config = {'cache': {}}", 60, YEAR - 60, {}),
    ("revalidate = 60; config = {'cache': {'tags': ['a', 'b', 'a']}}", 60, YEAR - 60, {"tags": ("a", "b")}),
    ("revalidate = 60; config = {'cache': {'tags': ('ü',)}}", 60, YEAR - 60, {"tags": ("ü",)}),
    (
        "revalidate = 60; config = {'cache': {'vary': ['Accept-Language', 'accept-language', 'DNT']}}",
        *(60, YEAR - 60, {"vary": ("Accept-Language", "DNT")}),
    ),
    (
        "revalidate = 60; config = {'cache': {'query': ['page', 'q']}}",
        *(60, YEAR - 60, {"query": ("page", "q")}),
    ),
    ("revalidate = 60; config = {'cache': {'query': []}}", 60, YEAR - 60, {"query": ()}),
    (
        "revalidate = 60; config = {'cache': {'cookies': 'ignore'}}",
        *(60, YEAR - 60, {"ignores_cookies": True}),
    ),
    ("revalidate = 60; config = {'cache': {'cookies': 'bypass'}}", 60, YEAR - 60, {}),
    ("revalidate = 60; config = {'cache': {'context': ['db']}}", 60, 0, {"context": ("db",)}),
    ("revalidate = 60; config = {'cache': {'context': ['db'], 'stale': 0}}", 60, 0, {"context": ("db",)}),
    ("revalidate = 60; config = {'cache': {'context': [], 'stale': 5}}", 60, 5, {}),
    (
        "revalidate = 60; config = {'cache': {'statuses': [302, 303, 307, 404, 410]}}",
        *(60, YEAR - 60, {"statuses": frozenset({302, 303, 307, 404, 410})}),
    ),
    ("dynamic = 'force-static'", math.inf, 0, STATIC),
    ("dynamic = 'error'", math.inf, 0, {**STATIC, "headers": "refused"}),
    ("dynamic = 'force-static'; revalidate = 60", 60, YEAR - 60, STATIC),
    (
        "dynamic = 'error'; config = {'cache': {'revalidate': 60}}",
        60,
        YEAR - 60,
        {**STATIC, "headers": "refused"},
    ),
    (
        "dynamic = 'force-static'; config = {'cache': {'tags': ['a']}}",
        math.inf,
        0,
        {**STATIC, "tags": ("a",)},
    ),
    (
        "dynamic = 'force-static'; config = {'cache': {'cookies': 'ignore', 'query': [], 'vary': []}}",
        *(math.inf, 0, STATIC),
    ),
    ("dynamic = 'auto'; revalidate = 60", 60, YEAR - 60, {}),
]


@pytest.mark.parametrize(("source", "revalidate", "stale", "more"), DECLARED)
def test_a_cache_is_declared_in_either_place(
    tmp_path: Path, source: str, revalidate: float, stale: float, more: dict[str, Any]
) -> None:
    assert cache_of(tmp_path, source) == CacheConfig(revalidate, stale, **more)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "revalidate = 0",
        "revalidate = 0.0",
        "config = {'cache': {'revalidate': 0}}",
        "revalidate = 0; config = {'cache': {'revalidate': 0}}",
        "dynamic = 'auto'",
        "dynamic = 'force-dynamic'",
        "dynamic = 'force-dynamic'; revalidate = 0",
    ],
)
def test_nothing_is_cached_unless_it_is_declared(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    assert cache_of(tmp_path, source) is None
    assert not caplog.records


def test_any_handler_and_a_declared_route_may_be_cached(tmp_path: Path) -> None:
    files = {
        "pages/api/any.py": "revalidate = 60\ndef handler(req, res): res.json(1)",
        "routes/api/declared.py": "from apiroutes import file_route\nrevalidate = 60\n"
        "Route = file_route('/api/declared', handlers={'GET': lambda: 1})",
    }
    modules = [resource.module for resource in App(project(tmp_path, files)).resources.values()]
    assert [module.config.cache.revalidate for module in modules if module and module.config.cache] == [
        60,
        60,
    ]


# one wrong key of config.cache, and what is said of it
WRONG_VALUES = [
    ("'revalidate': -1", "config.cache.revalidate is -1.", "seconds from 0, or False"),
    ("'revalidate': True", "config.cache.revalidate is True.", "seconds from 0, or False"),
    ("'revalidate': None", "config.cache.revalidate is None.", "seconds from 0, or False"),
    ("'revalidate': '60'", "config.cache.revalidate is '60'.", "seconds from 0, or False"),
    ("'revalidate': float('nan')", "config.cache.revalidate is nan.", "seconds from 0, or False"),
    ("'revalidate': float('inf')", "config.cache.revalidate is inf.", "seconds from 0, or False"),
    ("'stale': -1", "config.cache.stale is -1.", "seconds from 0"),
    ("'stale': False", "config.cache.stale is False.", "seconds from 0"),
    ("'stale': '5'", "config.cache.stale is '5'.", "seconds from 0"),
    ("'tags': 'posts'", "config.cache.tags is 'posts', not a list.", "list of strings"),
    ("'tags': ['']", "config.cache.tags: '' is empty.", "list of strings"),
    ("'tags': [1]", "config.cache.tags: 1 is not a string.", "list of strings"),
    ("'tags': ['a b']", "'a b' has a character that is not visible", "list of strings"),
    ("'tags': ['a\\n']", "has a character that is not visible", "list of strings"),
    ("'tags': ['x' * 257]", "257 characters is longer than 256", "list of strings"),
    ("'vary': 'DNT'", "config.cache.vary is 'DNT', not a list.", "names of headers"),
    ("'vary': ['Accept Language']", "'Accept Language' is not the name of a header", "names of headers"),
    ("'vary': ['']", "'' is not the name of a header", "names of headers"),
    ("'vary': [1]", "config.cache.vary: 1 is not a string.", "names of headers"),
    ("'vary': ['*']", "'*' stands for more than a key can hold", "names of headers"),
    ("'vary': ['Cookie']", "'Cookie' would give each client its own entry", "names of headers"),
    ("'vary': ['COOKIE']", "'COOKIE' would give each client its own entry", "names of headers"),
    ("'vary': ['authorization']", "'authorization' cannot be in a key", "names of headers"),
    ("'query': 'page'", "config.cache.query is 'page', not a list.", "list of keys"),
    ("'query': [1]", "config.cache.query: 1 is not a string.", "list of keys"),
    ("'cookies': 'keep'", "config.cache.cookies is 'keep'.", '"bypass" or "ignore"'),
    ("'cookies': ['ignore']", "config.cache.cookies is ['ignore'].", '"bypass" or "ignore"'),
    ("'context': 'db'", "config.cache.context is 'db', not a list.", "names in req.context"),
    ("'context': [None]", "config.cache.context: None is not a string.", "names in req.context"),
    ("'statuses': 404", "config.cache.statuses is 404, not a list.", "302, 303, 307, 404, 410"),
    ("'statuses': [404, 500]", "config.cache.statuses has 500.", "302, 303, 307, 404, 410"),
    ("'statuses': ['404']", "config.cache.statuses has '404'.", "302, 303, 307, 404, 410"),
    ("'statuses': [[]]", "config.cache.statuses has [].", "302, 303, 307, 404, 410"),
    ("'tag': ['posts']", "config.cache has the unknown key 'tag'.", "Did you mean 'tags'"),
    ("1: 2", "config.cache has the unknown key 1.", "'revalidate'"),
]


@pytest.mark.parametrize(("item", "message", "remedy"), WRONG_VALUES)
def test_a_wrong_value_is_a_start_error(tmp_path: Path, item: str, message: str, remedy: str) -> None:
    source = f"{GET}config = {{'cache': {{\n{item}\n}}}}\n"
    if "'revalidate'" not in item:
        source += "revalidate = 60\n"
    (problem,) = problems_of(tmp_path, {FILE: source})
    assert problem.file == FILE
    assert problem.line == (2 if item == "1: 2" else 3)
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("item", "remedy"),
    [
        ("'revalidate': 60", '`config = {"cache": {"revalidate": ...}}`'),
        ("'tags': ['posts']", '`config = {"cache": {"tags": ...}}`'),
        ("'dynamic': 'force-static'", "`dynamic = ...`"),
    ],
)
def test_a_key_in_the_wrong_place_is_told_the_right_one(tmp_path: Path, item: str, remedy: str) -> None:
    (problem,) = problems_of(tmp_path, {FILE: f"{GET}config = {{{item}}}"})
    assert problem.message.startswith("config has the unknown key")
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    "source",
    [
        "import datetime as d; revalidate = d.timedelta(minutes=1)",
        "import datetime as d; config = {'cache': {'revalidate': d.timedelta(minutes=1)}}",
    ],
)
def test_a_time_is_a_number_of_seconds(tmp_path: Path, source: str) -> None:
    (problem,) = problems_of(tmp_path, {FILE: GET + source})
    assert "is datetime.timedelta(seconds=60)" in problem.message
    assert "seconds from 0, or False" in problem.remedy


@pytest.mark.parametrize("value", ["True", "60", "['posts']", "None"])
def test_a_cache_is_a_dict(tmp_path: Path, value: str) -> None:
    (problem,) = problems_of(tmp_path, {FILE: f"{GET}config = {{'cache': {value}}}"})
    assert problem.message == f"config.cache is {value}, not a dict."
    assert "'revalidate', 'stale', 'tags'" in problem.remedy


# what a module writes in its second line, and what contradicts itself
CONTRADICTIONS = [
    ("revalidate = 60; config = {'cache': {'revalidate': 30}}", "config.cache.revalidate is 30"),
    ("revalidate = 60; config = {'cache': {'revalidate': False}}", "config.cache.revalidate is False"),
    ("revalidate = False; config = {'cache': {'revalidate': 0}}", "config.cache.revalidate is 0"),
    ("revalidate = 0; config = {'cache': {'revalidate': False}}", "config.cache.revalidate is False"),
    ("dynamic = 'force-dynamic'; revalidate = 60", "`dynamic` is 'force-dynamic'"),
    ("dynamic = 'force-dynamic'; revalidate = False", "`dynamic` is 'force-dynamic'"),
    ("dynamic = 'force-dynamic'; config = {'cache': {'revalidate': 60}}", "`dynamic` is 'force-dynamic'"),
    ("dynamic = 'force-static'; revalidate = 0", "`revalidate` is 0"),
    ("dynamic = 'error'; revalidate = 0", "`revalidate` is 0"),
    ("dynamic = 'force-static'; config = {'cache': {'cookies': 'bypass'}}", "which means 'ignore' here"),
    ("dynamic = 'force-static'; config = {'cache': {'query': ['page']}}", "which means [] here"),
    ("dynamic = 'error'; config = {'cache': {'vary': ['DNT']}}", "which means [] here"),
    (
        "config = {'cache': {'revalidate': 60, 'context': ['db'], 'stale': 5}}",
        "config.cache.stale recomputes",
    ),
    ("config = {'cache': {}}", "config.cache has no `revalidate`"),
    ("config = {'cache': {'tags': ['posts']}}", "config.cache has no `revalidate`"),
    ("dynamic = 'auto'; config = {'cache': {'stale': 5}}", "config.cache has no `revalidate`"),
]


@pytest.mark.parametrize(("source", "message"), CONTRADICTIONS)
def test_what_contradicts_itself_is_a_start_error(tmp_path: Path, source: str, message: str) -> None:
    (problem,) = problems_of(tmp_path, {FILE: GET + source})
    assert (problem.file, problem.line) == (FILE, 2)
    assert message in problem.message
    assert problem.remedy


def test_every_mistake_is_reported_with_its_line(tmp_path: Path) -> None:
    source = (
        "revalidate = 60\n"
        "config = {\n"
        "    'maxDuration': 0,\n"
        "    'cache': {\n"
        "        'revalidate': 30,\n"
        "        'stale': -1,\n"
        "        'tags': [''],\n"
        "        'vary': ['*'],\n"
        "    },\n"
        "}\n"
        "def POST(): ...\n"
    )
    found = problems_of(tmp_path, {FILE: source, "pages/api/y.py": f"{GET}revalidate = -1"})
    assert [problem.line for problem in found if problem.file == FILE] == [3, 6, 7, 8, 1]
    assert [problem.line for problem in found if problem.file == "pages/api/y.py"] == [2]


@pytest.mark.parametrize("declared", ["revalidate = 60", "config = {'cache': {'revalidate': 60}}"])
def test_a_cache_needs_a_get(tmp_path: Path, declared: str) -> None:
    (problem,) = problems_of(tmp_path, {FILE: f"def POST(): return 1\n{declared}"})
    assert (problem.file, problem.line) == (FILE, 2)
    assert problem.message == "caches the answers of GET, but has no `GET` or `handler`."


def test_a_module_without_a_get_that_caches_nothing_is_right(tmp_path: Path) -> None:
    App(project(tmp_path, {FILE: "def POST(): return 1\nrevalidate = 0\ndynamic = 'force-dynamic'"}))


@pytest.mark.parametrize(
    "source",
    [
        "revalidate = 0; config = {'cache': {'tags': ['posts']}}",
        "config = {'cache': {'revalidate': 0, 'tags': ['posts']}}",
        "dynamic = 'force-dynamic'; config = {'cache': {'tags': ['posts']}}",
    ],
)
def test_what_has_no_effect_beside_a_lifetime_of_zero_gives_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    (warning,) = warnings_of(tmp_path, {FILE: GET + source}, caplog)
    assert warning.startswith(f"{FILE}:2 config.cache.tags has no effect")


@pytest.mark.parametrize("tag", ["a", "x" * 256, "größe", "a/b?c", "\N{SNOWMAN}"])
def test_a_tag_has_visible_characters(tag: str) -> None:
    assert why_not_tag(tag) is None


@pytest.mark.parametrize("tag", ["", "x" * 257, " ", "a b", "a\0", "\u2003", "\ud800", None, b"a", 1])
def test_anything_else_is_no_tag(tag: object) -> None:
    assert why_not_tag(tag) is not None


# -- lifetimes without an end --------------------------------------------------------------------

TEN_YEARS = 315_360_000


@pytest.mark.parametrize("value", [TEN_YEARS + 1, 10**30, 10**400, 1e300])
@pytest.mark.parametrize(
    ("source", "line"), [("revalidate = {0}", 2), ("config = {{'cache': {{'revalidate': {0}}}}}", 2)]
)
def test_a_lifetime_of_more_than_ten_years_is_refused(
    tmp_path: Path, source: str, line: int, value: float
) -> None:
    (problem,) = problems_of(tmp_path, {FILE: GET + source.format(value)})
    assert (problem.file, problem.line) == (FILE, line)
    assert "more than ten years" in f"{problem.message} {problem.remedy}"
    assert "False" in problem.remedy


def test_ten_years_are_right(tmp_path: Path) -> None:
    found = cache_of(tmp_path, f"revalidate = {TEN_YEARS}\nconfig = {{'cache': {{'stale': {TEN_YEARS}}}}}")
    assert found is not None
    assert (found.revalidate, found.stale) == (TEN_YEARS, TEN_YEARS)


@pytest.mark.parametrize("value", [TEN_YEARS + 1, 10**30, 10**400])
def test_as_long_a_time_for_old_answers_is_refused(tmp_path: Path, value: float) -> None:
    source = f"config = {{'cache': {{'revalidate': 60, 'stale': {value}}}}}"
    (problem,) = problems_of(tmp_path, {FILE: GET + source})
    assert "more than ten years" in problem.message


@pytest.mark.parametrize("source", ["maxDuration = {0}", "config = {{'maxDuration': {0}}}"])
def test_a_duration_that_no_float_holds_is_refused(tmp_path: Path, source: str) -> None:
    (problem,) = problems_of(tmp_path, {FILE: GET + source.format(10**400)})
    assert "above zero" in problem.remedy
