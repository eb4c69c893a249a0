"""The names of routes in real tracers around the App, each in a process of its own, which it changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).parents[2]
# No background work of a tracer's, which would look for an agent.
QUIET = {"DD_REMOTE_CONFIGURATION_ENABLED": "false", "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false"}


def seen_by(tracer: str, interface: str, directory: Path) -> Any:
    """Return what a tracer has recorded of four requests, two of them answered with 200."""
    command = [sys.executable, "-m", "tests.telemetry.tracers", tracer, interface, str(directory)]
    ended = subprocess.run(
        command, cwd=TOP, env=os.environ | QUIET, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("interface", "unnamed"),
    [("wsgi", "generic WSGI request"), ("inside", "generic WSGI request"), ("asgi", "url")],
)
def test_sentry_names_its_transactions_and_gets_a_fault_once(
    tmp_path: Path, interface: str, unnamed: str
) -> None:
    *named, last = seen_by("sentry", interface, tmp_path)
    assert sorted(named) == [  # it does not trace HEAD
        ["event", "/api/users/[id]", "route", ["ValueError"]],
        ["transaction", "/api/users/[id]", "route", []],
        ["transaction", "/api/users/[id]", "route", []],
    ]
    assert unnamed in last


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_sentry_around_the_app_gets_each_fault_once_with_its_request(tmp_path: Path, interface: str) -> None:
    faults = {
        "GET": "ValueError",
        "POST": "ValueError",
        "PUT": "HandlerTimeout",
        "PATCH": "HandlerTimeout",
        "DELETE": "ValueError",
    }
    noted = {"tenant": "acme", "user": "42", "crumb": True, "trace": True}
    assert seen_by("sentry_scope", interface, tmp_path) == [
        {"method": method, "kinds": [kind], **noted} for method, kind in faults.items()
    ]


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_ddtrace_names_its_root_spans(tmp_path: Path, interface: str) -> None:
    assert seen_by("ddtrace", interface, tmp_path) == [
        ["GET /api/users/[id]", "/api/users/[id]", "200"],
        ["HEAD /api/users/[id]", "/api/users/[id]", "200"],
        ["GET /api/users/[id]", "/api/users/[id]", "500"],
        ["GET /nothing", None, "404"],
    ]


@pytest.mark.parametrize(
    ("interface", "unnamed"), [("wsgi", "what the program says"), ("asgi", "GET unknown route")]
)
def test_elastic_names_its_transactions(tmp_path: Path, interface: str, unnamed: str) -> None:
    assert seen_by("elastic", interface, tmp_path) == [
        "GET /api/users/[id]",
        "HEAD /api/users/[id]",
        "GET /api/users/[id]",
        unnamed,
    ]


@pytest.mark.parametrize("interface", ["wsgi", "inside"])
def test_the_middleware_of_opentelemetry_names_its_spans(tmp_path: Path, interface: str) -> None:
    assert seen_by("contrib", interface, tmp_path) == [
        ["GET /api/users/[id]", "/api/users/[id]"],
        ["HEAD /api/users/[id]", "/api/users/[id]"],
        ["GET /api/users/[id]", "/api/users/[id]"],
        ["GET /nothing", None],
    ]


def test_tracers_that_are_imported_and_not_active_cost_nothing(tmp_path: Path) -> None:
    assert seen_by("none", "wsgi", tmp_path) == [True]


def test_a_tracer_that_fails_changes_no_answer(tmp_path: Path) -> None:
    assert seen_by("broken", "wsgi", tmp_path) == [200, 200, 500, 404]
