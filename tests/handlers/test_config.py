"""What a `config` sets when it is right; its mistakes are start errors, tested with the others."""

from __future__ import annotations

from typing import Any

import pytest

from apiroutes import ProjectError
from apiroutes.handlers.config import RouteConfig, read_config
from apiroutes.sizes import Size

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
def test_a_config_changes_what_it_names_and_nothing_else(
    config: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert vars(read_config(config, FILE, DEFAULTS)) == {**vars(DEFAULTS), **changed}


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
