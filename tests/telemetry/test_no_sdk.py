"""`telemetry = true` in a process whose project has configured no SDK, which is said once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]

PROCESS = """
import logging, sys
from pathlib import Path
from apiroutes import App
from tests.support import HELLO, call, project
logging.basicConfig(format="%(levelname)s %(message)s")
files = {"pages/api/x.py": HELLO, "instrumentation.py": sys.argv[2]}
for name in ("one", "other"):
    app = App(project(Path(sys.argv[1]) / name, files), **eval(sys.argv[3]))
    app.openapi()
    print("built", file=sys.stderr)
    assert call(app, "GET", "/api/x").status == 200
"""

TRACES = """
def register():
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    trace.set_tracer_provider(TracerProvider())
"""
METRICS = """
def register():
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    metrics.set_meter_provider(MeterProvider())
"""
OFF = """
def register():
    from opentelemetry import trace
    trace.set_tracer_provider(trace.NoOpTracerProvider())
"""
NONE = "def register(): pass"


def logged(directory: Path, instrumentation: str, settings: str) -> list[str]:
    command = [sys.executable, "-c", PROCESS, str(directory), instrumentation, settings]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    ended = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stderr.splitlines()


@pytest.mark.parametrize("setting", ["True", "'detailed'"])
def test_it_is_said_once_when_the_first_app_has_started(tmp_path: Path, setting: str) -> None:
    first, warning, second = logged(tmp_path, NONE, f"{{'telemetry': {setting}}}")
    assert (first, second) == ("built", "built")
    assert warning.startswith("WARNING `telemetry` is set, but no OpenTelemetry SDK is configured: ")
    assert "`trace.set_tracer_provider(...)` in `register`" in warning


@pytest.mark.parametrize("source", [TRACES, METRICS, OFF], ids=["spans", "metrics", "explicitly nowhere"])
def test_nothing_is_said_once_register_has_configured_one(tmp_path: Path, source: str) -> None:
    assert not [line for line in logged(tmp_path, source, "{'telemetry': True}") if "no SDK" in line]


def test_nothing_is_said_without_the_setting(tmp_path: Path) -> None:
    assert logged(tmp_path, NONE, "{}") == ["built", "built"]
