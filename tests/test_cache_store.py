"""Which store a project opens, and when."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.start_reports import problems_of
from tests.support import HELLO, call, project

CACHED = "revalidate = 60\nruns = []\ndef GET():\n    runs.append(1)\n    return len(runs)\n"
PLAIN = {"pages/api/x.py": HELLO}


def answers(root: Path, **settings: Any) -> list[Any]:
    """What two Apps of one project answer, each to two requests."""
    apps = [App(project(root, {"pages/api/x.py": CACHED}), **settings) for _ in range(2)]
    return [call(app).json() for app in apps for _ in range(2)]


# A setting, and what the first App and then the second one answer.
STORES: list[tuple[str, list[int]]] = [
    ("sqlite", [1, 1, 1, 1]),
    ("memory", [1, 1, 1, 1]),
    ("none", [1, 2, 1, 2]),
]


@pytest.mark.parametrize(("cache", "runs"), STORES)
def test_the_setting_names_the_store(tmp_path: Path, cache: str, runs: list[int]) -> None:
    assert answers(tmp_path, cache=cache) == runs
    assert (tmp_path / ".apiroutes/cache.db").exists() is (cache == "sqlite")


def test_sqlite_is_shared_by_the_processes_of_a_project(tmp_path: Path) -> None:
    root = project(
        tmp_path, {"pages/api/x.py": "import os\nrevalidate = 60\ndef GET(): return os.getpid()\n"}
    )
    program = (
        "import sys\nfrom apiroutes import App\nfrom tests.support import call\n"
        "print(call(App(sys.argv[1])).json())\n"
    )
    command = [sys.executable, "-c", program, str(root)]
    shown = {subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert len(shown) == 1


@pytest.mark.parametrize("path", ["var/answers.db", "answers.db"])
def test_the_file_of_sqlite_may_be_another(tmp_path: Path, path: str) -> None:
    assert answers(tmp_path, cache_path=path) == [1, 1, 1, 1]
    assert (tmp_path / path).exists()
    assert not (tmp_path / ".apiroutes").exists()


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    assert answers(tmp_path / "project", cache_path=tmp_path / "elsewhere/x.db") == [1, 1, 1, 1]
    assert (tmp_path / "elsewhere/x.db").exists()


def test_a_project_that_caches_nothing_opens_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(project(tmp_path, PLAIN))
    assert call(app).status == 200
    assert os.listdir(tmp_path) == ["pages"]
    assert "store" not in vars(app.cache)
    assert not caplog.records


def test_a_project_that_caches_nothing_imports_no_store(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom apiroutes import App\nApp(sys.argv[1])\n"
        "print([name for name in ('sqlite3', 'redis', 'apiroutes.stores.sqlite') if name in sys.modules])\n"
    )
    command = [sys.executable, "-c", program, str(project(tmp_path, PLAIN))]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


# What stands in the way of the default file, and what the message says of it.
OBSTACLES: list[tuple[Mapping[str, str], str]] = [
    ({".apiroutes": "a file"}, ".apiroutes is not a directory"),
    ({".apiroutes/cache.db/x": "a directory"}, ".apiroutes/cache.db is not a file"),
]


@pytest.mark.parametrize(("files", "message"), OBSTACLES)
def test_a_store_that_cannot_be_written_is_said_at_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, files: dict[str, str], message: str
) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": CACHED, **files}))
    (record,) = caplog.records
    assert record.getMessage().startswith("the response cache keeps nothing: ")
    assert message in record.getMessage()
    assert [call(app).json() for _ in range(2)] == [1, 2]


def test_what_is_in_the_way_is_not_said_where_nothing_is_cached(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    App(project(tmp_path, {**PLAIN, ".apiroutes": "a file"}))
    assert not caplog.records


def test_a_redis_without_its_extra_is_a_start_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apiroutes.project.extras.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "apiroutes.stores.redis", raising=False)
    monkeypatch.delitem(sys.modules, "apiroutes.stores.redis_connections", raising=False)
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": CACHED}, cache="redis://localhost")
    assert problem.message == "cache: redis is not installed."
    assert problem.remedy == "Run: pip install 'apiroutes[redis]'"


def test_a_url_that_redis_py_cannot_read_is_a_start_error(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    (problem,) = problems_of(tmp_path, PLAIN, cache="redis://:hunter2@localhost?socket_timeout=soon")
    assert problem.message.startswith("cache: ")
    assert "hunter2" not in repr(problem)


def test_a_redis_that_is_not_there_keeps_nothing(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    app = App(project(tmp_path, {"pages/api/x.py": CACHED}), cache=f"unix://{tmp_path}/nobody.sock")
    assert [call(app).json() for _ in range(2)] == [1, 2]


# -- settings that contradict each other or the project ------------------------------------------


@pytest.mark.parametrize(
    "path", ["pages/cache.db", "pages/api/a/cache.db", "./x/../pages/cache.db", "app/c.db"]
)
@pytest.mark.parametrize("is_absolute", [False, True])
def test_the_file_of_sqlite_is_not_among_the_routes(tmp_path: Path, path: str, is_absolute: bool) -> None:
    (problem,) = problems_of(tmp_path, PLAIN, cache_path=tmp_path / path if is_absolute else path)
    directory = "app" if path.startswith("app") else "pages"
    assert problem.message.startswith("cache_path: ")
    assert f"below {directory}, whose files are routes" in problem.message
    assert ".apiroutes/cache.db" in problem.remedy


@pytest.mark.parametrize(
    "settings",
    [
        {"cache_path": "pages.db"},
        {"cache_path": "var/pages/cache.db"},
        {"cache_path": "src/cache.db", "conventions": ["pages"]},
        {"cache_path": "app/cache.db", "conventions": ["pages"]},
        {"cache_path": "pages/cache.db", "cache": "memory"},
        {"cache_path": "../cache.db"},
        {"cache_max_body": "1mb", "cache_max_size": "1mb"},
        {"cache_max_size": "1kb"},
        {"cache_max_body": "2kb", "cache_max_size": "1kb", "cache": "none"},
    ],
)
def test_other_settings_are_right(tmp_path: Path, settings: dict[str, Any]) -> None:
    App(project(tmp_path / "project", PLAIN), **settings)


@pytest.mark.parametrize("cache", ["sqlite", "memory"])
def test_one_answer_may_be_no_larger_than_all_together(tmp_path: Path, cache: str) -> None:
    settings = {"cache": cache, "cache_max_body": "2mb", "cache_max_size": "1mb"}
    (problem,) = problems_of(tmp_path, PLAIN, **settings)
    assert problem.message == "cache_max_body: '2mb' is more than `cache_max_size`, 1mb, for all answers."
    assert "`cache_max_size`" in problem.remedy
