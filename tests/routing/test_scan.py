"""The files of a project that are no routes: guards, links, and names with another extension."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apiroutes import App
from apiroutes.cli import main
from tests.irregular_files import broken_link, directory, link_to_a_directory, looping_link, pipe
from tests.start_reports import problems_of, warnings_of
from tests.support import HELLO, call, project

STOP = "def middleware(req, res, next):\n    res.status(401).send('stopped')\n"

# the directory of a guard, and a route below it
PLACES = {
    "pages": ("pages/api/admin", "pages/api/admin/users.py"),
    "pages, above api": ("pages", "pages/api/users.py"),
    "app": ("app/api/admin", "app/api/admin/users/route.py"),
    "app, outside api": ("app/admin", "app/admin/users/route.py"),
    "app, in a group": ("app/(closed)", "app/(closed)/api/users/route.py"),
    "tanstack": ("routes/api/admin", "routes/api/admin/users.py"),
    "tanstack, with dots": ("routes/api.admin", "routes/api.admin/users.py"),
}


# the name of something in the place of a guard, and how it is made
NO_GUARDS: list[tuple[str, Callable[[Path], None]]] = [
    ("_middleware.py", broken_link),
    ("_middleware.py", looping_link),
    ("_middleware.py", link_to_a_directory),
    ("_middleware.py", directory),
    ("_middleware.py", pipe),
    ("_middleware", directory),
    ("_middleware", broken_link),
    ("_Middleware.py", directory),
]


@pytest.mark.parametrize(("name", "make"), NO_GUARDS)
@pytest.mark.parametrize("place", PLACES)
def test_anything_but_a_file_in_the_place_of_a_guard_is_a_start_error(
    tmp_path: Path, place: str, name: str, make: Callable[[Path], None]
) -> None:
    where, route = PLACES[place]
    make(project(tmp_path, {route: HELLO}) / where / name)
    (problem,) = problems_of(tmp_path)
    assert problem.file == f"{where}/{name}"
    assert "not middleware" in problem.message
    assert "_middleware.py" in problem.remedy


def test_a_link_to_a_file_may_be_a_guard(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO, "guard.py": STOP})
    (root / "pages/api/_middleware.py").symlink_to(root / "guard.py")
    assert call(App(root)).status == 401


@pytest.mark.parametrize("name", ["_middleware.py", "sub"])
def test_an_unreadable_file_or_directory_is_a_start_error(tmp_path: Path, name: str) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO, "pages/api/sub/y.py": HELLO})
    path = root / "pages/api" / name
    if name == "_middleware.py":
        path.write_text(STOP)
    path.chmod(0)
    try:
        if os.access(path, os.R_OK):
            pytest.skip("this user reads everything")
        (problem,) = problems_of(root)
    finally:
        path.chmod(0o755)
    assert problem.file == f"pages/api/{name}"
    assert "cannot be read" in problem.message


@pytest.mark.parametrize("name", ["gone.py", "gone"])
@pytest.mark.parametrize("make", [broken_link, looping_link, pipe])
def test_a_link_or_pipe_in_the_place_of_a_route_is_a_start_error(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    make(project(tmp_path, {"pages/api/x.py": HELLO}) / "pages/api" / name)
    (problem,) = problems_of(tmp_path)
    assert problem.file == f"pages/api/{name}"
    assert "no route can be in it" in problem.message


@pytest.mark.parametrize("name", ["_gone.py", ".#x.py"])
def test_a_private_name_may_be_a_broken_link(tmp_path: Path, name: str) -> None:
    broken_link(project(tmp_path, {"pages/api/x.py": HELLO}) / "pages/api" / name)
    assert call(App(tmp_path)).status == 200


def test_a_routes_directory_that_is_a_broken_link_is_a_start_error(tmp_path: Path) -> None:
    broken_link(project(tmp_path, {"pages/api/x.py": HELLO}) / "app")
    assert [problem.file for problem in problems_of(tmp_path)] == ["app"]


@pytest.mark.parametrize("name", ["_middleware.PY", "_Middleware.py", "_middleware.ts", "_middleware.api.py"])
def test_a_guard_with_almost_the_right_name_gives_a_warning(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    App(project(tmp_path, {"pages/api/x.py": HELLO, f"pages/api/{name}": STOP}))
    (record,) = caplog.records
    assert (record.levelno, record.name) == (logging.WARNING, "apiroutes")
    assert record.getMessage().startswith(f"pages/api/{name} never runs")
    result = CliRunner().invoke(main, ["check", "--root", str(tmp_path)])
    assert (result.exit_code, result.output.count(f"pages/api/{name} never runs")) == (0, 1)


@pytest.mark.parametrize(
    "file",
    [
        "pages/api/_middlewares.py",
        "pages/api/_middelware.py",
        "pages/api/.middleware.py",
        "routes/api/-middleware.py",
        "pages/middleware.py",
    ],
)
def test_a_guard_that_nothing_would_load_gives_a_warning(
    tmp_path: Path, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    App(project(tmp_path, {"pages/api/x.py": HELLO, "routes/api/y.py": HELLO, file: STOP}))
    assert [record.getMessage().startswith(f"{file} never runs") for record in caplog.records] == [True]


# -- files with another extension or name


FILE = "pages/api/x.py"

# a convention's route, and files beside it that are none because of their extension
UNLIKE = {
    "pages": (FILE, ["pages/api/b.ts", "pages/api/c.pyx", "pages/api/d.Py", "pages/api/sub/e.js"]),
    "pages, api itself": (FILE, ["pages/api.ts"]),
    "app": ("app/api/x/route.py", ["app/api/a/route.ts", "app/b/route.js"]),
    "tanstack": ("routes/api/x.py", ["routes/api.b.ts", "routes/api/$id.tsx"]),
}


@pytest.mark.parametrize("convention", UNLIKE)
def test_files_with_another_extension_are_listed_in_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, convention: str
) -> None:
    route, files = UNLIKE[convention]
    (warning,) = warnings_of(tmp_path, {route: HELLO, **dict.fromkeys(files, "")}, caplog)
    assert all(warning.count(file) == 1 for file in files)
    assert re.search("not (a route|routes)", warning)
    assert ".py" in warning


@pytest.mark.parametrize("convention", UNLIKE)
def test_files_with_another_extension_alone_are_a_start_error(tmp_path: Path, convention: str) -> None:
    _, files = UNLIKE[convention]
    (problem,) = problems_of(tmp_path, dict.fromkeys(files, ""))
    assert "no route" in problem.message
    assert all(file in problem.message for file in files)
    assert CliRunner().invoke(main, ["check", "--root", str(tmp_path)]).exit_code == 1


def test_a_project_of_app_without_a_route_file_names_its_other_files(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"app/api/users.py": HELLO})
    assert "app/api/users.py" in problem.message
    assert "app/api/users/route.py" in problem.remedy


SILENT = [
    ({FILE: HELLO, "pages/api/x.pyi": ""}, {}),
    ({FILE: HELLO, "pages/api/_b.ts": "", "pages/api/_d/e.ts": ""}, {}),
    ({FILE: HELLO, "pages/index.tsx": "", "pages/apis/b.ts": ""}, {}),
    ({FILE: HELLO, "app/page.tsx": "", "app/api/x/helper.ts": "", "app/main.py": ""}, {}),
    ({"routes/api/x.py": HELLO, "routes/api/-b.ts": "", "routes/about.tsx": ""}, {}),
    ({"pages/api/x.api.py": HELLO, "pages/api/helper.py": ""}, {"page_extensions": ["api.py"]}),
    ({FILE: HELLO, "pages/api/x.py~": ""}, {}),
]


@pytest.mark.parametrize(("files", "settings"), SILENT)
def test_files_that_cannot_be_meant_as_routes_give_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, files: dict[str, str], settings: dict[str, Any]
) -> None:
    App(project(tmp_path, files), **settings)
    assert not caplog.records
