"""The files in which Next.js looks for a module of the project, such as its middleware.

In: the names that it may have. Out: paths from the project's directory.
"""

from __future__ import annotations

__all__ = ["nextjs_files"]


_ENDINGS = ("ts", "js", "mjs", "tsx", "jsx")


def nextjs_files(*stems: str) -> tuple[str, ...]:
    """Return the paths of modules with these names, in TypeScript and JavaScript."""
    return tuple(
        f"{directory}{stem}.{ending}" for directory in ("", "src/") for stem in stems for ending in _ENDINGS
    )
