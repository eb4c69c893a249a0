"""The `tanstack` convention matches as the recorded TanStack router does, except in DEVIATIONS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from tests.conformance.records import Record, load
from tests.support import call, project

CASES = {case["id"]: case for case in load("tanstack.given.jsonl")}

START_ERROR = "start error"

OUTSIDE = "§1.11: routes are below `routes/api`, so `$.py` and `index.py` are not routes"
TWO_NAMES = "§1.6: two names for one place in the path are a start error"
SPLAT_NOT_LAST = "§1.7: a catch-all that is not last is a start error"
CASE_COUNTS = "§2.1: matching is case-sensitive"
DECODED = "§2.1: segments are compared decoded, so %26 is the & of a file's name"

# The recorded cases that are answered differently: the file that answers here, and what decides.
DEVIATIONS: dict[str, tuple[str | None, str]] = {
    "m084": (None, OUTSIDE),
    "m085": (None, OUTSIDE),
    "m123": ("api/$a/$b.py", CASE_COUNTS),
    "m141": (START_ERROR, TWO_NAMES),
    "m143": (START_ERROR, TWO_NAMES),
    "m188": (START_ERROR, SPLAT_NOT_LAST),
    "m189": (START_ERROR, SPLAT_NOT_LAST),
    "m190": (START_ERROR, SPLAT_NOT_LAST),
    "m191": (START_ERROR, SPLAT_NOT_LAST),
    "m279": ("api/a&b=c.py", DECODED),
    "m280": (None, CASE_COUNTS),
    "m293": (START_ERROR, TWO_NAMES + ", and there is no `params.parse` to choose between them"),
    "m294": (START_ERROR, TWO_NAMES + ", and there is no `params.parse` to choose between them"),
}

HANDLER = "from apiroutes import json\ndef GET(params): return json({{'file': {file!r}, 'params': params}})\n"
# A project needs a route, even if no file of the case is one.
OTHER = {"pages/api/other-route.py": "def GET(): return 'other'\n"}


def match(root: Path, case: Record) -> tuple[str | None, dict[str, Any]]:
    """The file that answers the case's URL here, and its parameters."""
    files = {f"routes/{file}": HANDLER.format(file=file) for file in case["files"]}
    try:
        app = App(project(root, OTHER | files))
    except ProjectError:
        return START_ERROR, {}
    answer = call(app, target=case["url"])
    if answer.status == 404:
        return None, {}
    assert answer.status == 200
    found = answer.json()
    return found["file"], found["params"]


@pytest.mark.parametrize("name", [name for name in CASES if name not in DEVIATIONS])
def test_match_is_the_recorded_one(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    assert match(tmp_path, case) == (case["file"], case["params"]), case["why"]


@pytest.mark.parametrize("name", DEVIATIONS)
def test_deviation_differs_from_the_recorded_match(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    ours, reason = DEVIATIONS[name]
    found = match(tmp_path, case)
    assert found[0] == ours, reason
    assert found != (case["file"], case["params"]), f"{name} agrees, take it off the list: {reason}"


def test_every_start_error_is_the_one_of_its_reason(tmp_path: Path) -> None:
    messages = {TWO_NAMES: "the parameter is called", SPLAT_NOT_LAST: "must be the last segment"}
    for name, (ours, reason) in DEVIATIONS.items():
        if ours == START_ERROR:
            files = {f"routes/{file}": HANDLER.format(file=file) for file in CASES[name]["files"]}
            with pytest.raises(ProjectError) as caught:
                App(project(tmp_path / name, files))
            (problem,) = caught.value.problems
            assert messages[reason.split(", and")[0]] in problem.message
