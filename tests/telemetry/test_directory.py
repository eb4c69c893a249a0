"""The directory that the workers of a server share, from its start to its end."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from apiroutes.settings import Settings
from apiroutes.telemetry import with_metrics_directory

NAME = "PROMETHEUS_MULTIPROC_DIR"
ON = Settings(metrics_path="/metrics")


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_it_is_there_while_the_server_is(runtime: Path) -> None:
    with with_metrics_directory(ON):
        directory = Path(os.environ[NAME])
        assert directory.parent == runtime
        assert directory.stat().st_mode & 0o777 == 0o700
        (directory / "counter_1.db").touch()
    assert NAME not in os.environ
    assert list(runtime.iterdir()) == []


FORK = """
import os
from apiroutes.settings import Settings
from apiroutes.telemetry import with_metrics_directory
with with_metrics_directory(Settings(metrics_path="/metrics")):
    directory = os.environ["PROMETHEUS_MULTIPROC_DIR"]
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        assert os.path.isdir(directory)
assert child == 0 or not os.path.exists(directory)
"""


def test_a_process_that_was_forked_leaves_it(runtime: Path) -> None:
    """A worker of gunicorn leaves the block as well, when it ends."""
    subprocess.run([sys.executable, "-c", FORK], cwd=Path(__file__).parents[2], check=True)
    assert list(runtime.iterdir()) == []


def test_it_is_locked_so_that_systemd_does_not_clean_it(runtime: Path) -> None:
    with with_metrics_directory(ON):
        other = os.open(os.environ[NAME], os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)


KILLED = """
import os, signal
from apiroutes.settings import Settings
from apiroutes.telemetry import with_metrics_directory
with with_metrics_directory(Settings(metrics_path="/metrics")):
    if os.fork():
        os.kill(os.getpid(), signal.SIGKILL)
    print("worker", flush=True)
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_of_a_server_that_was_killed_is_removed_by_the_next(runtime: Path) -> None:
    """Not before its last worker has ended, which may write into it still."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        assert server.stdout.readline() == b"worker\n"
        server.wait()
        (left,) = runtime.iterdir()
        with with_metrics_directory(ON):
            assert left.is_dir()
        server.stdin.close()
        server.stdout.read()  # to the end, which the worker's end is
    with with_metrics_directory(ON):
        assert [path.name for path in runtime.iterdir()] == [Path(os.environ[NAME]).name]
    assert list(runtime.iterdir()) == []


def test_what_others_have_left_stays(runtime: Path) -> None:
    (runtime / "other").mkdir()
    (runtime / "apiroutes-metrics-file").touch()
    (runtime / "apiroutes-metrics-link").symlink_to(runtime / "other")
    before = sorted(runtime.iterdir())
    with with_metrics_directory(ON):
        pass
    assert sorted(runtime.iterdir()) == before


def test_one_that_a_worker_has_made_again_stays(runtime: Path) -> None:
    """The lock of its server is that of the directory that has gone."""
    again = runtime / "apiroutes-metrics-again"
    again.mkdir()
    (again / f"counter_{os.getpid()}.db").touch()
    with with_metrics_directory(ON):
        assert again.is_dir()
    (again / f"counter_{os.getpid()}.db").rename(again / f"counter_{2**22 + 1}.db")
    with with_metrics_directory(ON):
        assert not again.exists()


def test_one_of_a_server_that_runs_stays(runtime: Path) -> None:
    with with_metrics_directory(ON):
        first = os.environ.pop(NAME)
        with with_metrics_directory(ON):
            assert os.environ[NAME] != first
            assert Path(first).is_dir()
        os.environ[NAME] = first


def test_one_that_the_user_has_named_is_made_and_kept(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = runtime / "own" / "metrics"
    monkeypatch.setenv(NAME, str(own))
    with with_metrics_directory(ON):
        assert os.environ[NAME] == str(own)
    assert own.is_dir()


def test_without_metrics_there_is_none(runtime: Path) -> None:
    with with_metrics_directory(Settings()):
        assert NAME not in os.environ
    assert list(runtime.iterdir()) == []


def test_without_a_runtime_directory_it_is_a_temporary_one(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    with with_metrics_directory(ON):
        assert Path(os.environ[NAME]).is_dir()
        assert Path(os.environ[NAME]).parent != runtime
