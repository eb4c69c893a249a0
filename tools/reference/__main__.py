"""`python -m tools.reference`: writes the reference, or compares it with the existing pages."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.reference.documents import ROOT, documents
from tools.reference.source import Undescribed

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the reference, or compare it with `--check`. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.reference",
        description="Write docs/reference/ and the generated regions of other pages, from the code.",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; print the differences, and exit with status 1 if there are any",
    )
    is_check = parser.parse_args(arguments).check
    try:
        made = documents()
    except (Undescribed, ValueError) as error:
        sys.stderr.write(f"The reference cannot be written: {error}.\n")
        return 1
    differences = [*_differences(made)]
    if is_check:
        sys.stdout.write("".join(differences))
        if differences:
            sys.stderr.write("The reference is out of date: run `make reference`.\n")
        return int(bool(differences))
    _write(made)
    return 0


def _differences(made: dict[str, str]) -> Iterator[str]:
    """Yield the lines of a diff between the existing documents and the generated ones."""
    for name in sorted({*made, *_pages_there()}):
        path = ROOT / name
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        yield from difflib.unified_diff(
            there.splitlines(keepends=True),
            made.get(name, "").splitlines(keepends=True),
            name,
            f"{name}, as the code has it",
        )


def _write(made: dict[str, str]) -> None:
    for name, text in made.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{name}\n")
    for name in _pages_there() - made.keys():
        (ROOT / name).unlink()
        sys.stdout.write(f"{name} is removed\n")


def _pages_there() -> set[str]:
    """Return the pages below docs/reference/, all of which are generated."""
    return {path.relative_to(ROOT).as_posix() for path in Path(ROOT, "docs/reference").rglob("*.md")}


if __name__ == "__main__":
    sys.exit(main())
