"""File names to patterns, patterns to a tree, paths to matches; this room never knows HTTP."""

from __future__ import annotations

from apiroutes.routing.conventions import API, CONVENTIONS, Convention, convention_of
from apiroutes.routing.pattern import Kind, RoutePattern, Segment
from apiroutes.routing.scan import MIDDLEWARE_FILE, DirectoryMiddleware, Route, Scan, guard_problem, scan
from apiroutes.routing.tree import RouteTree, is_plain

__all__ = [
    "API",
    "CONVENTIONS",
    "MIDDLEWARE_FILE",
    "Convention",
    "DirectoryMiddleware",
    "Kind",
    "Route",
    "RoutePattern",
    "RouteTree",
    "Scan",
    "Segment",
    "convention_of",
    "guard_problem",
    "is_plain",
    "scan",
]
