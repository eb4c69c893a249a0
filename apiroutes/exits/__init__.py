"""The ends of dependencies, after the handler or after its stream; this room never begins a dependency."""

from __future__ import annotations

from apiroutes.exits.names import async_names, in_task, sync_names

__all__ = ["async_names", "in_task", "sync_names"]
