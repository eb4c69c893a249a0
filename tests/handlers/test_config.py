"""The configuration of a route: its `config`, and constants with the App Router's names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from apiroutes.handlers.config import RouteConfig, read_config
from apiroutes.sizes import Size
from apiroutes.structs import replace
from tests.start_reports import problems_of, warnings_of
from tests.support import call, project

FILE = "pages/api/x.py"

DEFAULTS = RouteConfig(size_limit=Size(7, "7"), response_limit=Size(8, "8"))

SETS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"api": {}}, {}),
    ({"api": {"bodyParser": True}}, {"parse_body": True}),
    ({"api": {"bodyParser": False}}, {"parse_body": False}),
    ({"api": {"bodyParser": {}}}, {}),
    ({"api": {"bodyParser": {"sizeLimit": "2kb"}}}, {"size_limit": Size(2048, "2kb")}),
    ({"api": {"body_parser": {"size_limit": 0}}}, {"size_limit": Size(0, "0")}),
    ({"api": {"externalResolver": True}}, {"external_resolver": True}),
    ({"api": {"external_resolver": True}}, {"external_resolver": True}),
    ({"api": {"responseLimit": False}}, {"response_limit": None}),
    ({"api": {"responseLimit": True}}, {}),
    ({"api": {"response_limit": "1kb"}}, {"response_limit": Size(1024, "1kb")}),
    ({"api": {"responseLimit": {"enforce": True}}}, {"enforce_response_limit": True}),
    (
        {"api": {"responseLimit": {"limit": 5, "enforce": False}}},
        {"response_limit": Size(5, "5"), "enforce_response_limit": False},
    ),
    ({"maxDuration": 5}, {"max_duration": 5.0}),
    ({"max_duration": 0.5}, {"max_duration": 0.5}),
]


@pytest.mark.parametrize(("config", "changed"), SETS)
def test_a_config_changes_only_what_it_names(config: dict[str, Any], changed: dict[str, Any]) -> None:
    assert read_config(config, FILE, DEFAULTS) == replace(DEFAULTS, **changed)


@pytest.mark.parametrize("duration", [-1, float("nan"), float("inf"), None, "5"])
def test_a_duration_is_a_finite_number_above_zero(duration: object) -> None:
    with pytest.raises(ProjectError, match=r"config\.maxDuration is"):
        read_config({"maxDuration": duration}, FILE, DEFAULTS)


def test_every_mistake_of_a_config_is_reported_with_its_file() -> None:
    config = {
        "apis": 1,
        "api": {"bodyParser": {"sizeLimit": "x", "limit": 1}, "externalResolver": 0, "responseLimit": []},
        "maxDuration": 0,
    }
    with pytest.raises(ProjectError) as caught:
        read_config(config, FILE, DEFAULTS)
    assert [problem.file for problem in caught.value.problems] == [FILE] * 6


# -- the App Router's constants


ROUTE = "app/api/x/route.py"

GET = "def GET(): return 1\n"


@pytest.mark.parametrize("file", [FILE, ROUTE])
@pytest.mark.parametrize(
    ("source", "seconds"),
    [
        ("maxDuration = 5\n", 5),
        ("max_duration = 0.5\n", 0.5),
        ("maxDuration: int = 5\n", 5),
        ("maxDuration = 5\nconfig = {'maxDuration': 5}\n", 5),
        ("if True:\n    maxDuration = 5\n", 5),
    ],
)
def test_a_duration_is_read_from_the_module(tmp_path: Path, file: str, source: str, seconds: float) -> None:
    (resource,) = App(project(tmp_path, {file: source + GET})).resources.values()
    assert resource.module is not None
    assert resource.module.config.max_duration == seconds


def test_a_duration_of_the_module_is_enforced(tmp_path: Path) -> None:
    source = "import asyncio\nmaxDuration = 0.05\nasync def GET(): await asyncio.sleep(30)\n"
    assert call(App(project(tmp_path, {ROUTE: source}))).status == 504


WRONG_CONSTANTS = [
    ("maxDuration = 0", "`maxDuration` is 0", "above zero"),
    ("maxDuration = '5'", "`maxDuration` is '5'", "above zero"),
    ("maxDuration = True", "`maxDuration` is True", "above zero"),
    ("maxDuration = [5]", "`maxDuration` is [5]", "above zero"),
    ("max_duration = -1", "`max_duration` is -1", "above zero"),
    ("maxDuration = max_duration = 5", "'maxDuration' in two spellings", "Keep one"),
    ("maxDuration = 5; config = {'maxDuration': 6}", "config.maxDuration is 6", "Keep one"),
    ("revalidate = -1", "`revalidate` is -1", "seconds from 0, or False"),
    ("revalidate = True", "`revalidate` is True", "seconds from 0, or False"),
    ("revalidate = None", "`revalidate` is None", "seconds from 0, or False"),
    ("revalidate = 'hourly'", "`revalidate` is 'hourly'", "`_revalidate` if the name is your own"),
    ("revalidate = float('nan')", "`revalidate` is nan", "seconds from 0, or False"),
    ("dynamic = 'force-statik'", "`dynamic` is 'force-statik'", "Did you mean 'force-static'"),
    ("dynamic = True", "`dynamic` is True", "'force-dynamic'"),
]


@pytest.mark.parametrize("file", [FILE, ROUTE])
@pytest.mark.parametrize(("source", "message", "remedy"), WRONG_CONSTANTS)
def test_a_constant_with_a_wrong_value_is_a_start_error(
    tmp_path: Path, file: str, source: str, message: str, remedy: str
) -> None:
    (problem,) = problems_of(tmp_path, {file: GET + source})
    assert (problem.file, problem.line) == (file, 2)
    assert message in problem.message
    assert remedy in problem.remedy


MEANINGLESS = [
    ("runtime", "'edge'"),
    ("preferredRegion", "['iad1', 'fra1']"),
    ("preferred_region", "'auto'"),
    ("fetchCache", "'only-cache'"),
    ("fetch_cache", "'auto'"),
    ("dynamicParams", "False"),
    ("dynamic_params", "True"),
]


@pytest.mark.parametrize(("name", "value"), MEANINGLESS)
def test_constants_that_mean_nothing_here_are_listed_in_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    source = f"{GET}{name} = {value}\n"
    (warning,) = warnings_of(tmp_path, {ROUTE: source, "pages/api/y.py": source}, caplog)
    assert f"{ROUTE}:2" in warning
    assert "pages/api/y.py:2" in warning
    assert "means nothing here" in warning


QUIET = [
    "revalidate = 0",
    "dynamic = 'auto'",
    "dynamic = 'force-dynamic'",
    "maxDuration = 5",
    "def revalidate(): ...",
    "class dynamic: ...",
    "import time as runtime",
    "from math import pi as revalidate, e as maxDuration",
    "from string import digits as dynamic, ascii_letters as fetchCache",
    "fetch_cache = {}",
    "runtime = 1.5",
    "dynamic = {'a': 1}",
    "dynamic_params = ['id']",
    "revalidate = print",
    "def f():\n    runtime = 'edge'",
    "_revalidate = 'mine'",
]


@pytest.mark.parametrize("source", QUIET)
def test_a_name_of_the_modules_own_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    (resource,) = App(project(tmp_path, {ROUTE: GET + source})).resources.values()
    assert resource.module is not None
    assert resource.module.config.cache is None
    assert not caplog.records
