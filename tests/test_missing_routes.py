"""A project without routes, and files that are almost routes: what is there, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from apiroutes import App, ProjectError
from apiroutes.cli import main
from tests.start_reports import problems_of, warnings_of
from tests.support import HELLO, project

# the only file of a project: file, message, remedy
ONLY = {
    "README.md": (
        "pages/api",
        "there is no route in",
        "Create pages/api/hello.py with `def handler(req, res)",
    ),
    "pages/hello.py": ("pages/hello.py", "routes of pages/ are in api/", "Move it to pages/api/hello.py."),
    "routes/hello.py": (
        "routes/hello.py",
        "routes of routes/ are in api/",
        "Move it to routes/api/hello.py.",
    ),
    "app/api/hello.py": (
        "app/api/hello.py",
        "Not routes: app/api/hello.py",
        "Call it app/api/hello/route.py.",
    ),
    "api/hello.py": ("api", "Routes must be in pages/api", "Move it: `mkdir pages && mv api pages/api`."),
    "pages/API/hello.py": ("pages/API", "Routes must be in pages/api", "Move it: `mv pages/API pages/api`."),
    "Pages/api/hello.py": ("Pages/api", "Routes must be in pages/api", "mv Pages/api pages/api`."),
    "pages/api/[id].pyx": ("pages/api/[id].pyx", "Not routes: pages/api/[id].pyx", "to pages/api/[id].py,"),
    "pages/api/hello.Py": ("pages/api/hello.Py", "Not routes", "Rename it to pages/api/hello.py,"),
    "pages/api/hello.py.txt": ("pages/api/hello.py.txt", "Not routes", "Rename it to pages/api/hello.py,"),
    "pages/api/hello": ("pages/api/hello", "Not routes", "Rename it to pages/api/hello.py,"),
    "app/api/Route.py": ("app/api/Route.py", "Not routes", "Rename it to app/api/route.py,"),
    "app/api/y/page.py": ("app/api/y/page.py", "Not routes", "Call it app/api/y/route.py."),
    "api/__init__.py": ("pages/api", "there is no route in", "Create pages/api/hello.py"),  # a package
    "pages/api/.keep": ("pages/api", "pages/api contains no route file", "Create pages/api/hello.py"),
    "app/api/.keep": ("app/api", "app/api contains no route file", "Create app/api/hello/route.py"),
}


@pytest.mark.parametrize("name", ONLY)
def test_a_project_without_a_route_says_what_is_there_instead(tmp_path: Path, name: str) -> None:
    file, message, remedy = ONLY[name]
    (problem,) = problems_of(tmp_path, {name: HELLO})
    assert problem.file == file
    assert message in problem.message
    assert remedy in problem.remedy
    result = CliRunner().invoke(main, ["check", "--root", str(tmp_path)])
    assert (result.exit_code, remedy in result.output) == (1, True)


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("pages/api/_db.py", "pages/api/hello.py"),
        ("pages/api/users/_db.py", "pages/api/hello.py"),
        ("routes/api/-db.py", "routes/api/hello.py"),
    ],
)
def test_a_project_of_private_files_alone_starts_and_does_not_pass_the_check(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, example: str
) -> None:
    App(project(tmp_path, {name: "x = 1\n"}))
    (warning,) = caplog.messages
    assert "there is no route in" in warning
    assert f"Create {example}" in warning
    result = CliRunner().invoke(main, ["check", "--root", str(tmp_path)])
    assert (result.exit_code, warning in result.output) == (1, True)


@pytest.mark.parametrize(
    ("directory", "way"),
    [
        ("", "`cd shop`, or add `--root shop`"),
        ("shop/pages", "`cd ..`, or add `--root ..`"),
        ("shop/pages/api", "`cd ../..`, or add `--root ../..`"),
        ("shop/lib", "`cd ..`, or add `--root ..`"),
    ],
)
def test_a_project_nearby_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str, way: str
) -> None:
    project(tmp_path, {"shop/pages/api/x.py": HELLO, "shop/lib/__init__.py": ""})
    monkeypatch.chdir(tmp_path / directory)
    with pytest.raises(ProjectError) as caught:
        App()
    (problem,) = caught.value.problems
    assert f"There is a project in {tmp_path / 'shop'}." in problem.message
    assert f"Type {way}." == problem.remedy
    root = way.partition("--root ")[2].strip("`")
    assert CliRunner().invoke(main, ["check", "--root", root]).exit_code == 0
    os.chdir(way.partition("cd ")[2].partition("`")[0])
    assert CliRunner().invoke(main, ["check"]).exit_code == 0


def test_a_root_inside_the_project_that_is_here_is_told_to_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path, {"pages/api/x.py": HELLO}))
    result = CliRunner().invoke(main, ["check", "--root", "pages"])
    assert result.exit_code == 1
    assert "Leave out `--root`" in result.output
    assert "`cd" not in result.output


@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        ("nowhere", "does not exist", "Pass the directory that contains pages/, app/ or routes/."),
        ("shopp", "does not exist", "Did you mean 'shop'?"),
        ("shop/app.py", "is a file", "Pass the directory that contains it: 'shop'."),
    ],
)
def test_a_directory_that_is_none_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str, remedy: str
) -> None:
    project(tmp_path, {"shop/pages/api/x.py": HELLO, "shop/app.py": ""})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError) as caught:
        App(name)
    (problem,) = caught.value.problems
    assert problem.file == name
    assert message in problem.message
    assert remedy in problem.remedy


# a file beside a route: the warning
LITERAL = "{} has the literal segment '{}', which is not a parameter. Call it {}."
BESIDE = {
    "pages/hello.py": (
        "pages/hello.py is not a route: routes of pages/ are in api/. Move it to pages/api/hello.py."
    ),
    "app/api/hello.py": (
        "app/api/hello.py is not a route: routes of app/ are called route.py. Call it app/api/hello/route.py."
    ),
    **{
        name: f"{name} is not a route: routes of app/ are called route.py. Call it app/api/y/route.py."
        for name in ("app/api/y/routes.py", "app/api/y/page.py", "app/api/y/GET.py")
    },
    "app/api/y/Route.py": (
        "app/api/y/Route.py is not a route: the name of a route file must be in lower case. "
        "Call it app/api/y/route.py."
    ),
    **{
        name: f"{name} is not a route: routes are in pages/api. Move it to pages/api/y.py."
        for name in ("api/y.py", "src/pages/api/y.py", "pages/API/y.py")
    },
    "src/app/api/y/route.py": (
        "src/app/api/y/route.py is not a route: routes are in app. Move it to app/api/y/route.py."
    ),
    "pages/api/{id}.py": LITERAL.format("pages/api/{id}.py", "{id}", "[id].py"),
    "pages/api/<int:id>.py": LITERAL.format("pages/api/<int:id>.py", "<int:id>", "[id].py"),
    "pages/api/:id/y.py": LITERAL.format("pages/api/:id/y.py", ":id", "[id]"),
    "pages/api/$id.py": LITERAL.format("pages/api/$id.py", "$id", "[id].py"),
    "routes/api/:id.py": LITERAL.format("routes/api/:id.py", ":id", "$id.py"),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_file_that_is_almost_a_route_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    assert warnings_of(tmp_path, {"pages/api/x.py": HELLO, name: HELLO}, caplog) == [BESIDE[name]]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("pages/views.py", "def home(request): ...\n"),
        ("pages/models.py", "class Page: ...\n"),
        ("app/hello.py", "def start(): ...\n"),
        ("app/api/helper.py", "def get_all(): ...\n"),
        ("routes/api/$id.py", HELLO),
        ("pages/api/price$.py", HELLO),
        ("api/models.py", "class Page: ...\n"),
        ("src/pages/api/_db.py", HELLO),
    ],
)
def test_a_file_of_something_else_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, source: str
) -> None:
    assert warnings_of(tmp_path, {"pages/api/x.py": HELLO, name: source}, caplog) == []
