"""The source of a release: the files that git tracks, and nothing else that lies in the directory.

In: a clone. Out: a copy of its tracked files, as they lie there, and the time of its last commit. Raises:
`ReleaseError` where git knows no such clone.
"""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

from tools.release.errors import ReleaseError

__all__ = ["copy_source", "repository_address", "time_of_last_commit", "tracked_files", "uncommitted_files"]


def tracked_files(root: Path) -> list[str]:
    """Return the paths of the tracked files that exist, relative to the clone, sorted."""
    names = _git(root, "ls-files", "-z").split("\0")
    return sorted(name for name in names if name and (root / name).is_file())


def uncommitted_files(root: Path) -> list[str]:
    """Return the tracked files that differ from the last commit."""
    return _git(root, "diff", "--name-only", "-z", "HEAD").split("\0")[:-1]


def time_of_last_commit(root: Path) -> int:
    """Return when the last commit was made, in seconds since 1970: the time of all that a build makes.

    It is what https://reproducible-builds.org/specs/source-date-epoch/ asks for.
    """
    return int(_git(root, "log", "-1", "--format=%ct"))


def copy_source(root: Path, target: Path) -> None:
    """Copy the tracked files, with the modes that git knows, whatever umask the clone was made with."""
    for name in tracked_files(root):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, copy)
        copy.chmod(0o755 if (root / name).stat().st_mode & 0o100 else 0o644)


def repository_address(root: Path) -> str | None:
    """Return the URL `Source` of `project_urls` in setup.cfg, the one place that has the address."""
    metadata = configparser.ConfigParser()
    metadata.read(root / "setup.cfg")
    for line in metadata.get("metadata", "project_urls", fallback="").splitlines():
        name, _, address = line.partition("=")
        if name.strip() == "Source":
            return address.strip().rstrip("/")
    return None


def _git(root: Path, *arguments: str) -> str:
    try:
        run = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise ReleaseError("git is not installed. Releases are built from a clone.") from None
    except subprocess.CalledProcessError as error:
        raise ReleaseError(f"{error.stderr.strip()}\nReleases are built from a clone.") from None
    return run.stdout
