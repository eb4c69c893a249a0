"""File names to patterns, patterns to a tree, paths to matches. Knows no HTTP."""

from apiroutes.routing.conventions import CONVENTIONS, Convention
from apiroutes.routing.pattern import Kind, PatternError, RoutePattern, Segment
from apiroutes.routing.scan import Route, scan
from apiroutes.routing.tree import Match, RouteTree

__all__ = [
    "CONVENTIONS",
    "Convention",
    "Kind",
    "Match",
    "PatternError",
    "Route",
    "RoutePattern",
    "RouteTree",
    "Segment",
    "scan",
]
