"""The error page: what failed, where, why, and for which request.

In: a fault. Out: HTML. The project's own frame comes first, with its source
and the failed expression marked; the frames of others are folded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apiroutes.development.fault import Fault, printable
from apiroutes.development.fault_route import FaultRoute
from apiroutes.development.fault_text import CHANGED, fault_text, group_name, groups
from apiroutes.development.frames import Failure, Frame, Omission
from apiroutes.development.markup import document, escape, inline, listing, place, source, table
from apiroutes.development.secret_names import HIDDEN

__all__ = ["fault_page"]

_LONG = 160  # characters of a message, above which it is set as text, not as a title
_FOOTER = (
    "Shown by apiroutes dev alone. Local variables, the body, cookies and credentials are left out, so that "
    "this page can be passed on."
)


def fault_page(fault: Fault) -> str:
    """Return the page of a failed request; `markup.headers` are its headers."""
    failure, request = fault.failure, fault.request
    bar = f"<b>500</b> {escape(printable(f'{request.method} {request.path}'))}"
    body = [_head(failure)]
    if fault.hint is not None:
        body.append(
            '<aside class="hint" aria-label="Hint"><strong>Hint</strong>'
            f"{inline(printable(fault.hint))}</aside>\n"
        )
    if fault.frame is not None:
        body.append(_source(fault.frame))
    body.append(_calls(failure, fault.frame))
    body += _parts(failure)
    body += _earlier(failure)
    body.append(f'<div class="facts">\n{_request(fault)}{_route(fault.route)}</div>\n')
    title = f"{failure.type} in {request.method} {request.path}"
    return document(title, bar, "".join(body), fault_text(fault), _FOOTER)


def _head(failure: Failure) -> str:
    message = printable(failure.message)
    size = ' class="long"' if len(message) > _LONG or message.count("\n") > 2 else ""
    kind = f'<p class="type">{escape(failure.type)}</p>\n'
    title = f"<h1{size}>{escape(message)}</h1>\n" if message.strip() else ""
    if not title:
        kind, title = "", f"<h1>{escape(failure.type)}</h1>\n"
    return f"<header>{kind}{title}{_notes(failure)}</header>\n"


def _notes(failure: Failure) -> str:
    return "".join(f'<p class="note">{escape(printable(note))}</p>' for note in failure.notes)


def _source(frame: Frame, caption: bool = True) -> str:
    head = place(frame.file, frame.line, frame.function) if caption else ""
    return source(head, frame.excerpt, f"Source of {frame.place}", CHANGED)


# -- calls ----------------------------------------------------------------------------------------


def _calls(failure: Failure, shown: Frame | None, level: str = "h2") -> str:
    """Return the frames in the order of their calls; `shown` is the one whose source is shown above."""
    items = list(_items(failure, shown))
    if not items or (len(failure.frames) == 1 and failure.frames[0] is shown):
        return ""
    return f'<{level}>Calls</{level}>\n<ol class="calls">\n{"".join(items)}</ol>\n'


def _items(failure: Failure, shown: Frame | None) -> Iterator[str]:
    for is_own, run in groups(failure.frames):
        if not is_own:
            yield f"<li>{_folded(run)}</li>\n"
            continue
        for frame in run:
            assert isinstance(frame, Frame)
            heading = place(frame.file, frame.line, frame.function)
            if frame is shown:
                yield f'<li class="here">{heading}{_repeats(frame)}</li>\n'
            else:
                content = _source(frame, caption=False)
                # Middleware that called next() only passes on an error from further in.
                state = "" if frame is run[-1] else " open"
                opened = (
                    f"<details{state}><summary>{heading}</summary>{content}</details>" if content else heading
                )
                yield f"<li>{opened}{_repeats(frame)}</li>\n"


def _repeats(frame: Frame) -> str:
    if not frame.repeats:
        return ""
    what = "This call" if frame.turn == 1 else f"These {frame.turn} calls"
    return f'<p class="repeats">{what} repeated {frame.repeats} more times.</p>'


def _folded(run: Sequence[Frame | Omission]) -> str:
    calls = []
    for frame in run:
        if isinstance(frame, Omission):
            calls.append(f"<li>{frame.count} more calls are left out.</li>")
            continue
        statement = f"<code>{escape(frame.statement)}</code>" if frame.statement else ""
        calls.append(f"<li>{place(frame.file, frame.line, frame.function)}{statement}{_repeats(frame)}</li>")
    summary = f"<summary>{escape(group_name(run))}</summary>"
    return f'<details class="foreign">{summary}<ol>{"".join(calls)}</ol></details>'


# -- causes and groups ------------------------------------------------------------------------------


def _earlier(failure: Failure) -> Iterator[str]:
    """Yield the exceptions that led to this one."""
    for later in failure.chain():
        if later.earlier is not None:
            yield f"<section><h2>{escape(later.relation)}</h2>\n{_exception(later.earlier)}</section>\n"


def _exception(failure: Failure) -> str:
    parts = [f'<p class="type">{escape(failure.type)}</p>\n<h3>{escape(printable(failure.message))}</h3>\n']
    parts.append(_notes(failure))
    if failure.frame is not None:
        parts.append(_source(failure.frame))
    if len(failure.frames) > 1:
        parts.append(_calls(failure, failure.frame, "h3"))
    return "".join([*parts, *_parts(failure)])


def _parts(failure: Failure) -> Iterator[str]:
    """Yield the exceptions of a group, each with what led to it."""
    if not failure.parts:
        return
    yield f"<h2>The {len(failure.parts) + failure.parts_omitted} exceptions of the group</h2>\n"
    for part in failure.parts:
        yield f'<section class="part">{_exception(part)}{"".join(_earlier(part))}</section>\n'
    if failure.parts_omitted:
        yield f'<p class="note">{failure.parts_omitted} more are left out.</p>\n'


# -- the request and its route ------------------------------------------------------------------------


def _value(text: str) -> str:
    shown = escape(printable(text)).replace(HIDDEN, '<span class="hidden">hidden</span>')
    return f"<code>{shown}</code>" if shown else '<span class="hidden">empty</span>'


def _request(fault: Fault) -> str:
    request = fault.request
    rows = [("Method", _value(request.method)), ("Path", _value(request.path))]
    parts = [table(rows)]
    for name, pairs in (("Path parameters", request.params), ("Query", request.query)):
        if pairs:
            parts.append(_pairs(name, pairs, is_open=True))
    if request.headers:
        parts.append(_pairs(f"Headers ({len(request.headers)})", request.headers, is_open=False))
    return f"<section><h2>Request</h2>\n{''.join(parts)}</section>\n"


def _pairs(name: str, pairs: Sequence[tuple[str, str]], is_open: bool) -> str:
    rows = table((printable(key), _value(value)) for key, value in pairs)
    state = " open" if is_open else ""
    return f'<details class="more"{state}><summary>{escape(name)}</summary>{rows}</details>\n'


def _route(route: FaultRoute) -> str:
    rows = []
    if route.pattern is not None:
        rows.append(("Route", _value(route.pattern)))
    if route.file is not None:
        rows.append(("Handler", place(route.file, route.line, route.handler or "")))
    if route.middleware:
        rows.append(("Middleware", listing(route.middleware)))
    return f"<section><h2>Route</h2>\n{table(rows)}</section>\n" if rows else ""
