"""The archives of a release: what they may have, must have, and that a build repeats their bytes."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.release.clones import clone
from tools.release.archives import Archives, normalise, problems_of

FILES = {
    "LICENSE": "MIT\n",
    "README.md": "",
    ".gitignore": "var/\n",
    "setup.cfg": "",
    "apiroutes/__init__.py": "",
    "apiroutes/page/LICENSE": "Apache\n",
    "tests/test_x.py": "",
}
SDIST = {name: text for name, text in FILES.items() if name != ".gitignore"}
LICENSES = ["x-1.dist-info/licenses/LICENSE", "x-1.dist-info/licenses/apiroutes/page/LICENSE"]
WHEEL = ["apiroutes/__init__.py", "x-1.dist-info/METADATA", *LICENSES]


def sdist_of(path: Path, files: Mapping[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"x-1/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def wheel_of(path: Path, names: Iterable[str]) -> Path:
    with ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


def problems(directory: Path, sdist: Mapping[str, str] = SDIST, wheel: Iterable[str] = WHEEL) -> list[str]:
    archives = Archives(sdist_of(directory / "x-1.tar.gz", sdist), wheel_of(directory / "x-1.whl", wheel))
    return list(problems_of(archives, clone(directory, FILES)))


def test_archives_of_the_tracked_files_are_right(tmp_path: Path) -> None:
    made = {"PKG-INFO": "", "DESCRIPTION.md": "", "setup.cfg": "[egg_info]", "apiroutes.egg-info/x": ""}
    assert problems(tmp_path, {**SDIST, **made}) == []


@pytest.mark.parametrize(
    ("sdist", "told"),
    [
        ({**SDIST, ".env.local": "KEY=secret"}, "contains .env.local, which git does not track"),
        ({**SDIST, "tests/users.db": ""}, "contains tests/users.db, which git does not track"),
        ({k: v for k, v in SDIST.items() if k != "tests/test_x.py"}, "lacks tests/test_x.py"),
        ({**SDIST, "tests/test_x.py": "x = 1\n"}, "tests/test_x.py is not as in the clone"),
        ({**SDIST, "README.md": "x\n"}, "README.md is not as in the clone"),
    ],
)
def test_an_sdist_that_is_not_the_clone_is_told(tmp_path: Path, sdist: dict[str, str], told: str) -> None:
    (problem,) = problems(tmp_path, sdist)
    assert told in problem


@pytest.mark.parametrize(
    ("wheel", "told"),
    [
        ([*WHEEL, "tests/test_x.py"], "contains tests/test_x.py, which is not a tracked file of the package"),
        (
            [*WHEEL, "apiroutes/left.py"],
            "contains apiroutes/left.py, which is not a tracked file of the package",
        ),
        (WHEEL[1:], "lacks apiroutes/__init__.py. Name it in setup.cfg's package_data"),
        (WHEEL[:-1], "lacks the licence apiroutes/page/LICENSE"),
    ],
)
def test_a_wheel_that_is_not_the_package_is_told(tmp_path: Path, wheel: list[str], told: str) -> None:
    (problem,) = problems(tmp_path, wheel=wheel)
    assert told in problem


def test_an_sdist_tells_nothing_of_the_machine_and_the_time(tmp_path: Path) -> None:
    written = []
    for number, (mode, moment) in enumerate([(0o600, 1), (0o664, 1_700_000_000)]):
        source = tmp_path / f"source{number}"
        source.mkdir()
        names = ["b.py", "a.py"][:: 1 if number else -1]
        for name in names:
            (source / name).write_text(name)
            (source / name).chmod(mode)
            os.utime(source / name, (moment, moment))
        found = tmp_path / f"{number}.tar.gz"
        with tarfile.open(found, "w:gz", format=[tarfile.GNU_FORMAT, tarfile.PAX_FORMAT][number]) as archive:
            for name in names:
                archive.add(source / name, f"x-1/{name}")
        normalise(found, tmp_path / f"{number}.out", 1_600_000_000)
        written.append((tmp_path / f"{number}.out").read_bytes())
    assert written[0] == written[1]


def test_a_normalised_sdist_has_the_contents_and_executable_files_of_the_first(tmp_path: Path) -> None:
    found = tmp_path / "found.tar.gz"
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o775)
    with tarfile.open(found, "w:gz") as archive:
        archive.add(tmp_path / "run", "x-1/run")
    normalise(found, tmp_path / "out.tar.gz", 1_600_000_000)
    with tarfile.open(tmp_path / "out.tar.gz") as archive:
        (member,) = archive.getmembers()
        content = archive.extractfile(member)
        assert content is not None
        assert content.read() == b"#!/bin/sh\n"
    assert (member.mode, member.mtime, member.uname) == (0o755, 1_600_000_000, "")
