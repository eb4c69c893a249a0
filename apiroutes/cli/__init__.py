"""The command line; this room never decides what a request gets.

In: arguments. Out: text, or JSON with --json. The exit status is 0; 1 for a project with mistakes, or where
nothing was found; 2 for wrong arguments. docs/commands.md documents every command.
"""

from __future__ import annotations

from apiroutes.cli.main import main

__all__ = ["main"]
