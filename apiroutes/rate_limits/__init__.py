"""Limits on the number of requests in a period, across workers and machines; this room only refuses."""

from apiroutes.rate_limits.middleware import rate_limit, route_limits
from apiroutes.rate_limits.opening import forget_counts

__all__ = ["forget_counts", "rate_limit", "route_limits"]
