"""A failed request for clients that are not browsers: as text, and as RFC 9457's problem document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from apiroutes.development.fault import Fault, printable
from apiroutes.development.frames import Failure, Frame, Omission, Origin
from apiroutes.development.sources import Line
from apiroutes.http import phrase

__all__ = ["CHANGED", "fault_problem", "fault_text", "group_name", "groups", "marked_lines"]

CHANGED = "This file was changed since it was imported, so its lines are not shown."


def fault_problem(fault: Fault) -> dict[str, Any]:
    """Return a failed request as a problem document (RFC 9457), with a hint and the frames."""
    frame = fault.frame
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": phrase(500),
        "status": 500,
        "detail": fault.failure.headline,
        "hint": fault.hint,
        "place": frame.place if frame is not None else fault.route.place,
        **_as_data(fault.failure),
        "causes": [_as_data(cause) for cause in list(fault.failure.chain())[1:]],
        "route": {
            "pattern": fault.route.pattern,
            "handler": fault.route.handler,
            "place": fault.route.place,
            "middleware": list(fault.route.middleware),
        },
    }
    return {name: value for name, value in problem.items() if value is not None}


def _as_data(failure: Failure) -> dict[str, Any]:
    return {
        "exception": {"type": failure.type, "message": failure.message, "notes": list(failure.notes)},
        "frames": [
            {
                "file": frame.file,
                "line": frame.line,
                "function": frame.function,
                "source": frame.statement,
                "own": frame.is_own,
            }
            for frame in failure.frames
            if isinstance(frame, Frame)
        ],
    }


# -- text ---------------------------------------------------------------------------------------


def fault_text(fault: Fault) -> str:
    """Return a failed request as text: the error, its place, the hint, the frames, the request.

    All its characters are printable.
    """
    parts = [[fault.failure.headline, *_indented(fault.failure.notes)]]
    if fault.frame is not None:
        parts.append(_place(fault.frame))
    if fault.hint is not None:
        parts.append([f"Hint: {fault.hint}"])
    for failure in fault.failure.chain():
        if failure is not fault.failure:
            parts.append([failure.headline, *_indented(failure.notes)])
        parts += _trace(failure, fault.frame)
        if failure.earlier is not None:
            parts.append([failure.relation])
    parts.append(list(_request(fault)))
    return printable("\n\n".join("\n".join(lines) for lines in parts if lines)) + "\n"


def _place(frame: Frame) -> list[str]:
    heading = f"{frame.place} in {frame.function}" if frame.function else frame.place
    if frame.excerpt.changed:
        return [heading, f"    {CHANGED}"]
    return [heading, *marked_lines(frame.excerpt.lines)]


def marked_lines(lines: Sequence[Line]) -> list[str]:
    """Return lines of source with their numbers, and the mark below each that has one."""
    width = max((len(str(line.number)) for line in lines), default=0)
    text = []
    for line in lines:
        text.append(f"  {'>' if line.is_current else ' '} {line.number:>{width}} | {line.text}".rstrip())
        if line.mark is not None:
            start, end = line.mark
            text.append(f"    {'':>{width}} | {' ' * start}{'^' * (end - start)}")
    return text


def groups(frames: Sequence[Frame | Omission]) -> Iterator[tuple[bool, list[Frame | Omission]]]:
    """Yield the frames in runs: of the project's own, and of all others."""
    for is_own, run in groupby(frames, lambda frame: isinstance(frame, Frame) and frame.is_own):
        yield is_own, list(run)


def group_name(run: Sequence[Frame | Omission]) -> str:
    """Return what a run of foreign frames is called: "6 calls in apiroutes, sqlalchemy"."""
    count = sum(frame.count if isinstance(frame, Omission) else 1 for frame in run)
    packages = dict.fromkeys(frame.package for frame in run if isinstance(frame, Frame))
    names = list(packages)
    shown = ", ".join(names[:4]) + (" and others" if len(names) > 4 else "")
    return f"{count} call{'' if count == 1 else 's'}" + (f" in {shown}" if shown else " left out")


def _trace(failure: Failure, shown: Frame | None = None) -> list[list[str]]:
    """Return the frames; those of others are only counted, except the one that raised.

    `shown` is the frame whose source is shown above.
    """
    lines = []
    for is_own, run in groups(failure.frames):
        if is_own:
            for frame in run:
                assert isinstance(frame, Frame)
                lines += _call(frame)
            continue
        last = run[-1]
        raised = last if isinstance(last, Frame) and last is failure.frames[-1] else None
        if raised is not None and raised.origin is Origin.FRAMEWORK:
            raised = None  # how apiroutes works says nothing about the mistake
        counted = run if raised is None else run[:-1]
        if counted:
            lines.append(f"  ({group_name(counted)})")
        if raised is not None:
            lines += _call(raised)
    own = [frame for frame in failure.frames if isinstance(frame, Frame) and frame.is_own]
    # Only calls of apiroutes, perhaps with one frame that is shown above, say nothing more.
    others = [frame for frame in failure.frames if not (isinstance(frame, Frame) and _is_ours(frame))]
    is_told = not others or (others == own and len(own) == 1 and own[0] is shown)
    parts = [["Calls, the innermost last:", *lines]] if lines and not is_told else []
    for part in failure.parts:
        parts.append([f"  | {line}" for line in _part(part)])
    if failure.parts_omitted:
        parts.append([f"  | ({failure.parts_omitted} more exceptions of the group)"])
    return parts


def _is_ours(frame: Frame) -> bool:
    return frame.origin is Origin.FRAMEWORK


def _part(failure: Failure) -> list[str]:
    """Return the lines of an exception of a group, with what led to it."""
    lines = []
    for each in failure.chain():
        lines += [each.headline, *_indented(each.notes)]
        lines += [line for paragraph in _trace(each) for line in paragraph]
        if each.earlier is not None:
            lines.append(each.relation)
    return [part for line in lines for part in line.split("\n")]


def _call(frame: Frame) -> list[str]:
    lines = [f"  {frame.place}" + (f" in {frame.function}" if frame.function else "")]
    if frame.excerpt.changed:
        lines.append("      (changed since it was imported)")
    elif frame.statement:
        lines.append(f"      {frame.statement}")
    if frame.repeats:
        what = "this call" if frame.turn == 1 else f"these {frame.turn} calls"
        lines.append(f"      ({what} repeated {frame.repeats} more times)")
    return lines


def _indented(texts: Sequence[str]) -> list[str]:
    return [f"  {line}" for text in texts for line in text.splitlines()]


def _request(fault: Fault) -> Iterator[str]:
    request, route = fault.request, fault.route
    query = "&".join(f"{name}={value}" for name, value in request.query)
    yield f"Request: {request.method} {request.path}" + (f"?{query}" if query else "")
    if route.pattern is not None:
        answered = f" ({route.place}, {route.handler})" if route.handler else f" ({route.place})"
        yield f"Route: {route.pattern}" + (answered if route.place else "")
    if route.middleware:
        yield f"Middleware: {' > '.join(route.middleware)}"
