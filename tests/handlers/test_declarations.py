"""Middleware as a project declares it: anything that takes (req, res, next)."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.start_reports import problems_of
from tests.support import HELLO, call, project

TWO = "def two(req, res): ...\n"

# files, and the file and line of the problem
WRONG_SIGNATURES = [
    ({"pages/api/_middleware.py": "\ndef middleware(req, res): ...\n"}, "pages/api/_middleware.py", 2),
    ({"pages/api/x.py": HELLO + "\n" + TWO + "middleware = [two]\n"}, "pages/api/x.py", 4),
    ({"pages/api/x.py": HELLO + "middleware = [lambda: 1]\n"}, "pages/api/x.py", 3),
    ({"pages/api/x.py": HELLO + "from ._h import two\nmiddleware = two\n", "pages/api/_h.py": TWO}, None, 4),
    ({"pages/api/x.py": "from apiroutes import use\n" + TWO + "@use(two)\ndef GET(): ...\n"}, None, 3),
    ({"pages/api/x.py": HELLO + "def keyword(req, res, *, next): ...\nmiddleware = keyword\n"}, None, 3),
    ({"pages/api/x.py": HELLO + "async def four(a, b, c, d): ...\nmiddleware = four\n"}, None, 3),
    (
        {"pages/api/x.py": HELLO + "class C:\n    def __call__(self, req): ...\nmiddleware = C()\n"},
        "pages/api/x.py",
        5,
    ),
]


@pytest.mark.parametrize(("files", "file", "line"), WRONG_SIGNATURES)
def test_middleware_that_takes_something_else_is_a_start_error(
    tmp_path: Path, files: dict[str, str], file: str | None, line: int
) -> None:
    (problem,) = problems_of(project(tmp_path, {"pages/api/x.py": HELLO, **files}))
    assert (problem.file, problem.line) == (file or "pages/api/x.py", line)
    assert "which takes (" in problem.message


RIGHT_SIGNATURES = [
    "def middleware(req, res, next): next()\n",
    "def middleware(*args): args[2]()\n",
    "def middleware(req, res, next, more=1): next()\n",
    "async def middleware(req, res, next): await next()\n",
    "class C:\n    def __call__(self, req, res, next): next()\nmiddleware = C()\n",
    "import functools\ndef f(n, req, res, next): next()\nmiddleware = functools.partial(f, 1)\n",
    "import functools\ndef two(a, b): ...\n@functools.wraps(two)\ndef middleware(*a): a[2]()\n",
]


@pytest.mark.parametrize("source", RIGHT_SIGNATURES)
def test_anything_that_takes_three_arguments_may_be_middleware(tmp_path: Path, source: str) -> None:
    files = {"pages/api/x.py": HELLO, "pages/api/_middleware.py": source}
    assert call(App(project(tmp_path, files))).status == 200


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("json:dumpz", "'json:dumpz' cannot be imported: AttributeError"),
        ("nothing_of_this_name:f", "cannot be imported: ModuleNotFoundError"),
        ("json:JSONDecodeError.x", "is not of the form"),
        ("math:pi", "'math:pi' is 3.14"),
        ("os.path:isdir", "'os.path:isdir' is `isdir`, which takes (s)"),
    ],
)
@pytest.mark.parametrize("place", ["pyproject.toml", "environment"])
def test_wrong_middleware_in_a_setting_is_reported_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, name: str, message: str
) -> None:
    files = {"pages/api/x.py": HELLO}
    if place == "environment":
        monkeypatch.setenv("APIROUTES_MIDDLEWARE", name)
    else:
        files["pyproject.toml"] = f'[tool.apiroutes]\nmiddleware = ["{name}"]\n'
    (problem,) = problems_of(project(tmp_path, files))
    assert problem.file == place
    assert message in problem.message
    assert "package.module:function" in problem.remedy or "is not of the form" in message
