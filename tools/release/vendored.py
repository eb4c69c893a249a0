"""The files of the documentation page that are others' work: Swagger UI, as npm has it.

In: `vendored.json`, the record of which package it is, and of the hashes of its archive and files. Out: those
files, and what differs from the record. Raises: `ReleaseError`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.release.errors import ReleaseError

__all__ = ["RECORD", "Vendored", "differences", "fetch", "read_record"]

RECORD = Path(__file__).with_name("vendored.json")


@dataclass(frozen=True)
class Vendored:
    """A package of npm of which some files are in the repository.

    `integrity` is npm's, as Subresource Integrity writes it (`sha512-` and base64), of the package's archive;
    `license` is an SPDX identifier; `directory` is relative to the repository; `files` has the SHA-256 of
    each file, in hexadecimal.
    """

    package: str
    version: str
    integrity: str
    license: str
    directory: str
    files: dict[str, str]


def read_record(record: Path = RECORD) -> Vendored:
    return Vendored(**json.loads(record.read_text()))


def differences(root: Path, vendored: Vendored) -> Iterator[str]:
    """Yield what is not as the record has it: a file that is missing, is changed, or is one too many."""
    directory = root / vendored.directory
    present = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    for name in sorted(present | set(vendored.files)):
        if name not in present:
            yield f"{vendored.directory}/{name} is missing."
        elif name not in vendored.files:
            yield f"{vendored.directory}/{name} is not among the recorded files of {vendored.package}."
        elif hashlib.sha256((directory / name).read_bytes()).hexdigest() != vendored.files[name]:
            yield f"{vendored.directory}/{name} has been changed."


def fetch(root: Path, record: Path = RECORD) -> Vendored:
    """Copy the files of the record's package into the repository, and their hashes into the record.

    Nothing is written unless the package's archive has the integrity that the record expects.
    """
    vendored = read_record(record)
    with TemporaryDirectory() as directory:
        archive = _pack(vendored, Path(directory))
        _check_integrity(archive, vendored)
        contents = _read_files(archive, vendored)
    target = root / vendored.directory
    target.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (target / name).write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    fetched = replace(vendored, files=hashes)
    record.write_text(json.dumps(asdict(fetched), indent=2) + "\n")
    return fetched


def _pack(vendored: Vendored, directory: Path) -> Path:
    command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(directory)]
    name = f"{vendored.package}@{vendored.version}"
    try:
        run = subprocess.run([*command, name], capture_output=True, text=True)
    except FileNotFoundError:
        raise ReleaseError("npm is not installed. Install Node.js, which brings it.") from None
    archives = list(directory.glob("*.tgz"))
    if run.returncode or len(archives) != 1:
        raise ReleaseError(f"npm could not fetch {name}:\n{run.stderr.strip()}")
    return archives[0]


def _check_integrity(archive: Path, vendored: Vendored) -> None:
    """Raise an error unless the archive has the hash (SRI, https://www.w3.org/TR/SRI/) that is expected."""
    expected = vendored.integrity
    digest = hashlib.sha512(archive.read_bytes()).digest()
    found = f"sha512-{base64.b64encode(digest).decode()}"
    if found != expected:
        raise ReleaseError(
            f"{archive.name} is not what the record expects, so nothing was copied.\n"
            f"  expected {expected}\n  found    {found}\n"
            f"For a new version, write its integrity into {RECORD.name};\n"
            f"`npm view {vendored.package}@{vendored.version} dist.integrity` prints it."
        )


def _read_files(archive: Path, vendored: Vendored) -> dict[str, bytes]:
    contents = {}
    with tarfile.open(archive) as package:
        for name in sorted(vendored.files):
            try:
                file = package.extractfile(f"package/{name}")
            except KeyError:
                file = None
            if file is None:
                raise ReleaseError(f"{vendored.package} {vendored.version} has no file {name}.")
            contents[name] = file.read()
    return contents
