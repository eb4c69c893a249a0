"""Files that fail to import: the file that is wrong is named, with its line, and those that import it."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import Problem
from tests.start_reports import problems_of

HELLO = "def GET(): return {}\n"


def test_no_message_ends_in_two_full_stops(tmp_path: Path) -> None:
    source = "from apiroutes import use\n@use(lambda request, call_next: 1)\ndef GET(): pass\n"
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": source})
    assert problem.message.endswith("that calls `next()`.")
    assert "`.." not in problem.message


def marked(problem: Problem) -> str:
    """The text that is marked in the problem's source."""
    assert problem.source is not None
    assert problem.span is not None
    return problem.source[slice(*problem.span)]


# what is wrong with pages/api/x.py: line, what is marked, message, remedy
STATEMENTS = {
    "\ndef GET()\n    return 1\n": (2, "", "SyntaxError: expected ':'", "Correct line 2"),
    "def GET():\nreturn 1\n": (2, "return", "IndentationError: expected an indented block", "Correct line 2"),
    "a = (\n\nb = 1\n": (1, "(", "'(' was never closed", "Correct line 1"),
    "x = 1\ny = '\0'\n": (2, "y = '\0'", "null bytes", "Correct line 2"),
    "export default handler\n": (1, "", "SyntaxError", "Write Python: `def handler(req, res): ...`"),
    "import {a} from 'a'\n": (1, "", "SyntaxError", "`from a import b`"),
    "@app.get('/')\ndef GET(): ...\n": (
        1,
        "app",
        "'app' is not defined",
        "Remove the decorator: the file's name is the path",
    ),
    "import ._db\n": (1, ".", "SyntaxError", "Write `from . import _db`"),
    "\nimport requestz\n": (2, "requestz", "No module named 'requestz'", "Did you mean `requests`?"),
    "import PIL.Image\n": (1, "PIL", "No module named 'PIL'", "install pillow`"),
    "import alembic\n": (1, "alembic", "No module named 'alembic'", "install alembic`"),
    "import zzunknown\n": (1, "zzunknown", "No module named 'zzunknown'", "Check the name"),
    "from json import dumpz\n": (1, "dumpz", "`json` has no `dumpz`", "Did you mean `dump"),
    "from json import zzz\n": (1, "zzz", "`json` has no `zzz`", "Correct the name"),
    "from apiroutes import cors\n": (1, "cors", "no `cors`", "`from apiroutes.middleware import cors`"),
    "from .._x import y\n": (1, "_x", "there is no pages/_x.py", "Create pages/_x.py"),
    "from . import _x\n": (1, "_x", "there is no pages/api/_x.py", "Create pages/api/_x.py"),
    "from ....x import y\n": (1, "from ....x import y", "too many dots", "at most 3 dots"),
    "import json.nothing\n": (
        1,
        "json.nothing",
        "No module named 'json.nothing'",
        "`json` has no module `nothing`",
    ),
    "import json.decodr\n": (1, "json.decodr", "'json.decodr'", "Did you mean `json.decoder`?"),
    "from os.pth import join\n": (1, "os.pth", "'os.pth'", "Did you mean `os.path`?"),
    "import apiroutes.jsn\n": (1, "apiroutes.jsn", "'apiroutes.jsn'", "`apiroutes` has no module `jsn`"),
    "from apiroutes import HTTPException\n": (
        1,
        "HTTPException",
        "no `HTTPException`",
        "`raise ApiError(404,",
    ),
    "from apiroutes import abort\n": (1, "abort", "no `abort`", "`raise ApiError(404,"),
    "from apiroutes import jsonify\n": (1, "jsonify", "no `jsonify`", "Return the dict or the list itself"),
    "from apiroutes import JSONResponse\n": (
        1,
        "JSONResponse",
        "no `JSONResponse`",
        "`json(value, status=201)`",
    ),
    "from apiroutes import APIRouter\n": (1, "APIRouter", "no `APIRouter`", "A file is a route"),
    "from apiroutes import use\n@use(lambda request, call_next: 1)\ndef GET(): pass\n": (
        2,
        "use(lambda request, call_next: 1)",
        "that calls `next()`.",
        "Correct line 2.",
    ),
    "\nimport sys\nsys.exit(3)\n": (3, "sys.exit(3)", "SystemExit: 3", "Remove the call"),
    "pritn(1)\n": (1, "pritn", "'pritn' is not defined", "Did you mean `print`?"),
    "a = os.environ\n": (1, "os", "'os' is not defined", "Write `import os`"),
    "import json\njson.dmps\n": (2, "dmps", "no attribute 'dmps'", "Did you mean `dumps`?"),
    "import json\n\njson.loads('{')\n": (3, "json.loads('{')", "JSONDecodeError", "json/decoder.py:"),
    "import os\nos.environ['ZZ_KEY']\n": (
        2,
        "ZZ_KEY",
        "variable `ZZ_KEY` is not set",
        "`ZZ_KEY=...` into .env",
    ),
    "import os\nos.environ['ZZ_REGION']\n": (
        2,
        "ZZ_REGION",
        "variable `ZZ_REGION` is not set",
        '`os.environ.get("ZZ_REGION", "...")`',
    ),
    "import os\ndel os.environ['ZZ_KEY']\n": (
        2,
        "del os.environ['ZZ_KEY']",
        "KeyError: 'ZZ_KEY'",
        "Correct line 2",
    ),
    "{}['a']\n": (1, "{}['a']", "KeyError: 'a'", "Correct line 1"),
}


@pytest.mark.parametrize("source", STATEMENTS)
def test_a_file_that_fails_is_named_with_the_line_and_a_remedy(tmp_path: Path, source: str) -> None:
    line, mark, message, remedy = STATEMENTS[source]
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": source})
    assert (problem.file, problem.line) == ("pages/api/x.py", line)
    assert problem.source == source.split("\n")[line - 1].strip()
    assert message in problem.message
    assert remedy in problem.remedy
    assert not mark or mark in marked(problem) or marked(problem) in mark


# the helpers beside pages/api/x.py, which imports _a.py: the file that is wrong, its line, and a remedy
HELPERS = {
    "import requestz\n": ("pages/api/_a.py", 1, "requests"),
    "\n\nx = (\n": ("pages/api/_a.py", 3, "Correct line 3"),
    "1 / 0\n": ("pages/api/_a.py", 1, "Correct line 1"),
    "from ._b import y\n": ("pages/api/_a.py", 1, "Create pages/api/_b.py"),
    "import lib.db\n": ("lib/db.py", 2, "requests"),
    "\nfrom lib.broken import y\n": ("lib/broken.py", 1, "Correct line 1"),
    "from lib.dbb import y\n": ("pages/api/_a.py", 1, "Did you mean `lib.db`?"),
    "import os\nfrom werkzeug.utils import import_string\nimport_string('lib.zero')\n": (
        "lib/zero.py",
        3,
        "Correct line 3",
    ),
}
LIBRARY = {
    "lib/db.py": "import os\nimport requestz\n",
    "lib/broken.py": "def f(:\n",
    "lib/zero.py": "\n\n1 / 0\n",
}


@pytest.mark.parametrize("source", HELPERS)
def test_the_innermost_file_of_the_project_is_named(tmp_path: Path, source: str) -> None:
    file, line, remedy = HELPERS[source]
    files = {"pages/api/x.py": "import os\nfrom . import _a\n" + HELLO, "pages/api/_a.py": source, **LIBRARY}
    (problem,) = problems_of(tmp_path, files)
    assert (problem.file, problem.line) == (file, line)
    assert remedy in problem.remedy
    assert problem.importers[0].startswith("pages/api/x.py:2")


def test_several_files_that_fail_because_of_one_are_one_problem(tmp_path: Path) -> None:
    routes = {f"pages/api/{name}.py": "from ._h import a\n" + HELLO for name in "xyz"}
    helpers = {"pages/api/_h.py": "\nfrom ._i import a\n", "pages/api/_i.py": "import requestz\n"}
    (problem,) = problems_of(tmp_path, {**routes, **helpers})
    assert (problem.file, problem.line) == ("pages/api/_i.py", 1)
    assert problem.importers == tuple(f"pages/api/{name}.py:1 (through pages/api/_h.py:2)" for name in "xyz")


def test_a_file_that_fails_otherwise_when_it_is_imported_again_is_one_problem(tmp_path: Path) -> None:
    """The module that it registers itself in has been imported, and stays as it is."""
    routes = {f"pages/api/{name}.py": "from ._h import a\n" + HELLO for name in "xy"}
    helper = "from ._registry import registered\nassert not registered\nregistered.append(1)\n1 / 0\n"
    files = {**routes, "pages/api/_h.py": helper, "pages/api/_registry.py": "registered = []\n"}
    (problem,) = problems_of(tmp_path, files)
    assert "ZeroDivisionError" in problem.message
    assert problem.importers == ("pages/api/x.py:1", "pages/api/y.py:1")


def test_a_route_that_another_one_imports_is_reported_once(tmp_path: Path) -> None:
    files = {"pages/api/x.py": "from .y import GET\n", "pages/api/y.py": "\n1 / 0\n"}
    (problem,) = problems_of(tmp_path, files)
    assert (problem.file, problem.line, problem.importers) == ("pages/api/y.py", 2, ("pages/api/x.py:1",))


def test_a_function_that_fails_at_import_names_who_calls_it(tmp_path: Path) -> None:
    files = {
        "pages/api/x.py": "from lib.db import connect\n\nconnect()\n" + HELLO,
        "lib/db.py": "def connect():\n    raise OSError('no route to host')\n",
    }
    (problem,) = problems_of(tmp_path, files)
    assert (problem.file, problem.line) == ("lib/db.py", 2)
    assert problem.importers == ("pages/api/x.py:3, which calls it",)


def test_an_exception_of_the_projects_own_keeps_its_text(tmp_path: Path) -> None:
    source = "try:\n    {}['a']\nexcept KeyError as error:\n    raise RuntimeError('set a') from error\n"
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": source})
    assert (problem.line, problem.message) == (4, "failed to import: RuntimeError: set a.")


# -- circles


CIRCLES = {
    "helpers": (
        {
            "pages/api/x.py": "from ._a import y\n" + HELLO,
            "pages/api/_a.py": "from ._b import q\ny = 1\n",
            "pages/api/_b.py": "\nfrom ._a import y\nq = 1\n",
        },
        ("pages/api/_b.py", 2),
        "pages/api/_a.py:1 imports pages/api/_b.py, and pages/api/_b.py:2 imports pages/api/_a.py again",
    ),
    "routes": (
        {
            "pages/api/x.py": "from .y import a\nb = 1\n" + HELLO,
            "pages/api/y.py": "from .x import b\n" + HELLO,
        },
        ("pages/api/y.py", 1),
        "pages/api/x.py:1 imports pages/api/y.py, and pages/api/y.py:1 imports pages/api/x.py again",
    ),
    "absolute names": (
        {
            "pages/api/x.py": "from lib.a import y\n" + HELLO,
            "lib/a.py": "import lib.b\ny = 1\n",
            "lib/b.py": "import lib.a\nq = lib.a.y\n",
        },
        ("lib/b.py", 2),
        "lib/a.py:1 imports lib/b.py, and lib/b.py:2 imports lib/a.py again",
    ),
    "odd names": (
        {
            "pages/api/[id]/x.py": "from ._a import y\n" + HELLO,
            "pages/api/[id]/_a.py": "from . import _b\ny = 1\n",
            "pages/api/[id]/_b.py": "from ._a import y\n",
        },
        ("pages/api/[id]/_b.py", 1),
        "pages/api/[id]/_a.py:1 imports pages/api/[id]/_b.py",
    ),
    "itself": (
        {"pages/api/x.py": "from .x import a\n" + HELLO},
        ("pages/api/x.py", 1),
        "pages/api/x.py imports itself",
    ),
    "a package's name": (
        {"pages/api/x.py": "import sched\n" + HELLO, "sched.py": "import sched\nsched.zz()\n"},
        ("sched.py", 2),
        "sched.py imports itself",
    ),
}


@pytest.mark.parametrize("name", CIRCLES)
def test_a_circular_import_names_the_files_of_the_circle(tmp_path: Path, name: str) -> None:
    files, place, message = CIRCLES[name]
    (problem,) = problems_of(tmp_path, files)
    assert (problem.file, problem.line) == place
    assert message in problem.message
    assert "_apiroutes_project" not in str(problem)


# -- where the module is


# an import in pages/api/users/[id].py, and what to write instead
MISPLACED = {
    "from _db import x": "from .._db import x",
    "from _db import x as y, z": "from .._db import x as y, z",
    "import _db": "from .. import _db",
    "import _db as d": "from .. import _db as d",
    "from _near import x": "from ._near import x",
    "from ._db import x": "from .._db import x",
    "from . import _db": "from .. import _db",
    "from zz_db import x": "from lib.zz_db import x",
    "import zz_db": "from lib import zz_db",
}


@pytest.mark.parametrize("statement", MISPLACED)
def test_a_file_of_the_project_is_found_for_an_import(tmp_path: Path, statement: str) -> None:
    files = {
        "pages/api/users/[id].py": f"\n{statement}\n{HELLO}",
        "pages/api/_db.py": "x = z = 1\n",
        "pages/api/users/_near.py": "x = 1\n",
        "lib/zz_db.py": "x = 1\n",
    }
    (problem,) = problems_of(tmp_path, files)
    assert problem.remedy == f"Write `{MISPLACED[statement]}`."
    (tmp_path / "pages/api/users/[id].py").write_text(f"{MISPLACED[statement]}\n{HELLO}")
    problems = problems_of(tmp_path, {"pages/api/empty.py": ""})  # what it says works
    assert [problem.file for problem in problems] == ["pages/api/empty.py"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("requirements.txt", "# ours\nZZ_listed[extra]>=1\n"),
        (
            "pyproject.toml",
            "[project]\nname = 'x'\ndependencies = [\n  \"zz-listed[a]>=1; python_version>'3'\",\n]\n",
        ),
    ],
)
def test_a_package_that_the_project_lists_is_to_be_installed(tmp_path: Path, file: str, content: str) -> None:
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": "import zz_listed.a\n", file: content})
    assert problem.remedy.startswith(f"Install what {file} lists: `python -m pip install ")


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("pages/api/_middleware.py", "no route below pages/api"),
        ("pages/api/sub/_middleware.py", "no route below pages/api/sub"),
        ("middleware.py", "nothing"),
    ],
)
def test_a_file_of_middleware_says_what_is_not_served(tmp_path: Path, file: str, what: str) -> None:
    files = {"pages/api/x.py": HELLO, "pages/api/sub/x.py": HELLO, file: "1 / 0\n"}
    (problem,) = problems_of(tmp_path, files)
    assert problem.remedy.startswith(f"Correct line 1. Until then {what} is served:")


def test_what_is_installed_below_the_project_is_not_the_projects(tmp_path: Path) -> None:
    installed = "vendor/site-packages/zz_vendored.py"
    source = "import sys\nsys.path.append('vendor/site-packages')\nimport zz_vendored\n"
    source = source.replace("'vendor", f"'{tmp_path}/vendor")
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": source, installed: "1 / 0\n"})
    assert (problem.file, problem.line) == ("pages/api/x.py", 3)
    assert "zz_vendored.py:1 raised the exception" in problem.remedy


def test_a_file_in_another_encoding_is_shown_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "pages/api").mkdir(parents=True)
    (tmp_path / "pages/api/x.py").write_bytes(b'def GET():\n    return "caf\xe9 au lait"\n')
    (problem,) = problems_of(tmp_path, {})
    assert (problem.file, problem.line) == ("pages/api/x.py", 2)
    assert problem.source == 'return "caf\ufffd au lait"'
    assert "Save the file as UTF-8" in problem.remedy


@pytest.mark.parametrize("name", ["ZZ_SECRET", "ZZ_API_KEY", "ZZ_PASSWORD", "zz_token"])
def test_no_default_is_offered_for_a_secret(tmp_path: Path, name: str) -> None:
    files = {"pages/api/x.py": f"import os\nos.environ[{name!r}]\ndef GET(): return 1\n"}
    (problem,) = problems_of(tmp_path, files)
    assert f"Put `{name}=...` into .env or the environment." in problem.remedy
    assert "environ.get" not in problem.remedy
