"""Whether the store of a project's rate limits can be used, as its setting names it.

In: settings, and the project's directory. Out: a problem for a URL that redis-py cannot use. Nothing is
connected.
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
    """Add a problem for a URL that cannot be used; the text has no part of it."""
    if isinstance(settings.rate_limit_store, str):
        return
    try:
        open_counters(settings.rate_limit_store, Path(), settings.rate_limit_prefix)  # no file is opened
    except ValueError as error:
        spelled, place = place_of("rate_limit_store")
        problems.append(located(Problem(place.file, f"{spelled}: {error}.", "Correct the URL."), place))
    except ImportError:  # which is the problem of a missing extra
        pass
