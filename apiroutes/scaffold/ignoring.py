"""What the `.gitignore` of a repository lacks for a project that is made in it.

In: the text of that file, and the files of the project. Out: the lines to add to it.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["missing_patterns"]

# Besides the files that are made, a project has this directory to install from, unless there is an index.
_WHEELS = "wheels"


def missing_patterns(present: str, files: Mapping[str, str]) -> list[str]:
    """Return the lines to add to the text of a `.gitignore`, so that a project's own files are kept by git.

    They are the lines of the project's own `.gitignore` that are missing, and one for each of its directories
    that a line ignores by name: the lists for Python from hosting services contain `lib/` and `wheels/`.
    """
    lines = [line.strip() for line in present.splitlines()]
    known = {line.strip("/") for line in lines}
    wanted = [line for line in files[".gitignore"].splitlines() if line and not line.startswith("#")]
    directories = sorted({path.partition("/")[0] for path in files if "/" in path} | {_WHEELS})
    return [
        *(pattern for pattern in wanted if pattern.strip("/") not in known),
        *(f"!/{name}/" for name in directories if name in known and f"!/{name}" not in known),
    ]
