"""`python -m tools.release dist` and `python -m tools.release vendor`."""

from __future__ import annotations

from pathlib import Path

import click

from apiroutes.version import __version__
from tools.release import vendored
from tools.release.errors import ReleaseError

ROOT = Path(__file__).parents[2]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Build releases of apiroutes, and update the third-party files that they contain.

    The exit status is 0 if everything is right, 1 if something is wrong, and 2 for a wrong command.
    """


@main.command()
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "dist",
    show_default="dist",
    help="Where the archives are written.",
)
def dist(directory: Path) -> None:
    """Build sdist and wheel, check them, install and try each, and write the bill of materials.

    It needs a clone, and the extra `dist`. Uncommitted changes are built as they are.
    """
    from tools.release.dist import make_release  # `vendor` does not need its libraries

    for done in make_release(ROOT, __version__, directory):
        click.echo(done)


@main.command()
@click.option("--check", is_flag=True, help="Fetch nothing: compare the files with the recorded hashes.")
def vendor(check: bool) -> None:
    """Fetch the files of the documentation page with npm.

    The package, its version, and the hashes of its archive and files are in tools/release/vendored.json. For
    a new version, write its number and its integrity there (`npm view PACKAGE@VERSION dist.integrity`).
    """
    record = vendored.read_record() if check else vendored.fetch(ROOT)
    wrong = list(vendored.differences(ROOT, record))
    if wrong:
        raise ReleaseError("\n".join([*wrong, "`make vendor` writes the files again."]))
    click.echo(f"{record.package} {record.version}: {len(record.files)} files are as recorded.")


if __name__ == "__main__":
    main(prog_name="python -m tools.release")
