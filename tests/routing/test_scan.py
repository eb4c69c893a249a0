"""The scan: a route or a guard (`_middleware.py`) of a directory is never missing silently."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from apiroutes import App, Problem, ProjectError
from apiroutes.cli import main
from tests.directory_entries import broken_link, directory, link_to_a_directory, looping_link, pipe
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

# an entry where a guard should be: its name, and the function that makes it
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


def problems_of(root: Path) -> tuple[Problem, ...]:
    with pytest.raises(ProjectError) as caught:
        App(root)
    return caught.value.problems


@pytest.mark.parametrize(("name", "make"), NO_GUARDS)
@pytest.mark.parametrize("place", PLACES)
def test_a_guard_that_is_not_a_file_stops_the_start(
    tmp_path: Path, place: str, name: str, make: Callable[[Path], None]
) -> None:
    where, route = PLACES[place]
    make(project(tmp_path, {route: HELLO}) / where / name)
    (problem,) = problems_of(tmp_path)
    assert problem.file == f"{where}/{name}"
    assert "not middleware" in problem.message
    assert "_middleware.py" in problem.remedy


def test_a_link_to_a_file_is_a_guard(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO, "guard.py": STOP})
    (root / "pages/api/_middleware.py").symlink_to(root / "guard.py")
    assert call(App(root)).status == 401


@pytest.mark.parametrize("name", ["_middleware.py", "sub"])
def test_an_unreadable_guard_or_directory_stops_the_start(tmp_path: Path, name: str) -> None:
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
def test_a_broken_link_or_a_pipe_among_the_routes_stops_the_start(
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


def test_a_directory_of_routes_that_is_a_broken_link_stops_the_start(tmp_path: Path) -> None:
    broken_link(project(tmp_path, {"pages/api/x.py": HELLO}) / "app")
    assert [problem.file for problem in problems_of(tmp_path)] == ["app"]


@pytest.mark.parametrize("name", ["_middleware.PY", "_Middleware.py", "_middleware.ts", "_middleware.api.py"])
def test_a_guard_with_another_name_is_warned_of(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    App(project(tmp_path, {"pages/api/x.py": HELLO, f"pages/api/{name}": STOP}))
    (record,) = caplog.records
    assert (record.levelno, record.name) == (logging.WARNING, "apiroutes")
    assert record.getMessage().startswith(f"pages/api/{name} runs around no route")
    done = CliRunner().invoke(main, ["check", "--root", str(tmp_path)])
    assert (done.exit_code, done.output.count(f"pages/api/{name} runs around no route")) == (0, 1)


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
def test_a_guard_that_is_never_looked_at_is_warned_of(
    tmp_path: Path, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    App(project(tmp_path, {"pages/api/x.py": HELLO, "routes/api/y.py": HELLO, file: STOP}))
    assert [record.getMessage().startswith(f"{file} runs around no route") for record in caplog.records] == [
        True
    ]
