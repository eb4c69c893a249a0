"""The cache of a project, with the store that its settings name.

In: the project's directory, settings and routes. Out: a Cache. Problems are added to those given.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from apiroutes.cache import Cache
from apiroutes.errors import Problem, Problems
from apiroutes.places import Place, located
from apiroutes.routing import CONVENTIONS, RouteTree
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

    Its store is opened when something is cached, and reports then if it fails. A URL that is set is checked
    at once: an unusable URL is a mistake of the project.
    """

    def open_here() -> Store:
        reason = why_store_fails(settings, root)
        if reason is not None:
            message = "the response cache keeps nothing: %s. Make it writable, or set `cache_path`."
            # Record: The file of the response cache is not writable; every answer is computed.
            _log.warning(message, reason)
        return open_store(settings, root)

    problems += _contradictions(root, settings, place_of)
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


def _contradictions(
    root: Path, settings: Settings, place_of: Callable[[str], tuple[str, Place]]
) -> Iterator[Problem]:
    """Yield the contradictions between the cache's settings, or between them and the project."""
    if settings.cache == "none":
        return
    size, most = settings.cache_max_body, settings.cache_max_size
    spelled, place = place_of("cache_max_body")
    if size.bytes > most.bytes and place.file != "the settings":  # by default it is what fits
        message = f"{spelled}: {size.text!r} is more than `cache_max_size`, {most.text}, for all answers."
        yield located(Problem(place.file, message, "Lower it, or raise `cache_max_size`."), place)
    if settings.cache != "sqlite" or settings.cache_path is None:
        return
    path = Path(os.path.normpath(root / settings.cache_path))
    for convention in CONVENTIONS:
        directory = Path(os.path.normpath(root / convention.directory))
        if convention.name in settings.conventions and path.is_relative_to(directory):
            spelled, place = place_of("cache_path")
            message = (
                f"{spelled}: {settings.cache_path!r} is below {convention.directory}, whose files are routes."
            )
            remedy = "Choose a path outside that directory, such as .apiroutes/cache.db."
            yield located(Problem(place.file, message, remedy), place)
            return


def _redis(
    settings: Settings, root: Path, place_of: Callable[[str], tuple[str, Place]], problems: Problems
) -> Store:
    try:
        return open_store(settings, root)
    except ValueError as error:
        spelled, place = place_of("cache")
        message, remedy = f"{spelled}: {error}.", "Correct the URL."
        problems.append(located(Problem(place.file, message, remedy), place))
    except ImportError:  # the missing extra is reported elsewhere
        pass
    return open_store(replace(settings, cache="none"), root)
