"""`apiroutes cache`, beside an App of the same project."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apiroutes import App
from apiroutes.cli import main
from tests.support import call, project

ROUTE = """
config = {"cache": {"revalidate": 60, "tags": ["notes"]}}
count = 0
def GET():
    global count
    count += 1
    return {"n": count}
"""
FILES = {
    "pages/api/x.py": ROUTE,
    "pages/api/notes/[id].py": ROUTE,
    "pages/api/notes/[id]/more.py": ROUTE,
}
TARGETS = ("/api/x", "/api/notes/1", "/api/notes/2", "/api/notes/1/more")


def run(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["cache", *arguments, "--root", str(root)])


def message_of(result: Result) -> str:
    return re.sub(r"\s+", " ", result.stderr)


def computed_again(app: App) -> list[str]:
    """Return the targets whose answers are not those that were stored."""
    return [target for target in TARGETS if "hit" not in str(call(app, target=target).header("Cache-Status"))]


def filled(root: Path) -> App:
    app = App(project(root, FILES))
    assert computed_again(app) == [*TARGETS]
    assert computed_again(app) == []
    return app


@pytest.mark.parametrize(
    ("arguments", "targets"),
    [
        (["revalidate", "/api/x"], ["/api/x"]),
        (["revalidate", "/api/x", "/api/notes/2/"], ["/api/x", "/api/notes/2"]),
        (["revalidate", "/api/notes/[id]"], ["/api/notes/1", "/api/notes/2"]),
        (["revalidate", "/api/notes/1", "--type", "layout"], ["/api/notes/1", "/api/notes/1/more"]),
        (["revalidate", "--tag", "notes"], [*TARGETS]),
        (["revalidate", "--tag", "others", "--tag", "notes"], [*TARGETS]),
        (["revalidate", "/api/nothing", "--tag", "others"], []),
        (["clear"], [*TARGETS]),
    ],
)
def test_an_app_serves_nothing_made_before_a_command(
    tmp_path: Path, arguments: list[str], targets: list[str]
) -> None:
    app = filled(tmp_path)
    result = run(tmp_path, *arguments)
    assert (result.exit_code, result.stdout) == (0, "")
    assert computed_again(app) == targets


def test_the_old_answer_is_served_once_more_in_the_mode_stale(tmp_path: Path) -> None:
    app = filled(tmp_path)
    assert run(tmp_path, "revalidate", "/api/x", "--mode", "stale").exit_code == 0
    answer = call(app)
    assert (answer.json(), answer.header("Cache-Control")) == ({"n": 1}, "no-cache")


def test_it_says_what_it_has_revalidated(tmp_path: Path) -> None:
    project(tmp_path, FILES)
    result = run(tmp_path, "revalidate", "/api/x", "--tag", "notes")
    assert result.stderr == "Revalidated /api/x, tag notes\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give a path such as /api/posts/1, or a tag"),
        (["//evil"], "begins with two slashes"),
        (["/api/x", "/api/[slug]"], "no route has '/api/[slug]' as its pattern"),
        (["--tag", ""], "a tag is a str of 1 to 256 visible characters"),
        (["/api/x", "--mode", "soft"], "'soft' is not one of 'expire', 'stale'"),
        (["/api/x", "--type", "route"], "'route' is not one of 'page', 'layout'"),
    ],
)
def test_what_is_no_path_or_tag_is_a_wrong_argument(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    app = filled(tmp_path)
    result = run(tmp_path, "revalidate", *arguments)
    assert result.exit_code == 2
    assert message in message_of(result)
    assert computed_again(app) == []


def test_stats_are_a_table_and_json(tmp_path: Path) -> None:
    filled(tmp_path)
    known = json.loads(run(tmp_path, "stats", "--json").stdout)
    assert known["store"] == "sqlite"
    assert known["entries"] >= len(TARGETS)
    assert known["size"] > 0
    assert (known["max_entries"], known["max_size"]) == (10_000, 2**28)
    rows = dict(line.split(None, 1) for line in run(tmp_path, "stats").stdout.splitlines())
    assert rows["store"] == "sqlite"
    assert rows["entries"] == f"{known['entries']} of 10000"
    assert rows["size"].endswith(" of 256mb")


@pytest.mark.parametrize("command", ["stats", "clear", "revalidate"])
def test_the_memory_of_a_server_is_out_of_reach(tmp_path: Path, command: str) -> None:
    project(tmp_path, {**FILES, "pyproject.toml": "[tool.apiroutes]\ncache = 'memory'\n"})
    result = run(tmp_path, command, *(["/api/x"] if command == "revalidate" else []))
    assert result.exit_code == 1
    assert 'the setting `cache` is "memory"' in message_of(result)


@pytest.mark.parametrize("command", ["stats", "clear", "revalidate"])
def test_a_project_that_keeps_nothing_is_told_so(tmp_path: Path, command: str) -> None:
    project(tmp_path, {**FILES, "pyproject.toml": "[tool.apiroutes]\ncache = 'none'\n"})
    result = run(tmp_path, command, *(["/api/x"] if command == "revalidate" else []))
    assert result.exit_code == 0
    assert 'The setting `cache` is "none"' in message_of(result)


@pytest.mark.parametrize("command", ["stats", "clear", "revalidate"])
def test_a_store_that_fails_is_status_1(tmp_path: Path, command: str) -> None:
    filled(tmp_path)
    connection = sqlite3.connect(tmp_path / ".apiroutes" / "cache.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        result = run(tmp_path, command, *(["/api/x"] if command == "revalidate" else []))
    finally:
        connection.close()
    if command == "stats":  # which only reads
        assert result.exit_code == 0
    else:
        assert result.exit_code == 1
        assert "Error: the store failed: " in message_of(result)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flush"], "Did you mean 'clear'?"),
        (["invalidate"], "Did you mean 'revalidate'?"),
        (["stat"], "Did you mean 'stats'?"),
        (["serve"], "Expected one of 'clear', 'revalidate', 'stats'"),
        (["--json"], "Did you mean 'apiroutes cache stats --json'?"),
    ],
)
def test_a_mistyped_command_is_told_the_one_that_was_meant(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["cache", *arguments])
    assert result.exit_code == 2
    assert message in message_of(result)


@pytest.mark.parametrize("arguments", [[], ["-h"], ["help"], ["help", "stats"], ["stats", "-h"]])
def test_it_has_help(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["cache", *arguments])
    assert result.exit_code == 0
    assert "Examples:" in result.stdout


SIGNED = """
from apiroutes import needs_secret_key
@needs_secret_key
def middleware(req, res, next): return next()
"""
KEY = "0123456789abcdefghijklmnopqrstuvwxyz-."


@pytest.mark.parametrize("app_file", ["", "from apiroutes import App\napp = App()\n"])
@pytest.mark.parametrize(
    ("arguments", "targets"),
    [
        (["stats", "--json"], []),
        (["revalidate", "/api/x"], ["/api/x"]),
        (["revalidate", "--tag", "notes"], [*TARGETS]),
        (["clear"], [*TARGETS]),
    ],
)
def test_a_shell_needs_no_secret_key(
    tmp_path: Path,
    arguments: list[str],
    targets: list[str],
    app_file: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("APIROUTES_SECRET_KEY", raising=False)
    files = {**FILES, "pages/api/_middleware.py": SIGNED, **({"app.py": app_file} if app_file else {})}
    app = App(project(tmp_path, files), secret_key=KEY)
    assert computed_again(app) == [*TARGETS]
    result = run(tmp_path, *arguments)
    assert (result.exit_code, message_of(result).count("secret")) == (0, 0)
    assert computed_again(app) == targets
