"""From a request's path to the resource that answers it, and to the parameters that the path captures.

In: an environ. Out: a resource and params; None for the fallback. A path that is invalid, too long or not
canonical gets its own resource, inside the same middleware.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NoReturn
from urllib.parse import quote

from apiroutes.body import Limits, limits_of
from apiroutes.chain import Step, as_coroutine
from apiroutes.error_responses import write_error
from apiroutes.errors import ApiError
from apiroutes.http import (
    TargetDefect,
    is_sent_unescaped,
    mount_of,
    path_of,
    phrase,
    read_path,
    target_size,
)
from apiroutes.project import Project, prefix_of
from apiroutes.resources import Resource
from apiroutes.response import Response
from apiroutes.routing import is_plain
from apiroutes.types import Environ, Params
from apiroutes.wrong_interface import is_asgi_scope

__all__ = ["LookUp", "Lookup"]

# Finds what answers an environ, and its params; None for the fallback.
LookUp = Callable[[Environ], "tuple[Resource | None, Params]"]

_CONTENT_HEADERS = ("CONTENT_TYPE", "CONTENT_LENGTH")  # PEP 3333's two without HTTP_
# Characters of a query that a Location may contain; others are percent-encoded.
_QUERY = "!$%&'()*+,-./:;=?@[]_~"


class Lookup:
    """Finds what answers a path: `find` takes an environ, and returns a resource and params.

    `builtin` are the resources of built-in endpoints, by path. With a fallback, `find` returns None for a
    path that no route matches.
    """

    def __init__(self, project: Project, builtin: Mapping[str, Resource], *, has_fallback: bool) -> None:
        settings = project.settings
        self._routes = project.routes
        self._resources = project.resources
        self._not_found = project.not_found
        self._has_fallback = has_fallback
        # The resource for every path without a route, if one is enough for all.
        self._unknown = None if has_fallback else project.not_found.everywhere
        self._headers_too_large = _refusal("headers that are too large", _refuse_headers, limits_of(settings))
        self._prefix = [segment.text for segment in prefix_of(settings)]
        self._below = "/".join(["", *self._prefix, ""])
        self._max_target = settings.max_target_size.bytes
        self._max_headers = settings.max_headers
        self._max_header_size = settings.max_header_size
        self._trailing_slash = settings.trailing_slash
        # A path of unreserved characters need not be decoded, unless every path must end with a slash.
        takes_plain_paths = self._trailing_slash != "require"
        self._is_flat = self._routes.is_flat
        self._by_path: dict[str, Resource] = {}
        self._by_parent: dict[str, tuple[Resource, str]] = {}
        if takes_plain_paths:
            for path, route in self._routes.by_path.items():
                if path:  # an empty path is examined more closely, because an ASGI scope has no path either
                    self._by_path[path] = self._resources[route.file]
            for path, (route, name) in self._routes.by_parent.items():
                self._by_parent[path] = self._resources[route.file], name
        # The plain paths that have children.
        self._parents = {path.rpartition("/")[0] for path in self._by_path}
        self._by_path.update(builtin)
        self._builtin = {tuple(path[1:].split("/")): resource for path, resource in builtin.items()}
        self._find = self._find_plainly if takes_plain_paths else self._read_and_find
        checks_headers = self._max_headers is not None or self._max_header_size is not None
        self.find = self._find_with_headers if checks_headers else self._find

    def refusing(self) -> LookUp:
        """Return a look-up for an App that cannot answer: a 503, except on the fallback's paths."""
        limits = self._headers_too_large.limits
        unavailable = _refusal("an application that has not started", _refuse, limits)

        def find(environ: Environ) -> tuple[Resource | None, Params]:
            return self.find(environ)[0] and unavailable, {}

        return find

    def _read_and_find(self, environ: Environ) -> tuple[Resource | None, Params]:
        """Decode the path and find what answers it; None means the fallback."""
        return self._find_closely(environ.get("PATH_INFO") or "", environ)

    def _find_plainly(self, environ: Environ) -> tuple[Resource | None, Params]:
        """Find what answers the path, and decode it only if it is not plain; None means the fallback."""
        path = environ.get("PATH_INFO") or ""
        query = environ.get("QUERY_STRING")
        target = f"{path}?{query}" if query else path
        # Most targets are plain paths; others are examined more closely.
        if environ.get("RAW_URI") == target or is_sent_unescaped(path, environ):
            resource = self._by_path.get(path)
            if resource is not None and not query:
                return resource, {}
            if len(target) > self._max_target:
                return self._find_too_long(path)
            if resource is not None:
                return resource, {}
            parent, _, last = path.rpartition("/")
            below = self._by_parent.get(parent)
            # A plain segment below a plain path needs no decoding; most contain only letters and digits.
            is_word = last.isalnum() and last.isascii()
            if (is_word and (below is not None or parent in self._parents)) or is_plain(path):
                if below is not None:
                    return below[0], {below[1]: last}
                if not self._is_flat:
                    match = self._routes.match(path[1:].split("/"))
                    if match is not None:
                        return self._resources[match[0].file], match[1]
                return self._unknown or self._unknown_below(path[1:].split("/")), {}
        return self._find_closely(path, environ)

    def _find_with_headers(self, environ: Environ) -> tuple[Resource | None, Params]:
        """Find what answers within the project's limits for headers, for servers without limits."""
        resource, params = self._find(environ)
        if resource is not None and self._has_too_many_headers(environ):
            return self._headers_too_large, {}
        return resource, params

    def _has_too_many_headers(self, environ: Environ) -> bool:
        count, size = self._max_headers, self._max_header_size
        fields = [key for key in environ if key.startswith("HTTP_") or key in _CONTENT_HEADERS]
        return (count is not None and len(fields) > count) or (
            size is not None
            # A name and its value, without the prefix that CGI adds to most names.
            and any(len(key.removeprefix("HTTP_")) + len(environ[key]) > size.bytes for key in fields)
        )

    def _find_too_long(self, path: str) -> tuple[Resource | None, Params]:
        """Return what answers a target that is too long; no part of it is decoded.

        With a fallback, the target is ours if a route matches its path as it is or, if it contains an escape,
        if it is below the prefix.
        """
        if self._has_fallback:
            is_ours = (
                self._routes.match(path[1:].split("/")) if is_plain(path) else path.startswith(self._below)
            )
            if not is_ours:
                return None, {}
        # The directories whose middleware runs are near the beginning.
        nearby = path[1 : self._max_target].split("/")
        return self._not_found.below(nearby).instead("a target that is too long", _write_too_long), {}

    def _find_closely(self, path: str, environ: Environ) -> tuple[Resource | None, Params]:
        if not path and is_asgi_scope(environ):  # the App handles that itself
            return None, {}
        if target_size(path, environ) > self._max_target:
            return self._find_too_long(path)
        segments, defect = read_path(path, environ)
        builtin = self._builtin.get(tuple(segments)) if self._builtin else None
        if builtin is not None:
            return builtin, {}
        canonical = [segment for segment in segments if segment] if "" in segments else segments
        match = None if defect is TargetDefect.DOTS else self._routes.match(canonical)
        if match is None:
            # A path that no route matches is a 404, whatever it contains; only control characters are refused
            # everywhere below the prefix.
            if defect is TargetDefect.CHARACTER and not self._has_fallback and self._is_ours(canonical):
                return self._not_found.below(canonical).instead("a bad path", _write_bad_path), {}
            return self._unknown or self._unknown_below(canonical), {}
        resource, params = self._resources[match[0].file], match[1]
        if defect is not None:
            return resource.instead("a bad path", _write_bad_path), params
        wanted = self._canonical_path(segments, canonical)
        if wanted is not None:
            return resource.instead("a path that is not canonical", partial(_write_redirect, wanted)), params
        return resource, params

    def canonical_path(self, environ: Environ) -> str | None:
        """Return the path to which a request for a route is redirected; None if its path is canonical."""
        segments, _ = read_path(environ.get("PATH_INFO") or "", environ)
        return self._canonical_path(segments, [segment for segment in segments if segment])

    def _unknown_below(self, segments: list[str]) -> Resource | None:
        """Return what answers a path that no route matches."""
        if self._has_fallback:
            return None
        return self._not_found.below(segments)

    def _is_ours(self, segments: list[str]) -> bool:
        return segments[: len(self._prefix)] == self._prefix

    def _canonical_path(self, segments: list[str], canonical: list[str]) -> str | None:
        """Return the canonical path of a route, below its mount; None if the request already has it."""
        if segments in ([], [""]):
            return None  # the root has at most one slash, mounted or not
        slash = segments[-1] == ""
        wanted = slash if self._trailing_slash == "ignore" else self._trailing_slash == "require"
        if slash == wanted and len(segments) == len(canonical) + slash:
            return None
        path = path_of(canonical) if canonical else ""
        return path + "/" if wanted or not canonical else path


def _write_bad_path(response: Response) -> None:
    write_error(response.req, response, 400, phrase(400))


def _write_redirect(path: str, response: Response) -> None:
    # Middleware may have changed where the App is mounted.
    environ = response.req.environ
    location = mount_of(environ) + path
    query = environ.get("QUERY_STRING")
    if query:
        location += "?" + quote(query.encode("latin-1", "replace"), safe=_QUERY)
    response.redirect(308, location)


def _write_too_long(response: Response) -> None:
    write_error(response.req, response, 414, phrase(414))


def _refusal(name: str, refuse: Callable[[Response], NoReturn], limits: Limits) -> Resource:
    on_loop = as_coroutine((), Step(refuse, never_waits=True))
    return Resource(name, refuse, limits, others_on_loop=on_loop)


def _refuse(response: Response) -> NoReturn:
    raise ApiError(503)


def _refuse_headers(response: Response) -> NoReturn:
    raise ApiError(431, "Request Header Fields Too Large")
