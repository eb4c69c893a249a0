"""Which store of sessions a project gets, and what is wrong with one that it cannot get."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from apiroutes.stores.session_opening import open_session_store
from tests.redis_server import RedisServer
from tests.stores.session_kinds import LONG, values_of

KEY = b"key"


def test_memory_is_that_of_this_process(tmp_path: Path) -> None:
    store = open_session_store("memory", tmp_path, prefix="test")
    store.begin(KEY, {"a": b"1"}, LONG)
    assert values_of(store, KEY) == {"a": b"1"}
    assert list(tmp_path.iterdir()) == []


def test_sqlite_is_a_file_of_the_project(tmp_path: Path) -> None:
    store = open_session_store("sqlite", tmp_path, prefix="test")
    assert list(tmp_path.iterdir()) == []
    store.begin(KEY, {"a": b"1"}, LONG)
    assert (tmp_path / ".apiroutes" / "sessions.db").is_file()
    other = open_session_store("sqlite", tmp_path, prefix="test")
    assert values_of(other, KEY) == {"a": b"1"}
    store.close()
    other.close()


def test_a_url_is_a_redis_where_each_prefix_has_sessions_of_its_own(
    tmp_path: Path, redis: RedisServer
) -> None:
    stores = [
        open_session_store(redis.patient_url, tmp_path, prefix=prefix) for prefix in ("one", "one", "two")
    ]
    stores[0].begin(KEY, {"a": b"1"}, LONG, "owner")
    assert [values_of(store, KEY) for store in stores] == [{"a": b"1"}, {"a": b"1"}, None]
    assert [store.end_all("owner") for store in stores[::-1]] == [0, 1, 0]
    for store in stores:
        store.close()


def test_nothing_is_connected_before_a_redis_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        store = open_session_store(f"redis://127.0.0.1:{listener.getsockname()[1]}", tmp_path, prefix="test")
        with pytest.raises(BlockingIOError):
            listener.accept()
        store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "disk",
        "SQLite",
        "http://user:s3cret@host/",
        "redis://user:s3cret@host:port/",
        "redis://user:s3cret@host:99999999999999999999x/",
        "redis://user:s3cret@[host/",
        "redis://user:s3cret@host/?socket_timeout=x",
    ],
)
def test_a_url_that_cannot_be_used_is_an_error_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="The URL of the sessions' Redis cannot be used") as raised:
        open_session_store(url, tmp_path, prefix="test")
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_without_redis_py_an_error_names_the_extra(tmp_path: Path) -> None:
    code = f"""
        import sys
        sys.modules["redis"] = None
        from pathlib import Path
        from apiroutes.stores.session_opening import open_session_store
        for store in ["memory", "sqlite", "redis://localhost"]:
            try:
                open_session_store(store, Path({str(tmp_path)!r}), prefix="test")
            except ImportError as error:
                print(store, error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == (
        "redis://localhost Sessions in Redis need redis-py: pip install 'apiroutes[redis]'\n"
    )
