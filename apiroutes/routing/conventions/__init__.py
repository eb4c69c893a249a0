"""The family of file-name grammars. Each reads the parts of a file's path below its routes
directory, without the extension, and gives the segments they stand for.

Raises PatternError. A convention is data: where its files lie and how a path is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apiroutes.routing.conventions import pages
from apiroutes.routing.pattern import Segment

__all__ = ["CONVENTIONS", "Convention"]


@dataclass(frozen=True)
class Convention:
    """A file-name grammar: `directory` is where its routes lie, relative to the project.

    `read` takes the parts of a path (`("users", "[id]")`) and gives one segment for each part
    that stands for one, with the index of that part.
    """

    name: str
    directory: str
    read: Callable[[tuple[str, ...]], tuple[tuple[Segment, int], ...]]


CONVENTIONS = (Convention("pages", "pages/api", pages.read),)
