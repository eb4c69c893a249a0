"""The files of a project are loaded as modules of a package that is the project's alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.start_reports import problems_of
from tests.support import HELLO, call, project

SEND_NAME = "from {} import NAME\ndef handler(req, res):\n    res.send(NAME)\n"

NAME = "NAME = {!r}\n"


@pytest.mark.parametrize(
    ("route", "target", "module", "helper"),
    [
        ("pages/api/x.py", "/api/x", "._h", "pages/api/_h.py"),
        ("pages/api/a/[id].py", "/api/a/1", ".._h", "pages/api/_h.py"),
        ("pages/api/[id]/[...rest].py", "/api/1/2", "._h", "pages/api/[id]/_h.py"),
        ("pages/api/v1.0/x.py", "/api/v1.0/x", "._h", "pages/api/v1.0/_h.py"),
        ("pages/api/x.py", "/api/x", "...lib.h", "lib/h.py"),
        ("pages/api/x.py", "/api/x", "h_of_project", "h_of_project.py"),
        ("pages/api/post/x.py", "/api/post/x", "._h", "pages/api/post/_h.py"),
    ],
)
def test_imports_reach_the_project(tmp_path: Path, route: str, target: str, module: str, helper: str) -> None:
    files = {route: SEND_NAME.format(module), helper: NAME.format("found")}
    assert call(App(project(tmp_path, files)), target=target).body == b"found"


def test_a_file_may_have_the_name_of_a_directory_beside_it(tmp_path: Path) -> None:
    files = {
        "pages/api/post.py": "def handler(req, res): res.send('post')",
        "pages/api/post/_h.py": NAME.format("below"),
        "pages/api/post/x.py": SEND_NAME.format("._h"),
    }
    app = App(project(tmp_path, files))
    assert [call(app, target=path).body for path in ("/api/post", "/api/post/x")] == [b"post", b"below"]


def test_names_that_differ_only_in_odd_characters_stay_apart(tmp_path: Path) -> None:
    names = ("a-b", "a_2d_b", "a.b", "a%2Eb")
    files = {f"pages/api/{name}.py": f"def handler(req, res): res.send({name!r})" for name in names}
    app = App(project(tmp_path, files))
    targets = [f"/api/{name.replace('%', '%25')}" for name in names]
    assert [call(app, target=target).body.decode() for target in targets] == list(names)


def test_a_package_is_initialised_once(tmp_path: Path) -> None:
    files = {
        "pages/api/__init__.py": "COUNT = []\nCOUNT.append(1)\n",
        "pages/api/x.py": "from . import COUNT\ndef handler(req, res): res.json(len(COUNT))",
        "pages/api/y.py": "from . import COUNT\ndef handler(req, res): res.json(len(COUNT))",
    }
    app = App(project(tmp_path, files))
    assert [call(app, target=path).json() for path in ("/api/x", "/api/y")] == [1, 1]


def test_two_projects_in_one_process_share_nothing(tmp_path: Path) -> None:
    source = "n = 0\ndef handler(req, res):\n    global n\n    n += 1\n    res.json(n)\n"
    first, second = (App(project(tmp_path / name, {"pages/api/x.py": source})) for name in ("a", "b"))
    assert [call(first).json(), call(first).json(), call(second).json()] == [1, 2, 1]


def test_a_route_that_another_imports_is_loaded_once(tmp_path: Path) -> None:
    files = {
        "pages/api/b.py": "LOADED = object()\ndef handler(req, res): res.json(id(LOADED))",
        "pages/api/a.py": "from .b import LOADED\ndef handler(req, res): res.json(id(LOADED))",
    }
    app = App(project(tmp_path, files))
    assert call(app, target="/api/a").json() == call(app, target="/api/b").json()


# -- files that fail to load


# a file that cannot be loaded, and how its convention hides it
HIDDEN = [
    ("pages/api/x.py", "begin the file's name with '_'"),
    ("app/api/x/route.py", "any name but route.py"),
    ("routes/api/x.py", "begin the file's name with '-'"),
]


@pytest.mark.parametrize("source", ["", "def main(): ..."])
@pytest.mark.parametrize(("file", "remedy"), HIDDEN)
def test_the_remedy_hides_the_file_in_the_way_of_its_convention(
    tmp_path: Path, file: str, remedy: str, source: str
) -> None:
    (problem,) = problems_of(tmp_path, {file: source})
    assert remedy in problem.remedy


@pytest.mark.parametrize("file", ["pages/api/_middleware.py", "pages/api/__init__.py"])
def test_a_file_with_a_private_name_gets_another_remedy(tmp_path: Path, file: str) -> None:
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO, file: "import nothing_of_this_name"})
    assert problem.file == file
    assert problem.remedy.startswith("Check the name")
    assert "begin the file's name" not in problem.remedy
