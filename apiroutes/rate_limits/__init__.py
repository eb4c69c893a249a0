"""How many requests there may be in a time, across workers and machines; this room only refuses."""

from apiroutes.rate_limits.middleware import rate_limit

__all__ = ["rate_limit"]
