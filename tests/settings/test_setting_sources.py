"""A wrong setting is reported at the place that gives it, in the spelling of that place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes import ProjectError
from tests.start_reports import problems_of
from tests.support import HELLO, project

TABLE = "[project]\nname = 'x'\n\n[tool.apiroutes]\n"

# files, variables and arguments: file, line, what is marked, message, remedy
WRONG: list[tuple[dict[str, str], dict[str, str], dict[str, Any], tuple[Any, ...]]] = [
    (
        {"pyproject.toml": TABLE + "prot = 1\n"},
        {},
        {},
        ("pyproject.toml", 5, "prot", "[tool.apiroutes] prot is not a setting", "Did you mean 'port'?"),
    ),
    (
        {"pyproject.toml": TABLE + "rewrites = []\n"},
        {},
        {},
        ("pyproject.toml", 5, "rewrites", "rewrites is not a setting", "import the function of the first"),
    ),
    (
        {"pyproject.toml": TABLE + "redirects = []\n"},
        {},
        {},
        ("pyproject.toml", 5, "redirects", "redirects is not a setting", "Return `redirect(url)`"),
    ),
    (
        {"pyproject.toml": TABLE + "headers = []\n"},
        {},
        {},
        ("pyproject.toml", 5, "headers", "headers is not a setting", "`res.set_header(name, value)`"),
    ),
    (
        {"pyproject.toml": TABLE + "host = 'a'\nport = 'x' # y\n"},
        {},
        {},
        ("pyproject.toml", 6, "port", "[tool.apiroutes] port: 'x' is not an int", "Correct the value"),
    ),
    (
        {"pyproject.toml": TABLE.replace("apiroutes", "apiroute") + "port = 1\n"},
        {},
        {},
        ("pyproject.toml", 4, "apiroute", "tool.apiroute is not read", "Write [tool.apiroutes]."),
    ),
    (
        {"pyproject.toml": "[apiroutes]\nport = 1\n"},
        {},
        {},
        ("pyproject.toml", 1, "apiroutes", "apiroutes is not read", "Write [tool.apiroutes]."),
    ),
    (
        {"pyproject.toml": "[tool]\napiroutes = 1\n"},
        {},
        {},
        ("pyproject.toml", 2, "apiroutes", "is not a table", "Write [tool.apiroutes]."),
    ),
    (
        {"pyproject.toml": "[tool.apiroutes]\nport = [\n"},
        {},
        {},
        ("pyproject.toml", 2, "[", "cannot be read", "Correct line 2."),
    ),
    (
        {"pyproject.toml": "x = 1\ny = = 2\n"},
        {},
        {},
        ("pyproject.toml", 2, "=", "cannot be read", "Correct line 2."),
    ),
    (
        {},
        {"APIROUTES_PORTT": "1"},
        {},
        (
            "environment",
            None,
            "APIROUTES_PORTT",
            "APIROUTES_PORTT is not a setting",
            "Did you mean APIROUTES_PORT?",
        ),
    ),
    (
        {},
        {"APIROUTES_PORT": "x"},
        {},
        ("environment", None, "APIROUTES_PORT", "APIROUTES_PORT: 'x' is not an int", "Correct the value"),
    ),
    (
        {".env": "A=1\n\nAPIROUTES_PORT=x\n"},
        {},
        {},
        (".env", 3, "APIROUTES_PORT", "APIROUTES_PORT: 'x' is not an int", "Correct the value"),
    ),
    (
        {".env": "APIROUTES_PORT=2\n", ".env.production": "\nAPIROUTES_PORT=x\n"},
        {},
        {},
        (".env.production", 2, "APIROUTES_PORT", "'x' is not an int", "Correct the value"),
    ),
    (
        {".env": "APIROUTES_PORT=1\n"},
        {"APIROUTES_PORT": "x"},
        {},
        ("environment", None, "APIROUTES_PORT", "'x' is not an int", "Correct the value"),
    ),
    ({}, {}, {"prot": 1}, ("App(...)", None, "prot", "prot is not a setting", "Did you mean 'port'?")),
    ({}, {}, {"port": "x"}, ("App(...)", None, "port", "port: 'x' is not an int", "Correct the value")),
    (
        {"pyproject.toml": TABLE + "middleware = [\n  'json:loadz',\n]\n"},
        {},
        {},
        (
            "pyproject.toml",
            6,
            "json:loadz",
            "[tool.apiroutes] middleware: 'json:loadz' cannot",
            "'json:load",
        ),
    ),
    (
        {"pyproject.toml": TABLE + "middleware = ['zz_mw:m']\n"},
        {},
        {},
        ("pyproject.toml", 5, "zz_mw:m", "No module named 'zz_mw'", "Create zz_mw.py"),
    ),
    (
        {"zz_broken.py": "\nimport requestz\n", "pyproject.toml": TABLE + "middleware = ['zz_broken:m']\n"},
        {},
        {},
        ("zz_broken.py", 2, "requestz", "No module named 'requestz'", "Did you mean `requests`?"),
    ),
    (
        {"pyproject.toml": TABLE + "readiness_path = '/api/x'\n"},
        {},
        {},
        ("pyproject.toml", 5, "readiness_path", "pages/api/x.py answers /api/x too", "Choose a path"),
    ),
    (
        {"pyproject.toml": TABLE + "readiness_path = '/ok'\nopenapi_path = '/ok'\n"},
        {},
        {},
        ("pyproject.toml", 6, "openapi_path", "readiness_path answers /ok too", "Choose another path"),
    ),
]


@pytest.mark.parametrize(("files", "variables", "arguments", "expected"), WRONG)
def test_a_wrong_setting_is_reported_at_its_place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    variables: dict[str, str],
    arguments: dict[str, Any],
    expected: tuple[Any, ...],
) -> None:
    for name in ("A", "APIROUTES_PORT"):  # so that a file's are taken back at the end
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO, **files}, **arguments)
    file, line, marked, message, remedy = expected
    assert (problem.file, problem.line) == (file, line)
    assert problem.source is not None
    assert problem.span is not None
    assert problem.source[slice(*problem.span)] == marked
    assert message in problem.message
    assert remedy in problem.remedy


def test_a_wrong_variable_does_not_show_what_may_be_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APIROUTES_SECRET_KEY", "hunter2")
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO})
    assert "hunter2" not in repr(problem)


def test_a_wrong_argument_of_an_app_in_a_file_of_the_project_has_its_line(tmp_path: Path) -> None:
    source = "from apiroutes import App\n\ndef make(root):\n    return App(root, prot=1)\n"
    project(tmp_path, {"pages/api/x.py": HELLO, "site_app.py": source})
    module: dict[str, Any] = {}
    exec(compile(source, str(tmp_path / "site_app.py"), "exec"), module)
    with pytest.raises(ProjectError) as caught:
        module["make"](tmp_path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.source) == ("site_app.py", 4, "return App(root, prot=1)")


@pytest.mark.parametrize("name", ["_docs.py", "_docs/page.py"])
def test_a_route_that_the_documentation_page_would_hide_is_a_start_error(tmp_path: Path, name: str) -> None:
    (problem,) = problems_of(tmp_path, {f"routes/api/{name}": HELLO})
    assert problem.file == f"routes/api/{name}"
    assert "the documentation page has that path" in problem.message
    assert "set `docs = false`" in problem.remedy
