"""The names that the source of a plan uses, for plain functions and for coroutines.

The names for coroutines import asyncio, a cost that a project without coroutines never pays.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CoroutineType
from typing import Any

from apiroutes.concurrency import coroutines
from apiroutes.exits.generators import END, did_not_yield, unwind, yielded_twice
from apiroutes.exits.open_streams import begin, keep

__all__ = ["async_names", "in_task", "sync_names"]


def sync_names() -> dict[str, Any]:
    """Return what the source of a plain function uses."""
    return {
        "END": END,
        "Coroutine": CoroutineType,
        "begin": begin,
        "did_not_yield": did_not_yield,
        "keep": keep,
        "run": coroutines.run,
        "unwind": unwind,
        "yielded_twice": yielded_twice,
    }


def async_names() -> dict[str, Any]:
    """Return what the source of a coroutine function uses."""
    from apiroutes.exits.plan_tasks import async_names

    return async_names()


def in_task(plan: Callable[..., Any]) -> Callable[..., Any]:
    """Return a plan that ends generators after a stream as a coroutine function that returns before that."""
    from apiroutes.exits.plan_tasks import in_task

    return in_task(plan)
