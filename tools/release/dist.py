"""The whole of a release: archives, what is checked of them, their trial, and the bill of materials.

In: a clone, and the directory for what is made. Out: a line for each step. Raises: `ReleaseError` at the
first that fails.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from readme_renderer import markdown

from tools.release.archives import Archives, build, problems_of
from tools.release.bare import Environment
from tools.release.bom import bill_of_materials
from tools.release.description import relative_links
from tools.release.errors import ReleaseError
from tools.release.source import repository_address, time_of_last_commit, uncommitted_files
from tools.release.trial import trial
from tools.release.vendored import differences, read_record

__all__ = ["make_release"]


def make_release(root: Path, version: str, target: Path) -> Iterator[str]:
    """Build and check everything, in `target`, which is emptied of earlier archives first."""
    if changed := uncommitted_files(root):
        yield f"These are archives of a change, not of a release: {len(changed)} files are not committed."
    if repository_address(root) is None:
        yield "setup.cfg has no project_urls, so the long description has no links into the repository."
    _raise_first_of(differences(root, read_record()))
    for old in [
        *target.glob("apiroutes-*.tar.gz"),
        *target.glob("apiroutes-*.whl"),
        *target.glob("*.cdx.json"),
    ]:
        old.unlink()
    archives = build(root, version, target)
    yield f"Built {archives.sdist.name} and {archives.wheel.name}."
    _check_reproducible(archives, root, version)
    yield "A second build has the same bytes."
    _raise_first_of(problems_of(archives, root))
    yield "The sdist contains what git tracks, the wheel contains the package."
    _check_by_tools(archives)
    _check_description(archives.wheel)
    yield "twine and check-wheel-contents find nothing, and the long description has no broken link."
    for archive in (archives.sdist, archives.wheel):
        with TemporaryDirectory(prefix="apiroutes-trial-") as directory:
            environment = Environment(Path(directory) / "environment", archive)
            yield f"Installed {archive.name} and its dependencies in a bare environment:"
            projects = Path(directory) / "projects"
            projects.mkdir()
            for done in trial(environment, projects, version):
                yield f"  {done}"
            if archive == archives.wheel:
                yield _write_bill(archive, environment, root)


def _check_reproducible(archives: Archives, root: Path, version: str) -> None:
    with TemporaryDirectory(prefix="apiroutes-again-") as directory:
        again = build(root, version, Path(directory))
        for first, second in [(archives.sdist, again.sdist), (archives.wheel, again.wheel)]:
            if first.read_bytes() != second.read_bytes():
                raise ReleaseError(f"A second build of {first.name} has other bytes.")


def _check_by_tools(archives: Archives) -> None:
    both = [str(archives.sdist), str(archives.wheel)]
    for command in (["twine", "check", "--strict", *both], ["check_wheel_contents", str(archives.wheel)]):
        run = subprocess.run(
            [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if run.returncode:
            raise ReleaseError(run.stdout.strip())


def _check_description(wheel: Path) -> None:
    """Raise an error unless the long description, as an index shows it, has only links that work there."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        description = message_from_bytes(archive.read(name)).get_payload()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        html = markdown.render(str(description))
    if html is None:
        raise ReleaseError("The long description cannot be shown.")
    if broken := relative_links(html):
        raise ReleaseError(f"The long description has links that an index page breaks: {', '.join(broken)}")


def _write_bill(wheel: Path, environment: Environment, root: Path) -> str:
    moment, address = time_of_last_commit(root), repository_address(root)
    bill = wheel.with_name(f"{wheel.name.removesuffix('.whl')}.cdx.json")
    bill.write_text(bill_of_materials(wheel, environment, read_record(), moment, address))
    return f"Wrote {bill.name}, which is valid CycloneDX."


def _raise_first_of(problems: Iterator[str]) -> None:
    found = list(problems)
    if found:
        more = [f"and {len(found) - 20} more"] if len(found) > 20 else []
        raise ReleaseError("\n".join([*found[:20], *more]))
