"""The page of a path without a route: the routes nearest to it, and where a file for it would be.

In: a path, a method and the project's routes. Out: HTML, or text for clients that are not browsers.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from apiroutes.development.fault import printable
from apiroutes.development.markup import document, escape, inline
from apiroutes.development.nearest import Near, RouteLine, by_distance, files_for, nearest

__all__ = ["RouteLine", "not_found_page", "not_found_text"]

_MOST_ROUTES = 200
_MOST_IN_TEXT = 5  # of a path without a near route: a terminal shows each miss
_FOOTER = "Shown by apiroutes dev alone. In production this is a plain 404."


class _Answer:
    """What the page says about a path without a route.

    `mount` is the path where the App is mounted; links begin with it.
    """

    def __init__(
        self,
        path: str,
        method: str,
        routes: Sequence[RouteLine],
        prefix: str,
        docs: str | None,
        mount: str,
        most: int = _MOST_ROUTES,
    ) -> None:
        self.path = path
        self.method = method
        self.docs = docs
        self.mount = mount
        segments = [segment for segment in path.split("/") if segment]
        # Users request the beginning of every path to see what there is.
        self.is_overview = segments == [] or "/" + "/".join(segments) == (prefix or "/")
        self.routes = sorted(routes, key=lambda route: route.pattern)
        self.near = [] if self.is_overview else nearest(path, self.routes, prefix)
        self._most = _MOST_ROUTES if self.is_overview else most
        self._far = self.routes if len(routes) <= self._most else by_distance(path, self.routes, prefix)
        self.files = files_for(path, self.routes, prefix) if segments else []

    @property
    def lead(self) -> str:
        if not self.routes:
            return "This project has no routes yet."
        if self.is_overview:
            return "No file answers this path. These are the routes of the project:"
        if self.near:
            return "No route matches this path. The nearest:"
        some = "Some of the routes" if self.unlisted else "These are the routes"
        return f"No route matches this path, and none is near it. {some} of the project:"

    @property
    def listed(self) -> list[RouteLine]:
        """The routes to list where none is near."""
        return [] if self.near else self._far[: self._most]

    @property
    def unlisted(self) -> int:
        return len(self.routes) - len(self.near) - len(self.listed)


def not_found_page(
    path: str,
    method: str,
    routes: Sequence[RouteLine],
    *,
    prefix: str = "/api",
    docs: str | None = None,
    mount: str = "",
) -> str:
    """Return the page of a decoded path that no route matches; `markup.headers` are its headers.

    `prefix` is the path that routes are below, `docs` the path of the documentation page, if there is one,
    and `mount` the path where the App is mounted.
    """
    answer = _Answer(path, method, routes, prefix, docs, mount)
    shown = printable(path)
    rows = [_near_row(near, mount) for near in answer.near]
    rows += [_row(route, _link(route.pattern, _fixed_path(route), mount)) for route in answer.listed]
    listed = (
        "<table><thead><tr><th>Path</th><th>Methods</th><th>File</th></tr></thead>"
        f"<tbody>\n{''.join(rows)}</tbody></table>\n"
        if rows
        else ""
    )
    if answer.unlisted:
        listed += f'<p class="lead">{answer.unlisted} more: <code>apiroutes routes</code> lists all.</p>\n'
    body = (
        f'<header><h1>{escape(shown)}</h1>\n<p class="lead">{escape(answer.lead)}</p></header>\n'
        f'<section class="problem" '
        f'aria-label="Routes">{listed}</section>\n{_files(answer)}{_documentation(answer)}'
    )
    bar = f"<b>404</b> {escape(printable(method))}"
    text = not_found_text(path, method, routes, prefix=prefix, docs=docs, mount=mount)
    return document(f"404 {path}", bar, body, text, _FOOTER)


def _near_row(near: Near, mount: str) -> str:
    path = near.path
    is_link = path is not None and (not near.route.methods or "GET" in near.route.methods)
    first = _link(near.route.pattern if path is None else path, path if is_link else None, mount)
    reasons = list(near.reasons)
    pattern = near.route.pattern
    if path is not None and path != pattern:
        reasons.append(f"of the route `{pattern}`")
    why = f'<span class="why">{inline(printable(_joined(reasons)))}</span>' if reasons else ""
    return _row(near.route, first + why)


def _joined(reasons: Sequence[str]) -> str:
    text = "; ".join(reasons)
    return text if text.startswith("`") else text[:1].upper() + text[1:]


def _row(route: RouteLine, first: str) -> str:
    return (
        f'<tr><td>{first}</td><td class="methods">{escape(route.methods_text)}</td>'
        f'<td><span class="path">{escape(route.file)}</span></td></tr>\n'
    )


def _link(text: str, path: str | None, mount: str) -> str:
    shown = f"<code>{escape(printable(text))}</code>"
    return shown if path is None else f'<a href="{escape(quote(mount, safe="/") + path)}">{shown}</a>'


def _fixed_path(route: RouteLine) -> str | None:
    """Return the one path of a route, if it has one and answers GET."""
    if any(part in route.pattern for part in ("[", "$")) or (route.methods and "GET" not in route.methods):
        return None
    return quote(route.pattern)


def _files(answer: _Answer) -> str:
    if not answer.files:
        return ""
    files = "".join(f'<li><span class="path">{escape(file)}</span></li>' for file in answer.files)
    one = "This file" if len(answer.files) == 1 else "One of these files"
    return f'<section><h2>{one} would answer it</h2>\n<ul class="files">{files}</ul></section>\n'


def _documentation(answer: _Answer) -> str:
    if answer.docs is None:
        return ""
    link = _link(answer.docs, quote(answer.docs), answer.mount)
    return f"<section><h2>Documentation</h2>\n<p>Try every route: {link}</p></section>\n"


# -- text -----------------------------------------------------------------------------------------


def not_found_text(
    path: str,
    method: str,
    routes: Sequence[RouteLine],
    *,
    prefix: str = "/api",
    docs: str | None = None,
    mount: str = "",
) -> str:
    """Return the text of a path that no route matches; the parameters are those of `not_found_page`."""
    answer = _Answer(path, method, routes, prefix, docs, mount, _MOST_IN_TEXT)
    rows = []
    for near in answer.near:
        reasons = f"  ({_joined(near.reasons)})" if near.reasons else ""
        rows.append((near.path or near.route.pattern, near.route, reasons.replace("`", "'")))
    rows += [(route.pattern, route, "") for route in answer.listed]
    width = max((len(printable(first)) for first, _, _ in rows), default=0)
    methods = max((len(route.methods_text) for _, route, _ in rows), default=0)
    lines = [f"404 Not Found: {method} {path}", "", answer.lead]
    for first, route, reasons in rows:
        lines.append(f"  {printable(first):<{width}}  {route.methods_text:<{methods}}  {route.file}{reasons}")
    if answer.unlisted:
        lines.append(f"  {answer.unlisted} more: `apiroutes routes` lists all.")
    if answer.files:
        lines += ["", f"A file for this path: {' or '.join(answer.files)}"]
    if answer.docs is not None:
        lines += ["", f"Documentation: {mount}{answer.docs}"]
    return printable("\n".join(lines)) + "\n"
