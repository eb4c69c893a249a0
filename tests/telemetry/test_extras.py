"""What is said at start of a library that a setting or a function needs and that is not installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from tests.support import HELLO, project


class _Missing:
    """A finder of modules that finds none of a package."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _needs(name: str, package: str) -> bool:
    """Return whether a module of ours is named after a package, and so imports it."""
    return name.startswith("apiroutes.") and package in name.rpartition(".")[2].split("_")


@pytest.fixture
def without(request: pytest.FixtureRequest) -> Iterator[str]:
    """A package that is not installed, as far as imports can tell."""
    package: str = request.param
    names = [name for name in sys.modules if name.partition(".")[0] == package or _needs(name, package)]
    hidden = {name: sys.modules.pop(name) for name in names}
    finder: Any = _Missing(package)
    sys.meta_path.insert(0, finder)
    yield package
    sys.meta_path.remove(finder)
    sys.modules.update(hidden)


@pytest.mark.parametrize(
    ("without", "line", "extra"),
    [
        ("opentelemetry", "telemetry = true", "otel"),
        ("opentelemetry", 'telemetry = "detailed"', "otel"),
        ("prometheus_client", 'metrics_path = "/metrics"', "prometheus"),
    ],
    indirect=["without"],
)
def test_a_missing_library_is_a_start_error_with_its_remedy(
    tmp_path: Path, without: str, line: str, extra: str
) -> None:
    files = {"pages/api/x.py": HELLO, "pyproject.toml": f"[tool.apiroutes]\n{line}\n"}
    with pytest.raises(ProjectError) as raised:
        App(project(tmp_path, files))
    (problem,) = raised.value.problems
    assert (problem.file, problem.line) == ("pyproject.toml", 2)
    assert problem.message == f"[tool.apiroutes] {line.partition(' ')[0]}: {without} is not installed."
    assert problem.remedy == f"Run: pip install 'apiroutes[{extra}]'"


@pytest.mark.parametrize("without", ["argon2"], indirect=True)
@pytest.mark.parametrize(
    ("source", "name", "line"),
    [
        ("from apiroutes import hash_password\n" + HELLO, "hash_password", 1),
        ("from apiroutes import json, verify_password_async as verify\n" + HELLO, "verify_password_async", 1),
        ("def GET():\n    from apiroutes import needs_rehash\n", "needs_rehash", 2),
        ("import apiroutes\ndef GET():\n    apiroutes.verify_password('a', None)\n", "verify_password", 3),
    ],
)
def test_what_hashes_passwords_is_a_start_error_where_it_is_imported(
    tmp_path: Path, without: str, source: str, name: str, line: int
) -> None:
    files = {"pages/api/x.py": "from lib import people\n" + HELLO, "lib/people.py": source}
    with pytest.raises(ProjectError) as raised:
        App(project(tmp_path, files))
    (problem,) = raised.value.problems
    assert (problem.file, problem.line) == ("lib/people.py", line)
    assert problem.message == f"imports `{name}`, but argon2-cffi is not installed."
    assert problem.remedy == "Run: pip install 'apiroutes[auth]'"


@pytest.mark.parametrize("without", ["argon2"], indirect=True)
def test_passwords_of_others_need_nothing(tmp_path: Path, without: str) -> None:
    source = "from werkzeug import security\ndef hash_password(text): return security\n" + HELLO
    assert App(project(tmp_path, {"pages/api/x.py": source}))


@pytest.mark.parametrize(
    ("without", "source", "message", "extra"),
    [
        (
            "jwt",
            "from apiroutes.middleware import jwt\n"
            "caller = jwt('k' * 32, algorithms=['HS256'], audience=None, issuer=None)\n",
            "jwt(...) needs PyJWT.",
            "auth",
        ),
        (
            "argon2",
            "from apiroutes.middleware import basic\n"
            "caller = basic({'ada': '$argon2id$v=19$m=65536,t=3,p=4$YWJj$YWJj'})\n",
            "hashing passwords needs argon2-cffi.",
            "auth",
        ),
        (
            "limits",
            "from apiroutes.middleware import rate_limit\ncaller = rate_limit('1/minute')\n",
            "limits is not installed.",
            "limits",
        ),
        (
            "redis",
            "from apiroutes.middleware import sessions\ncaller = sessions(store='redis://localhost')\n",
            "Sessions in Redis need redis-py.",
            "redis",
        ),
    ],
    indirect=["without"],
)
def test_a_step_whose_library_is_missing_is_told_at_its_line(
    tmp_path: Path, without: str, source: str, message: str, extra: str
) -> None:
    with pytest.raises(ProjectError) as raised:
        App(project(tmp_path, {"pages/api/x.py": source + HELLO}))
    (problem,) = raised.value.problems
    assert (problem.file, problem.line) == ("pages/api/x.py", 2)
    assert problem.message == f"failed to import: ImportError: {message}"
    assert problem.remedy == f"Run: pip install 'apiroutes[{extra}]'"


def test_a_setting_that_is_off_needs_nothing(tmp_path: Path) -> None:
    files = {"pages/api/x.py": HELLO, "pyproject.toml": "[tool.apiroutes]\ntelemetry = false\n"}
    assert App(project(tmp_path, files)).settings.telemetry is False


@pytest.mark.parametrize("value", ["yes", 2, "Detailed"])
def test_another_value_is_a_mistake(tmp_path: Path, value: object) -> None:
    with pytest.raises(ProjectError, match="neither true nor false nor 'detailed'"):
        App(project(tmp_path, {"pages/api/x.py": HELLO}), telemetry=value)


def test_a_metric_of_the_project_that_has_a_name_of_ours_is_a_start_error(tmp_path: Path) -> None:
    source = "from prometheus_client import Counter\nTAKEN = Counter('http_requests', 'Taken.')\n" + HELLO
    root = project(tmp_path, {"pages/api/x.py": source})
    program = f"import apiroutes\napiroutes.App({str(root)!r}, metrics_path='/metrics')"
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert "metrics_path" in ended.stderr
    assert "Give it another name" in ended.stderr
