"""The requests that threads of this process are answering.

In: the project's directory. Out: a description of each request, with the current line. Both are found in the
threads' frames, so a request pays nothing for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from apiroutes.code_origin import is_ours
from apiroutes.places import project_file
from apiroutes.types import ROUTE

__all__ = ["requests_in_progress"]


def requests_in_progress(root: Path) -> list[str]:
    """Return the method, path and current line of each request for a route that a thread is answering."""
    found = [_request_in(root, frame) for frame in list(sys._current_frames().values())]
    return sorted(description for description in found if description is not None)


def _request_in(root: Path, innermost: FrameType) -> str | None:
    place = ""
    for frame in _outwards(innermost):
        code = frame.f_code
        if not place and (file := project_file(code.co_filename, root)) is not None:
            place = f" ({file}:{frame.f_lineno})"
        if "environ" in code.co_varnames and is_ours(code.co_filename):
            environ = frame.f_locals.get("environ")
            if isinstance(environ, dict) and ROUTE in environ:
                path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
                return f"{environ.get('REQUEST_METHOD')} {path[:200]!a}{place}"
    return None


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
