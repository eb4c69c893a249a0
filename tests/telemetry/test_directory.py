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
