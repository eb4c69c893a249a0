"""The settings `cache` and `rate_limit_store`: names of stores and URLs, whose passwords nothing shows."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apiroutes import App, Settings
from apiroutes.cli import main
from apiroutes.secret_keys import hide_secrets
from apiroutes.settings.store_urls import StoreURL
from tests.start_reports import problems_of
from tests.support import HELLO, app_of, call, project

PASSWORD = "hunter2-xyzzy"
URL = f"redis://user:{PASSWORD}@cache.example:6379/0"

URLS = [
    "redis://localhost",
    "redis://localhost/",
    "redis://localhost:6379/15",
    "redis://10.0.0.5:6379",
    "redis://[::1]:6379/0",
    "rediss://user:p%40ss@cache.example:6380/1?ssl_cert_reqs=none",
    "redis://:secret@localhost",
    "unix:///run/redis.sock",
    "unix://user:secret@/run/redis.sock?db=1",
    URL,
]


@pytest.mark.parametrize("name", ["cache", "rate_limit_store"])
@pytest.mark.parametrize("url", URLS)
def test_a_url_is_kept_as_it_is(tmp_path: Path, url: str, name: str) -> None:
    pytest.importorskip("redis")
    store = getattr(app_of(tmp_path, HELLO, **{name: url}).settings, name)
    assert isinstance(store, StoreURL)
    assert store.reveal() == url


def test_the_store_is_sqlite_unless_another_is_set(tmp_path: Path) -> None:
    settings = app_of(tmp_path, HELLO).settings
    assert (settings.cache, settings.rate_limit_store) == ("sqlite", "sqlite")


REFUSED: list[tuple[Any, str]] = [
    ("sqlit", "'sqlit' is neither a URL nor one of 'sqlite', 'memory', 'none'"),
    ("", "the value is neither a URL"),
    (False, "False is neither a URL"),
    (None, "None is neither a URL"),
    (f"redis:/:{PASSWORD}@localhost", "the value is neither a URL"),
    (f"valkey://:{PASSWORD}@localhost", "'valkey' is not one of 'redis', 'rediss', 'unix'"),
    (f"{PASSWORD}@x://localhost", "the URL's scheme is not one of"),
    ("sqlite:///cache.db", "'sqlite' is not one of 'redis'"),
    ("REDIS://localhost", "'REDIS' is not one of 'redis'"),
    ("redis://", "the URL has no host"),
    (f"redis://:{PASSWORD}@", "the URL has no host"),
    (f"redis://:{PASSWORD}@localhost:6379x", "or an invalid port"),
    (f"redis://:{PASSWORD}@localhost:99999", "or an invalid port"),
    ("redis://localhost:0", "or an invalid port"),
    (f"redis://:{PASSWORD}/more@localhost", "'/', '?', '#' and '@' are written %2F"),
    (f"redis://:{PASSWORD}?more@localhost", "'/', '?', '#' and '@' are written %2F"),
    (f"redis://:{PASSWORD}#more@localhost", "'/', '?', '#' and '@' are written %2F"),
    (f"redis://:{PASSWORD}[more@localhost", "the URL's host cannot be read"),
    (f"redis://:{PASSWORD} more@localhost", "the URL has a space or a control character"),
    ("redis://localhost\n", "the URL has a space or a control character"),
    ("redis://localhost/first", "not a database number"),
    ("redis://localhost/0/1", "not a database number"),
    ("unix://run/redis.sock", "no absolute path to a socket"),
    (f"unix://:{PASSWORD}@run/redis.sock", "no absolute path to a socket"),
    ("unix://", "no absolute path to a socket"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED)
def test_what_is_no_store_is_a_start_error(tmp_path: Path, value: Any, message: str) -> None:
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO}, cache=value)
    assert problem.message.startswith("cache: ")
    assert message in problem.message
    assert problem.remedy.startswith('Write "sqlite", "memory", "none", or a URL')
    assert PASSWORD not in repr(problem)


@pytest.mark.parametrize(("value", "message"), [("none", "'none' is neither a URL"), *REFUSED])
def test_what_is_no_store_of_limits_is_a_start_error(tmp_path: Path, value: Any, message: str) -> None:
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO}, rate_limit_store=value)
    assert problem.message.startswith("rate_limit_store: ")
    assert message.replace("'memory', 'none'", "'memory'") in problem.message
    assert problem.remedy.startswith('Write "sqlite", "memory", or a URL')
    assert PASSWORD not in repr(problem)


TABLE = "[tool.apiroutes]\n"
WRONG = f"redis://:{PASSWORD}@localhost/first"
PLACES = [
    {"pyproject.toml": f'{TABLE}cache = "{WRONG}"\n'},
    {"pyproject.toml": f'{TABLE}cach = "{URL}"\n'},
    {"pyproject.toml": f'{TABLE}cache_url = "{URL}"\n'},
    {"pyproject.toml": f'{TABLE}cache = "reds://:{PASSWORD}@localhost"\n'},
    {"pyproject.toml": f'{TABLE}cache = "redis:/:{PASSWORD}@localhost"\n'},
    {"pyproject.toml": f'{TABLE}cache = "redis://:\'a {PASSWORD}@localhost"\n'},
    {"pyproject.toml": f'{TABLE}cache = "redis://localhost/x?password={PASSWORD}"\n'},
    {"pyproject.toml": f'{TABLE}cache = "{URL}\nport = 1\n'},
    {"pyproject.toml": f"tool = {{apiroutes = {{port = 'x', cache = '{URL}'}}}}\n"},
    {"pyproject.toml": f'{TABLE}rate_limit_store = "{WRONG}"\n'},
    {"pyproject.toml": f'{TABLE}rate_limits_store = "{URL}"\n'},
    {".env": f"APIROUTES_CACHE={WRONG}\n"},
    {".env": f"APIROUTES_CACHE_URL={URL}\n"},
]


@pytest.mark.parametrize("files", PLACES, ids=lambda files: next(iter(files.values())))
@pytest.mark.parametrize("command", ["check", "routes"])
def test_a_refused_url_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], command: str
) -> None:
    for name in ("APIROUTES_CACHE", "APIROUTES_CACHE_URL"):  # a file's are taken back at the end
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    root = project(tmp_path, {"pages/api/x.py": HELLO, **files})
    result = CliRunner().invoke(main, [command, "--root", str(root)])
    assert result.exit_code == 1
    assert next(iter(files)) in result.output
    assert "hunter2" not in result.output
    assert "hunter2" not in str(result.exception)


LINES = [
    ("url = 'redis://:pw@host/0'", "url = 'redis://••••••@host/0'"),
    ("url = 'redis://:p/w@x@host/0'", "url = 'redis://••••••@host/0'"),
    ("url = 'postgresql://me:pw@host/db'", "url = 'postgresql://••••••@host/db'"),
    ("url = 'unix:///s?db=0&password=pw'", "url = 'unix:///s?db=0&password=••••••'"),
    ("url = 'https://me@host/x'", "url = 'https://me@host/x'"),
    ("url = 'https://host:80/x'", "url = 'https://host:80/x'"),
    ("url = 'redis://host/0'", "url = 'redis://host/0'"),
]


@pytest.mark.parametrize(("line", "shown"), LINES)
def test_a_line_is_shown_without_the_password_of_a_url(line: str, shown: str) -> None:
    assert hide_secrets(line) == shown


@pytest.mark.parametrize("show", [repr, str, "{}".format, dataclasses.asdict, dataclasses.astuple, vars])
def test_settings_show_no_password(show: Any) -> None:
    shown = f"{show(Settings(cache=StoreURL(URL)))}"
    assert "StoreURL(" in shown
    assert PASSWORD not in shown


def test_a_fault_shows_no_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("redis")
    source = (
        "import gc\nfrom apiroutes import Settings\n"
        "def GET():\n    found = [item for item in gc.get_objects() if isinstance(item, Settings)]\n"
        "    raise ValueError(f'{found}')\n"
    )
    app = App(project(tmp_path, {"pages/api/x.py": source}), cache=URL, mode="development")
    assert call(app, headers=[("Accept", "text/html")]).status == 500
    assert PASSWORD not in caplog.text


def test_a_url_behaves_as_a_secret() -> None:
    url = StoreURL(URL)
    assert copy.deepcopy(url) == url == StoreURL(URL) != StoreURL("redis://localhost")
    assert url != URL
    with pytest.raises(AttributeError, match="StoreURL cannot be changed"):
        url._url = ""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Settings(cache=url))
