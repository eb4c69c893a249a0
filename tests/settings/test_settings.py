"""The settings of a project, and the places that may give them."""

from __future__ import annotations

from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from apiroutes.errors import report
from apiroutes.settings import Settings, load_settings, read_settings
from apiroutes.sizes import Size
from tests.support import HELLO, app_of, project


def load(root: Path, toml: str = "", environ: dict[str, str] | None = None, **arguments: Any) -> Settings:
    project(root, {"pyproject.toml": toml})
    return load_settings(root, {} if environ is None else environ, arguments)


def test_defaults_need_no_file(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}, {}) == Settings()


def test_the_environment_wins_over_the_file_and_arguments_over_both(tmp_path: Path) -> None:
    toml = "[tool.apiroutes]\nport = 1\nthreads = 1\nworkers = 1\n"
    environ = {"APIROUTES_THREADS": "2", "APIROUTES_WORKERS": "2"}
    settings = load(tmp_path, toml, environ, workers=3)
    assert (settings.port, settings.threads, settings.workers) == (1, 2, 3)


VALUES = [
    ("api_prefix", "/v1/", "/v1"),
    ("api_prefix", "", ""),
    ("base_path", "/a/b", "/a/b"),
    ("trailing_slash", "ignore", "ignore"),
    ("page_extensions", ["api.py", ".py"], ("api.py", "py")),
    ("page_extensions", "api.py, py", ("api.py", "py")),
    ("body_size_limit", "2kb", Size(2048, "2kb")),
    ("response_limit", False, None),
    ("response_limit", "false", None),
    ("response_limit", 5, Size(5, "5")),
    ("max_form_pairs", "12", 12),
    ("etag", True, True),
    ("etag", "false", False),
    ("etag", "weak", "weak"),
    ("etag_max_size", "1kb", Size(1024, "1kb")),
    ("host", "0.0.0.0", "0.0.0.0"),
    ("port", 65535, 65535),
    ("mode", "development", "development"),
    ("testing", "true", True),
    ("cache", "memory", "memory"),
    ("cache", "none", "none"),
    ("rate_limit_store", "memory", "memory"),
    ("rate_limit_fail", "closed", "closed"),
    ("rate_limit_prefix", "shop:", "shop:"),
    ("cache_path", "/var/cache/x.db", "/var/cache/x.db"),
    ("cache_path", Path("x.db"), "x.db"),
    ("cache_prefix", "shop:", "shop:"),
    ("cache_max_entries", "5", 5),
    ("cache_max_size", "1gb", Size(2**30, "1gb")),
    ("cache_max_body", 5, Size(5, "5")),
    ("cache_hot_size", 0, Size(0, "0")),
    ("cache_lock_timeout", 0, 0.0),
    ("cache_lock_timeout", "2.5", 2.5),
    ("cache_status", "false", False),
    ("release", "0a1b2c", "0a1b2c"),
]


@pytest.mark.parametrize(("name", "value", "read"), VALUES)
def test_a_value_is_read(tmp_path: Path, name: str, value: Any, read: Any) -> None:
    assert getattr(load(tmp_path, **{name: value}), name) == read


WRONG = [
    ("api_prefix", "api", "does not begin with '/'"),
    ("api_prefix", 1, "is not a string"),
    ("base_path", "/a//b", "empty or dot segment"),
    ("base_path", "/../b", "empty or dot segment"),
    ("trailing_slash", "maybe", "is not one of 'redirect', 'ignore', 'require'"),
    *(
        (name, "/x/", "'/x/' ends in '/', which no built-in path does: write '/x'")
        for name in ("readiness_path", "liveness_path", "openapi_path", "metrics_path")
    ),
    ("readiness_path", "/", "is not a path such as '/ready'"),
    ("page_extensions", [], "is not a list of file extensions"),
    ("page_extensions", ["js"], "every page extension is 'py' or ends in '.py'"),
    ("body_size_limit", "big", "is not a size"),
    ("body_size_limit", "1k", "no known unit"),
    ("middleware", [".x:f"], "package.module:function"),
    ("middleware", ["x"], "package.module:function"),
    ("middleware", 5, "is not a list of strings"),
    ("conventions", ["pages", "nuxt"], "must be a list from"),
    ("conventions", [], "must be a list from"),
    ("max_form_pairs", "-1", "is not an int"),
    ("max_json_depth", 0, "is less than 1"),
    ("port", 65536, "is more than 65535"),
    ("host", "", "is not a non-empty string"),
    ("preload", "maybe", "is neither true nor false"),
    ("etag", "strong", "'strong' is neither true nor false nor 'weak'"),
    ("etag_max_size", False, "False is a bool; a size is"),
    ("bodysizelimit", 1, "Did you mean 'body_size_limit'?"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_wrong_value_is_refused(tmp_path: Path, name: str, value: Any, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        load(tmp_path, **{name: value})


def test_every_mistake_in_every_source_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        load(tmp_path, "[tool.apiroutes]\nprot = 1\n", {"APIROUTES_THREAD": "1"}, worker=1)
    shown = [(problem.file, problem.message) for problem in caught.value.problems]
    assert shown == [
        ("pyproject.toml", "[tool.apiroutes] prot is not a setting."),
        ("environment", "APIROUTES_THREAD is not a setting."),
        ("App(...)", "worker is not a setting."),
    ]


@pytest.mark.parametrize("toml", ["[tool", "[tool]\napiroutes = 1\n", "tool = 1\n"])
def test_an_unreadable_pyproject_is_a_problem(tmp_path: Path, toml: str) -> None:
    with pytest.raises(ProjectError, match=r"pyproject\.toml"):
        load(tmp_path, toml)


def test_env_files_are_loaded_in_the_order_of_nextjs(tmp_path: Path) -> None:
    files = (".env.production.local", ".env.local", ".env.production", ".env")
    for number, name in enumerate(files):
        lines = [f"V{later}={name}" for later in range(number + 1)]
        (tmp_path / name).write_text("\n".join(lines))
    environ: dict[str, str] = {}
    load(tmp_path, environ=environ)
    assert [environ[f"V{number}"] for number in range(len(files))] == list(files)


def test_env_files_never_replace_a_variable_that_is_set(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file\nC\n")
    environ = {"A": "set"}
    load(tmp_path, environ=environ)
    assert environ == {"A": "set", "B": "file"}


def test_an_env_file_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(ProjectError, match=r"\.env"):
        load(tmp_path)


# A file, and what is reported of it: the line, a part of the message, of the remedy.
BROKEN_ENV_FILES = [
    ("A=1\n\nDB_URL='hunter2\nB=2\n", 3, "The value of DB_URL cannot be read", "closing quotation mark"),
    ('A=1\nexport DB_URL = "hunter" 2 # c\nB=2\n', 2, "The value of DB_URL cannot be read", "after it"),
    ('A=1\nDB_URL="hunter\\"\nB=2\n', 2, "quotation mark is not closed", "closing quotation mark"),
    ("A=1\nhunter 2\nB=2\n", 2, "is not a variable", "NAME=value"),
    ("A=1\nKEY: hunter2\nB=2\n", 2, "is not a variable", "NAME=value"),
    ("A=1\r\n=hunter2\r\nB=2\r\n", 2, "is not a variable", "NAME=value"),
]


@pytest.mark.parametrize(("text", "line", "message", "remedy"), BROKEN_ENV_FILES)
def test_a_line_of_an_env_file_that_cannot_be_read_is_a_problem(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, line: int, message: str, remedy: str
) -> None:
    (tmp_path / ".env").write_text(text, newline="")
    environ: dict[str, str] = {}
    _, problems = read_settings(tmp_path, environ, {})
    assert [(problem.file, problem.line) for problem in problems] == [(".env", line)]
    assert message in problems[0].message
    assert remedy in problems[0].remedy
    assert "hunter" not in report(problems)
    assert environ == {"A": "1", "B": "2"}
    assert caplog.records == []


def test_the_mode_chooses_its_env_files(tmp_path: Path) -> None:
    (tmp_path / ".env.development").write_text("A=development\n")
    (tmp_path / ".env.production").write_text("A=production\n")
    environ: dict[str, str] = {}
    load(tmp_path, environ=environ, mode="development")
    assert environ["A"] == "development"


def test_settings_may_stand_in_an_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("APIROUTES_PORT=7\n")
    assert load(tmp_path).port == 7


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_every_setting_has_a_reader(field: Field[Any]) -> None:
    assert callable(field.metadata["read"])


# -- limits

BAD = [
    ("readiness_path", "ready"),
    ("readiness_path", "/a b"),
    ("readiness_path", ""),
    ("readiness_path", "/a/../b"),
    ("body_timeout", 0),
    ("body_timeout", "soon"),
    ("body_timeout", True),
    ("body_timeout", float("inf")),
    ("body_timeout", "nan"),
    ("body_min_rate", "fast"),
    ("shutdown_delay", -1),
    ("max_query_keys", -1),
    ("max_headers", 0),
    ("max_header_size", "1xb"),
    ("max_abandoned_handlers", 0),
    ("abandon_timeout", 0),
    ("cache_path", ""),
    ("cache_path", "~/cache.db"),
    ("cache_path", "~ada/cache.db"),
    ("cache_path", Path("~/cache.db")),
    ("cache_path", "a\0b"),
    ("cache_prefix", "a b"),
    ("cache_prefix", ""),
    ("cache_max_entries", 0),
    ("cache_max_size", "many"),
    ("cache_max_size", 0),
    ("cache_max_size", "0kb"),
    ("cache_lock_timeout", -1),
    ("cache_status", "maybe"),
    ("release", 5),
    ("release", ""),
    ("release", "v1\n"),
    ("release", "v\x001"),
    ("release", "v1\x7f"),
    ("release", "v\x9b1"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_malformed_limit_is_reported_at_start(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ProjectError, match=name):
        App(project(tmp_path, {"pages/api/x.py": HELLO}), **{name: value})  # type: ignore[arg-type]


def test_seconds_are_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIROUTES_BODY_TIMEOUT", "2.5")
    assert app_of(tmp_path, HELLO).settings.body_timeout == 2.5
