"""The development server: it reloads on change and explains mistakes; production imports nothing of it.

In: a project directory, host and port. Out: nothing; it serves until Ctrl-C.
"""

from __future__ import annotations

from apiroutes.development.child import is_child, serve
from apiroutes.development.log import show_log
from apiroutes.development.nearest import RouteLine, nearest
from apiroutes.development.server import run

__all__ = ["RouteLine", "is_child", "nearest", "run", "serve", "show_log"]
