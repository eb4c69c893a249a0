"""File names to patterns, patterns to a tree, paths to matches. Knows no HTTP."""

from apiroutes.routing.conventions import API, CONVENTIONS, Convention
from apiroutes.routing.pattern import Kind, PatternError, RoutePattern, Segment
from apiroutes.routing.scan import DirectoryMiddleware, Route, Scan, scan
from apiroutes.routing.tree import Match, RouteTree, is_plain

__all__ = [
    "API",
    "CONVENTIONS",
    "Convention",
    "DirectoryMiddleware",
    "Kind",
    "Match",
    "PatternError",
    "Route",
    "RoutePattern",
    "RouteTree",
    "Scan",
    "Segment",
    "is_plain",
    "scan",
]
