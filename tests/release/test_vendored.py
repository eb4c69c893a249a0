"""The vendored files of the documentation page, and the record of their hashes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tools.release.errors import ReleaseError
from tools.release.vendored import differences, fetch, read_record

ROOT = Path(__file__).parents[2]
CONTENTS = {"page.js": b"alert(1)\n", "LICENSE": b"Do what you like.\n"}


def test_the_vendored_files_are_as_recorded() -> None:
    assert list(differences(ROOT, read_record())) == []


def archive(directory: Path, contents: dict[str, bytes]) -> Path:
    path = directory / "page-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as package:
        for name, content in contents.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            package.addfile(entry, io.BytesIO(content))
    return path


def record(directory: Path, **changes: Any) -> Path:
    path = directory / "vendored.json"
    page = {
        "package": "page",
        "version": "1.0.0",
        "integrity": "",
        "license": "MIT",
        "directory": "ours/page",
    }
    path.write_text(json.dumps({**page, "files": dict.fromkeys(CONTENTS, ""), **changes}))
    return path


def integrity(file: Path, algorithm: str = "sha512") -> str:
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, file.read_bytes()).digest()).decode()}"


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive of which an `npm` on the path makes a copy, whatever is asked of it."""
    path = archive(tmp_path, CONTENTS)
    program = tmp_path / "bin/npm"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != --pack-destination ]; do shift; done\n' + f'exec cp "{path}" "$2"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return path


def test_fetched_files_and_their_hashes_are_written(tmp_path: Path, npm: Path) -> None:
    fetched = fetch(tmp_path, record(tmp_path, integrity=integrity(npm)))
    directory = tmp_path / "ours/page"
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == CONTENTS
    assert list(differences(tmp_path, fetched)) == []
    assert read_record(tmp_path / "vendored.json") == fetched


def test_an_archive_that_the_record_does_not_expect_is_not_copied(tmp_path: Path, npm: Path) -> None:
    expected = record(tmp_path, integrity=integrity(npm))
    archive(tmp_path, {**CONTENTS, "page.js": b"alert(2)\n"})
    with pytest.raises(ReleaseError, match="is not what the record expects"):
        fetch(tmp_path, expected)
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize("algorithm", ["sha1", "md5"])
def test_a_hash_that_can_be_forged_is_not_enough(tmp_path: Path, npm: Path, algorithm: str) -> None:
    with pytest.raises(ReleaseError, match="is not what the record expects"):
        fetch(tmp_path, record(tmp_path, integrity=integrity(npm, algorithm)))


def test_a_file_that_the_package_does_not_have_is_named(tmp_path: Path, npm: Path) -> None:
    files = {**dict.fromkeys(CONTENTS, ""), "NOTICE": ""}
    with pytest.raises(ReleaseError, match=r"page 1\.0\.0 has no file NOTICE"):
        fetch(tmp_path, record(tmp_path, integrity=integrity(npm), files=files))


def changed(directory: Path) -> None:
    (directory / "page.js").write_bytes(b"alert(1) \n")


def missing(directory: Path) -> None:
    (directory / "LICENSE").unlink()


def added(directory: Path) -> None:
    (directory / "more").mkdir()
    (directory / "more/page.js").touch()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed, "ours/page/page.js has been changed."),
        (missing, "ours/page/LICENSE is missing."),
        (added, "ours/page/more/page.js is not among the recorded files of page."),
    ],
)
def test_a_difference_from_the_record_is_told(tmp_path: Path, npm: Path, change: Any, told: str) -> None:
    fetched = fetch(tmp_path, record(tmp_path, integrity=integrity(npm)))
    change(tmp_path / "ours/page")
    assert list(differences(tmp_path, fetched)) == [told]
