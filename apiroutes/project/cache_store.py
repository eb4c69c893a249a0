"""The cache of a project, with the store that its settings name.

In: the project's directory, settings and routes. Out: a Cache. Problems are added to those given.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from apiroutes.cache import Cache
from apiroutes.errors import Problem, Problems
from apiroutes.places import Place, located
from apiroutes.routing import RouteTree
from apiroutes.settings import Settings
from apiroutes.stores import Store, open_store, why_store_fails

__all__ = ["cache_of"]

_log = logging.getLogger("apiroutes")


def cache_of(
    root: Path,
    settings: Settings,
    routes: RouteTree,
    place_of: Callable[[str], tuple[str, Place]],
    problems: Problems,
) -> Cache:
    """Return the cache of a project, without its release.

    Its store is opened when something is cached, and says then if it fails. A URL that is set is tried at
    once: what is wrong with it is a mistake of the project.
    """

    def open_here() -> Store:
        reason = why_store_fails(settings, root)
        if reason is not None:
            message = "the response cache keeps nothing: %s. Make it writable, or set `cache_path`."
            _log.warning(message, reason)
        return open_store(settings, root)

    if not isinstance(settings.cache, str):
        redis = _redis(settings, root, place_of, problems)
    return Cache(
        open_here if isinstance(settings.cache, str) else lambda: redis,
        routes,
        "",
        hot_size=settings.cache_hot_size.bytes,
        lock_timeout=settings.cache_lock_timeout,
        threads=settings.threads,
        base_path=settings.base_path,
    )


def _redis(
    settings: Settings, root: Path, place_of: Callable[[str], tuple[str, Place]], problems: Problems
) -> Store:
    try:
        return open_store(settings, root)
    except ValueError as error:
        spelled, place = place_of("cache")
        message, remedy = f"{spelled}: {error}.", "Correct the URL."
        problems.append(located(Problem(place.file, message, remedy), place))
    except ImportError:  # which is the problem of a missing extra
        pass
    return open_store(replace(settings, cache="none"), root)
