"""The App that a project's `app.py` makes, wherever a directory is given."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import apiroutes
from apiroutes import App, ProjectError
from apiroutes.testing import Client
from tests.support import HELLO, call, project

MARKED = """
from apiroutes import App

def mark(req, res, next):
    res.set_header("X-Made-By", "app.py")
    next()

app = App(middleware=[mark])
"""


# The modules of these projects.
OWN = ("app", "core", "one", "two", "site_of")


@pytest.fixture(autouse=True)
def other_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget the module `app` of each test's project."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in OWN or name.startswith("_apiroutes_app_"):
            del sys.modules[name]


def project_with(root: Path, app_file: str, **more: str) -> Path:
    return project(root, {"pages/api/x.py": HELLO, "app.py": app_file, **more})


def made_by(app: Any) -> str | None:
    return call(app).header("X-Made-By")


def test_a_directory_stands_for_the_app_of_its_app_file(tmp_path: Path) -> None:
    assert made_by(apiroutes.create_app(project_with(tmp_path, MARKED))) == "app.py"


def test_the_test_client_has_the_app_of_the_app_file(tmp_path: Path) -> None:
    response = Client(project_with(tmp_path, MARKED)).get("/api/x")
    assert response.headers["X-Made-By"] == "app.py"


def test_the_asgi_application_of_a_directory_is_that_of_its_app_file(tmp_path: Path) -> None:
    root = project_with(tmp_path, MARKED)
    asgi = apiroutes.create_asgi_app(root)
    assert asgi is sys.modules["app"].app.asgi


OTHER_SPELLINGS = {
    "an ASGI application": MARKED.replace("[mark])", "[mark]).asgi"),
    "create_app": MARKED.replace("import App", "import create_app").replace("App(", "create_app('.', "),
    "a subclass": MARKED.replace("app = App", "class Site(App): ...\n\napp = Site"),
    "a path": "from pathlib import Path\n" + MARKED.replace("App(", "App(Path(__file__).parent, "),
    "in a condition": MARKED.replace("app = App", "if True:\n    app = App"),
}


@pytest.mark.parametrize("name", OTHER_SPELLINGS)
def test_an_app_file_may_spell_it_otherwise(tmp_path: Path, name: str) -> None:
    assert made_by(apiroutes.create_app(project_with(tmp_path, OTHER_SPELLINGS[name]))) == "app.py"


MAKE = MARKED.replace("\napp = ", "\ndef make(): return ")
THROUGH_OTHERS = {
    "a function": {"app.py": "from core import make\napp = make()\n", "core.py": MAKE},
    "an import": {"app.py": "from core import app\n", "core.py": MARKED},
    "a name of an import": {"app.py": "from core import made as app\n", "core.py": MARKED + "made = app\n"},
    "a package": {"app.py": "import site_of.core\napp = site_of.core.app\n", "site_of/core.py": MARKED},
    "a relative import": {
        "app.py": "from site_of import app\n",
        "site_of/__init__.py": "from .core import app\n",
        "site_of/core.py": MARKED,
    },
    "two files": {
        "app.py": "import one\napp = one.two.make()\n",
        "one.py": "import two\n",
        "two.py": MAKE,
    },
}


@pytest.mark.parametrize("name", THROUGH_OTHERS)
def test_an_app_file_may_have_its_app_from_other_files(tmp_path: Path, name: str) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO, **THROUGH_OTHERS[name]})
    assert made_by(apiroutes.create_app(root)) == "app.py"


UNREADABLE = {
    "a syntax error": (b"from apiroutes import App\n\napp = App(\n", "SyntaxError"),
    "a syntax error without a word of us": (b"from core import make\napp = make(\n", "SyntaxError"),
    "another encoding": (b"from apiroutes import App\napp = App(\xe9)\n", "SyntaxError"),
    "a NUL": (b"app = 1\0\n", "null bytes"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_app_file_that_cannot_be_read_is_a_mistake(tmp_path: Path, name: str) -> None:
    source, reason = UNREADABLE[name]
    root = project(tmp_path, {"pages/api/x.py": HELLO})
    (root / "app.py").write_bytes(source)
    with pytest.raises(ProjectError, match=reason) as caught:
        apiroutes.create_app(root)
    assert [problem.file for problem in caught.value.problems] == ["app.py"]


BROKEN_HELPERS: dict[str, dict[str, str]] = {
    "does not parse": {"app.py": "from core import app\n", "core.py": "x = (\n"},
    "is empty": {"app.py": "from core import app\n", "core.py": ""},
    "is missing": {"app.py": "from core import app\n"},
    "is missing in its package": {"app.py": "from site_of.core import app\n", "site_of/other.py": ""},
    "does not parse, beside Flask": {"app.py": "import flask\nfrom core import app\n", "core.py": "x = (\n"},
    "is missing, beside Flask": {"app.py": "import flask\nfrom core import app\n"},
    "fails": {"app.py": "from core import make\napp = make()\n", "core.py": "1 / 0\n"},
}


@pytest.mark.parametrize("name", BROKEN_HELPERS)
def test_a_helper_of_an_app_file_that_is_broken_is_a_mistake(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError) as caught:
        apiroutes.create_app(project(tmp_path, {"pages/api/x.py": HELLO, **BROKEN_HELPERS[name]}))
    assert [problem.file for problem in caught.value.problems] in (["app.py"], ["core.py"])


OTHERS = {
    "Flask": "import flask\nraise SystemExit\napp = flask.Flask(__name__)\n",
    "FastAPI, through a helper": "import core\nraise SystemExit\napp = core.app\n",
    "no `app`": "import apiroutes\nraise SystemExit\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_app_file_of_another_program_is_not_imported(tmp_path: Path, name: str) -> None:
    root = project_with(tmp_path, OTHERS[name], **{"core.py": "import fastapi\napp = 1\n"})
    assert call(apiroutes.create_app(root)).status == 200


def test_an_app_of_another_name_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = project_with(tmp_path, MARKED.replace("app = ", "application = "))
    with caplog.at_level(logging.WARNING, "apiroutes"):
        apiroutes.create_app(root)
    assert "app.py does not set `app`, so it is not used" in caplog.text


def test_an_app_that_is_not_ours_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = project_with(tmp_path, "import apiroutes, flask\napp = flask.Flask(__name__)\n")
    with caplog.at_level(logging.WARNING, "apiroutes"):
        assert call(apiroutes.create_app(root)).status == 200
    assert "app.py: `app` is a Flask, not an App" in caplog.text


def test_an_app_of_another_directory_is_a_mistake(tmp_path: Path) -> None:
    other = project(tmp_path / "other", {"pages/api/x.py": HELLO})
    root = project_with(tmp_path / "here", f"from apiroutes import App\napp = App({str(other)!r})\n")
    with pytest.raises(ProjectError, match="its App is for another directory"):
        apiroutes.create_app(root)


def test_an_app_file_that_fails_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        apiroutes.create_app(project_with(tmp_path, "import apiroutes\napp = 1 / 0\n"))
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [("app.py", 2)]


def test_mistakes_of_the_project_come_through_an_app_file(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": "", "app.py": MARKED})
    with pytest.raises(ProjectError) as caught:
        apiroutes.create_app(root)
    assert [problem.file for problem in caught.value.problems] == ["pages/api/x.py"]


def test_settings_reach_the_app_of_an_app_file(tmp_path: Path) -> None:
    root = project_with(tmp_path, MARKED)
    app = apiroutes.create_app(root, mode="development", docs=False, conventions=["pages", "app"])
    assert app.settings.mode == "development"
    assert app.settings.docs is False
    assert app.settings.conventions == ("pages", "app")


def test_settings_leave_the_environment_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIROUTES_MODE", "production")
    apiroutes.create_app(project_with(tmp_path, MARKED), mode="development", docs=True)
    assert os.environ["APIROUTES_MODE"] == "production"
    assert "APIROUTES_DOCS" not in os.environ


def test_arguments_in_the_app_file_win_over_settings(tmp_path: Path) -> None:
    root = project_with(tmp_path, MARKED.replace("[mark]", "[mark], mode='production'"))
    assert apiroutes.create_app(root, mode="development").settings.mode == "production"


def test_the_working_directory_stays(tmp_path: Path) -> None:
    before = Path.cwd()
    apiroutes.create_app(project_with(tmp_path, MARKED))
    assert Path.cwd() == before


def test_the_file_is_imported_once(tmp_path: Path) -> None:
    root = project_with(tmp_path, MARKED)
    assert apiroutes.create_app(root) is apiroutes.create_app(root)


def test_two_projects_have_their_own_app_files(tmp_path: Path) -> None:
    first = project_with(tmp_path / "first", MARKED)
    second = project_with(tmp_path / "second", MARKED.replace('"app.py"', '"second"'))
    assert made_by(apiroutes.create_app(first)) == "app.py"
    assert made_by(apiroutes.create_app(second)) == "second"


def test_whoever_gives_middleware_makes_an_app_of_their_own(tmp_path: Path) -> None:
    app = apiroutes.create_app(project_with(tmp_path, MARKED), middleware=[])
    assert made_by(app) is None


def test_middleware_of_both_the_setting_and_the_app_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    middleware = "def step(req, res, next): next()\n"
    root = project(tmp_path, {"pages/api/x.py": HELLO, "mine_of_both.py": middleware})
    with caplog.at_level(logging.WARNING, "apiroutes"):
        App(root, middleware=[lambda req, res, next: next()])
        assert caplog.text == ""
    (root / "pyproject.toml").write_text('[tool.apiroutes]\nmiddleware = ["mine_of_both:step"]\n')
    with caplog.at_level(logging.WARNING, "apiroutes"):
        App(root, middleware=[lambda req, res, next: next()])
    assert "both set middleware" in caplog.text
