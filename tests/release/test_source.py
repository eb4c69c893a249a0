"""The source of a release: the tracked files of a clone as they lie there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.release.clones import clone
from tools.release.errors import ReleaseError
from tools.release.source import (
    copy_source,
    repository_address,
    time_of_last_commit,
    tracked_files,
    uncommitted_files,
)


def test_nothing_but_tracked_files_is_copied(tmp_path: Path) -> None:
    root = clone(tmp_path, {"a.py": "a = 1\n", "pages/grüße [id].py": ""})
    (root / ".env.local").write_text("KEY=secret\n")
    copy_source(root, tmp_path / "copy")
    copied = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*.*")}
    assert copied == {"a.py", "pages/grüße [id].py"}
    assert tracked_files(root) == sorted(copied)


def test_a_file_is_copied_as_it_lies_there(tmp_path: Path) -> None:
    root = clone(tmp_path, {"a.py": "a = 1\n", "b.py": "", "run": ""})
    (root / "a.py").write_text("a = 2\n")
    (root / "b.py").unlink()
    (root / "run").chmod(0o700)
    (root / "a.py").chmod(0o600)
    copy_source(root, tmp_path / "copy")
    modes = {path.name: f"{path.stat().st_mode & 0o777:o}" for path in (tmp_path / "copy").iterdir()}
    assert modes == {"a.py": "644", "run": "755"}
    assert (tmp_path / "copy/a.py").read_text() == "a = 2\n"
    assert uncommitted_files(root) == ["a.py", "b.py", "run"]


def test_the_time_is_that_of_the_last_commit(tmp_path: Path) -> None:
    assert time_of_last_commit(clone(tmp_path, {"a.py": ""}, moment=1_700_000_000)) == 1_700_000_000


def test_a_directory_that_is_no_clone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ReleaseError, match=r"Releases are built from a clone\."):
        tracked_files(tmp_path)
    assert subprocess.run(["git", "status"], cwd=tmp_path, capture_output=True).returncode


@pytest.mark.parametrize(
    ("urls", "address"),
    [
        ("", None),
        ("project_urls =\n    Changes = https://x.example/changes\n", None),
        ("project_urls =\n    Source = https://x.example/a/\n", "https://x.example/a"),
    ],
)
def test_the_address_is_the_source_of_the_project_urls(
    tmp_path: Path, urls: str, address: str | None
) -> None:
    (tmp_path / "setup.cfg").write_text(f"[metadata]\nname = x\n{urls}")
    assert repository_address(tmp_path) == address
