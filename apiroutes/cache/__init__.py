"""What was computed once for everybody: responses and values of functions, until they are revalidated."""

from apiroutes.cache.current import note_cache
from apiroutes.cache.headers import forwarded, set_status
from apiroutes.cache.response_cache import Cache
from apiroutes.cache.serving import CachedStep
from apiroutes.cache.visits import CachedRoute

__all__ = ["Cache", "CachedRoute", "CachedStep", "forwarded", "note_cache", "set_status"]
