"""Who asks, and what they may: sign-in, other sites, webhooks; this room keeps nothing between requests."""

from apiroutes.security.bearer import bearer
from apiroutes.security.csrf import csrf

__all__ = ["bearer", "csrf"]
