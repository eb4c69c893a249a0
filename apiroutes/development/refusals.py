"""Client errors with what a developer needs: the missing key, the place where JSON is wrong.

In: an exception that leads to a 4xx. Out: its text for development, None where there is nothing to add.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Any

from werkzeug.exceptions import BadRequestKeyError

from apiroutes.development.frames import Origin, Step, origin_of, shown_file, steps_of
from apiroutes.development.hint_texts import quoted
from apiroutes.development.sources import source_of
from apiroutes.errors import ExplainedRefusal
from apiroutes.http import decode_json

__all__ = ["refusal_text"]

_PARTS = ("args", "form", "files", "values")


def refusal_text(error: BaseException, root: Path) -> str | None:
    """Return the text of an error with its place. `root` is the project's directory."""
    if isinstance(error, BadRequestKeyError):
        return _missing_key(error, root)
    if isinstance(error, ExplainedRefusal):
        return None if error.remedy is None else f"{error.message}. {error.remedy}"
    return _malformed_json(error)


# -- keys -----------------------------------------------------------------------------------------


def _missing_key(error: BadRequestKeyError, root: Path) -> str | None:
    """`req.args["page"]`: Werkzeug makes it a 400, as the key is the client's to send."""
    steps = steps_of(error.__traceback__)
    own = [step for step in steps if origin_of(step.code.co_filename) is Origin.PROJECT]
    key = error.args[0] if error.args else None
    if not own or not isinstance(key, str):
        return None
    step = own[-1]
    file, _ = shown_file(step.code.co_filename, Origin.PROJECT, str(root))
    place = f"{file}:{step.line} in {step.code.co_name}"
    owner = _owner(step)
    if owner is None:
        return f"Bad Request: the request has no {quoted(key)} ({place})."
    return (
        f"Bad Request: `{owner}` has no {quoted(key)} ({place}). "
        f"Read a key that may be missing with `{owner}.get({quoted(key)})`."
    )


def _owner(step: Step) -> str | None:
    """Return what the line reads the key from, such as `req.args`."""
    lines = source_of(step.code.co_filename, step.frame.f_globals).lines
    line = lines[step.line - 1] if step.line <= len(lines) else ""
    found = set(re.findall(rf"\b(\w+\.(?:{'|'.join(_PARTS)}))\[", line))
    return found.pop() if len(found) == 1 else None


# -- JSON -----------------------------------------------------------------------------------------


def _malformed_json(error: BaseException) -> str | None:
    """Say where content is not JSON, and why: msgspec gives the place in bytes."""
    cause = error.__cause__
    while cause is not None and type(cause).__name__ != "DecodeError":
        cause = cause.__cause__
    content = None if cause is None else _content_of(cause.__traceback__)
    if content is None:
        return None
    reason, at = str(cause), len(content)
    found = re.fullmatch(r"JSON is malformed: (.*) \(byte (\d+)\)", reason)
    if found is not None:
        reason, at = found[1], int(found[2])
    elif reason == "Input data was truncated":
        reason = "it ends too early" if content else "it is empty"
    before = content[:at].decode("utf-8", "replace")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return f"Invalid JSON: line {line}, column {column}: {reason}"


def _content_of(trace: TracebackType | None) -> bytes | None:
    """Return what was to be decoded."""
    content: Any = None
    for step in steps_of(trace):
        if step.code is decode_json.__code__:
            content = step.frame.f_locals.get("content")
    return content if isinstance(content, bytes) else None
