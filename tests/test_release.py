"""The release: what changes answers makes another one, and nothing else does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apiroutes import App, Settings
from apiroutes.project import build, release
from tests.support import HELLO, call, project

FILES = {
    "pages/api/x.py": "from ._near import near\nfrom helpers.far import far\ndef GET(): return near + far\n",
    "pages/api/_near.py": "near = 1\n",
    "pages/api/_later.py": "later = 1\n",
    "helpers/far.py": "far = 1\n",
    "helpers/inner/deep.py": "deep = 1\n",
    "middleware.py": "def middleware(req, res, next): next()\n",
    "pyproject.toml": "[project]\nname = 'x'\n",
}

# In an interpreter of its own, as each worker is.
_PROGRAM = """
import os, sys
from pathlib import Path
from apiroutes import App, Settings
from apiroutes.project import build, release
print(build(Path(sys.argv[1]), {}, {}).cache.release)
"""


def release_in(root: Path) -> str:
    run = [sys.executable, "-c", _PROGRAM, str(root)]
    shown = subprocess.run(run, capture_output=True, text=True, check=True, cwd=root)
    return shown.stdout.strip()


def release_of(root: Path, **settings: Any) -> str:
    release: str = build(root, {}, settings).cache.release
    return release


def digest_of(root: Path, **settings: Any) -> str:
    """The release of a project whose files are not run."""
    return release.release_of(root, Settings(**settings), [SimpleNamespace(file="pages/api/x.py")])  # type: ignore[list-item]


def changed(files: Mapping[str, str]) -> dict[str, str]:
    return {**FILES, **files}


def test_workers_and_machines_with_the_same_code_agree(tmp_path: Path) -> None:
    first = project(tmp_path / "a", FILES)
    second = tmp_path / "elsewhere/b"
    shutil.copytree(first, second)
    os.utime(second / "pages/api/x.py", (1, 1))
    assert release_in(first) == release_in(first) == release_in(second)


CHANGES = [
    {"helpers/inner/deep.py": "deep = 2\n"},
    {"pages/api/x.py": FILES["pages/api/x.py"] + "# changed\n"},
    {"pages/api/_near.py": "near = 2\n"},
    {"pages/api/_later.py": "later = 2\n"},  # which a handler may import
    {"helpers/far.py": "far = 2\n"},
    {"middleware.py": FILES["middleware.py"] + "\n"},
    {"pyproject.toml": "[project]\nname = 'y'\n"},
    {"pages/api/new.py": HELLO},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_changed_code_is_another_release(tmp_path: Path, change: dict[str, str]) -> None:
    first = project(tmp_path / "a", FILES)
    second = project(tmp_path / "b", changed(change))
    assert release_in(first) != release_in(second)


# How a route names the file `far`, and where that is.
IMPORTS = [
    ("from far import x", "far.py"),
    ("import far", "far.py"),
    ("import json, far as near", "far.py"),
    ("from far.away import x", "far/away.py"),
    ("def GET():\n    from far import x", "far.py"),
    ("from ...far import x", "far.py"),
    ("from ... import far", "far.py"),
    ("from ... import (\n    json,\n    far,\n)", "far.py"),
    ("if True:\n\timport far", "far.py"),
    ("from far import x", "src/far/__init__.py"),
    ("import lib", "far.py"),  # which `lib` imports
    ("import faß", "faß.py"),
]


@pytest.mark.parametrize(("statement", "file"), IMPORTS)
def test_what_a_route_imports_is_code_of_the_release(tmp_path: Path, statement: str, file: str) -> None:
    source = f"import sys\n\ndef handler(req, res): ...\n\nif len(sys.argv) > 99:\n    pass\n{statement}\n"
    files = {"pages/api/x.py": source, "lib.py": "from far import x\n", file: "x = 1\n"}
    root = project(tmp_path, files)
    before = digest_of(root)
    assert digest_of(project(root, {file: "x = 2\n"})) != before


def test_middleware_of_the_setting_is_code_of_the_release(tmp_path: Path) -> None:
    source = "def check(req, res, next): next()\n"
    root = project(tmp_path, {"pages/api/x.py": HELLO, "guards/of_all.py": source})
    before = digest_of(root, middleware=("guards.of_all:check",))
    project(root, {"guards/of_all.py": source + "\n"})
    assert digest_of(root, middleware=("guards.of_all:check",)) != before


def test_what_a_process_has_imported_makes_no_difference(tmp_path: Path) -> None:
    root = project(tmp_path, {**FILES, "scripts/warm.py": "warm = 1\n"})
    before = release_in(root)
    run = [sys.executable, "-c", "import scripts.warm, sys\n" + _PROGRAM, str(root)]
    assert subprocess.run(run, capture_output=True, text=True, check=True, cwd=root).stdout.strip() == before


def test_a_renamed_file_is_another_release(tmp_path: Path) -> None:
    first = project(tmp_path / "a", {"pages/api/x.py": HELLO})
    second = project(tmp_path / "b", {"pages/api/y.py": HELLO})
    assert release_of(first) != release_of(second)


@pytest.mark.parametrize(
    "file",
    [
        "tests/test_x.py",
        "notes.txt",
        "other.py",
        "scripts/x.py",
        "uploads/x.py",
        ".apiroutes/secret_key",
        "pages/api/__pycache__/x.py",
        "pages/node_modules/x.py",
    ],
)
def test_what_changes_no_answer_changes_no_release(tmp_path: Path, file: str) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO})
    before = release_of(root)
    assert release_of(project(root, {file: "changed = 1\n"})) == before


def test_the_setting_names_the_release(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO})
    named = release_of(root, release="0a1b2c")
    assert release_of(project(root, {"pages/api/y.py": HELLO}), release="0a1b2c") == named
    assert release_of(root, release="0a1b2d") != named


@pytest.mark.parametrize("named", [{}, {"release": "0a1b2c"}], ids=["digest", "setting"])
def test_each_mode_has_releases_of_its_own(tmp_path: Path, named: dict[str, Any]) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO})
    modes = ["development", "production"]
    assert len({release_of(root, mode=mode, **named) for mode in modes}) == 2


@pytest.mark.parametrize("named", [{}, {"release": "0a1b2c"}], ids=["digest", "setting"])
def test_a_mode_has_none_of_the_answers_of_the_other(tmp_path: Path, named: dict[str, Any]) -> None:
    """Although the store is the same file."""
    project(tmp_path, {"pages/api/x.py": "revalidate = 60\ndef GET(): return 1\n"})
    modes = ["development", "production", "development", "production"]
    answers = [call(App(tmp_path, mode=mode, cache="sqlite", **named)) for mode in modes]
    assert ["hit" in str(answer.header("Cache-Status")) for answer in answers] == [False, False, True, True]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_beside_the_routes_is_not_waited_for(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO, "pages/api/_helpers/a.py": ""})
    os.mkfifo(root / "pages/api/_helpers/pipe.py")
    assert release_of(root)
