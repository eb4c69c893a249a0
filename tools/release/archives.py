"""The archives of a release, sdist and wheel: the same bytes whenever and wherever a commit is built.

In: a clone. Out: the archives, and what is wrong with them. Raises: `ReleaseError` if the build fails.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from tools.release.description import describe
from tools.release.errors import ReleaseError
from tools.release.source import copy_source, repository_address, time_of_last_commit, tracked_files

__all__ = ["Archives", "build", "normalise", "problems_of"]

_CONSTRAINTS = Path(__file__).with_name("build-constraints.txt")
# Tracked files that an sdist has no use for: the gate, and what git itself reads.
_LEFT_OUT = {".ci/run", ".gitattributes", ".gitignore"}
# What a build makes or changes.
_DESCRIPTION = "DESCRIPTION.md"
_MADE = {"PKG-INFO", "setup.cfg", _DESCRIPTION}
_LICENSES = ("LICENSE", "NOTICE")  # of what is vendored: among the wheel's licences, not beside the files


@dataclass(frozen=True)
class Archives:
    sdist: Path
    wheel: Path


def build(root: Path, version: str, target: Path) -> Archives:
    """Build the archives of a clone into the directory `target`, and return their paths.

    The wheel is built from the sdist, with the setuptools that `build-constraints.txt` names.
    """
    moment = time_of_last_commit(root)
    with TemporaryDirectory(prefix="apiroutes-release-") as directory:
        source = Path(directory) / "source"
        copy_source(root, source)
        _describe(source, version)
        _run_build(source, Path(directory) / "built", moment)
        (sdist,) = Path(directory, "built").glob("*.tar.gz")
        (wheel,) = Path(directory, "built").glob("*.whl")
        target.mkdir(parents=True, exist_ok=True)
        archives = Archives(target / sdist.name, target / wheel.name)
        archives.wheel.write_bytes(wheel.read_bytes())
        normalise(sdist, archives.sdist, moment)
    return archives


def _describe(source: Path, version: str) -> None:
    """Give a source a long description beside its README, whose relative links the tests follow."""
    metadata = source / "setup.cfg"
    readme = (source / "README.md").read_text()
    (source / _DESCRIPTION).write_text(describe(readme, repository_address(source), version))
    named = metadata.read_text().replace("file: README.md", f"file: {_DESCRIPTION}")
    if _DESCRIPTION not in named:
        raise ReleaseError("setup.cfg has no `long_description = file: README.md`.")
    metadata.write_text(named)


def _run_build(source: Path, target: Path, moment: int) -> None:
    command = [sys.executable, "-m", "build", "--outdir", str(target)]
    command += ["--dependency-constraints-txt", str(_CONSTRAINTS), str(source)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(moment), "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONPATH", None)
    run = subprocess.run(
        command, env=environment, umask=0o022, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if run.returncode:
        raise ReleaseError(f"{run.stdout}\nThe build failed.")


def normalise(sdist: Path, target: Path, moment: int) -> None:
    """Write an sdist anew, without what depends on the machine and the time.

    setuptools writes users, modes and times as it finds them, and the time of compression into gzip's header.
    """
    with (
        tarfile.open(sdist) as found,
        target.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=moment) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as written,
    ):
        for member in sorted(found.getmembers(), key=lambda member: member.name):
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = moment
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            written.addfile(member, found.extractfile(member) if member.isfile() else None)


def problems_of(archives: Archives, root: Path) -> Iterator[str]:
    """Yield the files that the archives lack, or should not contain, by the clone's tracked files."""
    tracked = set(tracked_files(root))
    yield from _problems_of_sdist(archives.sdist, root, tracked - _LEFT_OUT)
    yield from _problems_of_wheel(archives.wheel, {name for name in tracked if name.startswith("apiroutes/")})


def _problems_of_sdist(sdist: Path, root: Path, expected: set[str]) -> Iterator[str]:
    with tarfile.open(sdist) as archive:
        files = {member.name.partition("/")[2]: member for member in archive.getmembers() if member.isfile()}
        for name in sorted(expected & files.keys() - _MADE):
            content = archive.extractfile(files[name])
            if content is None or content.read() != (root / name).read_bytes():
                yield f"{sdist.name}: {name} is not as in the clone."
    made = {name for name in files if name in _MADE or name.startswith("apiroutes.egg-info/")}
    for name in sorted(files.keys() - made - expected):
        yield f"{sdist.name} contains {name}, which git does not track. Exclude it in MANIFEST.in."
    for name in sorted(expected - files.keys()):
        yield f"{sdist.name} lacks {name}. Include it in MANIFEST.in."


def _problems_of_wheel(wheel: Path, package: set[str]) -> Iterator[str]:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    (information,) = {name.partition("/")[0] for name in names if ".dist-info/" in name}
    licenses = {name for name in package if name.rpartition("/")[2] in _LICENSES}
    for name in ["LICENSE", *sorted(licenses)]:
        if f"{information}/licenses/{name}" not in names:
            yield f"{wheel.name} lacks the licence {name}. Name it in setup.cfg's license_files."
    installed = {name for name in names if not name.startswith(f"{information}/")}
    for name in sorted(installed - package):
        yield f"{wheel.name} contains {name}, which is not a tracked file of the package."
    for name in sorted(package - licenses - installed):
        yield f"{wheel.name} lacks {name}. Name it in setup.cfg's package_data."
