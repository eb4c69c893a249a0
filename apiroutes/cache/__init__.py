"""What was computed once for everybody: responses and values of functions, until they are revalidated."""

from __future__ import annotations

from apiroutes.cache.functions import cached
from apiroutes.cache.response_cache import Cache
from apiroutes.cache.revalidation import (
    RevalidationError,
    revalidate_path,
    revalidate_tag,
    revalidation_of,
)

__all__ = [
    "Cache",
    "RevalidationError",
    "cached",
    "revalidate_path",
    "revalidate_tag",
    "revalidation_of",
]
