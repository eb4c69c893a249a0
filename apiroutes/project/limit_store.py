"""Checks that the store that the setting of a project's rate limits names can be used.

In: settings, and the project's directory. Out: a problem for a URL that redis-py cannot use. It opens no
connection.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from apiroutes.errors import Problem, Problems
from apiroutes.places import Place, located
from apiroutes.settings import Settings
from apiroutes.stores import open_counters

__all__ = ["check_limit_store"]


def check_limit_store(
    settings: Settings, place_of: Callable[[str], tuple[str, Place]], problems: Problems
) -> None:
    """Add a problem for a URL that cannot be used; its text contains no part of the URL."""
    if isinstance(settings.rate_limit_store, str):
        return
    try:
        open_counters(settings.rate_limit_store, Path(), settings.rate_limit_prefix)  # no file is opened
    except ValueError as error:
        spelled, place = place_of("rate_limit_store")
        problems.append(located(Problem(place.file, f"{spelled}: {error}.", "Correct the URL."), place))
    except ImportError:  # the missing extra is reported elsewhere
        pass
