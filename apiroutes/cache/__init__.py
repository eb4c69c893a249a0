"""What was computed once for everybody: responses and values of functions, until they are revalidated."""

from apiroutes.cache.cached_routes import CachedRoute
from apiroutes.cache.current import note_cache
from apiroutes.cache.functions import cached
from apiroutes.cache.headers import forwarded, set_status
from apiroutes.cache.own_path import revalidating
from apiroutes.cache.response_cache import Cache
from apiroutes.cache.revalidation import (
    Kind,
    RevalidationError,
    names_of_tag,
    names_to_revalidate,
    revalidate_now,
    revalidate_path,
    revalidate_tag,
    revalidation_of,
)
from apiroutes.cache.serving import CachedStep

__all__ = [
    "Cache",
    "CachedRoute",
    "CachedStep",
    "Kind",
    "RevalidationError",
    "cached",
    "forwarded",
    "note_cache",
    "names_of_tag",
    "names_to_revalidate",
    "revalidate_now",
    "revalidate_path",
    "revalidate_tag",
    "revalidating",
    "revalidation_of",
    "set_status",
]
