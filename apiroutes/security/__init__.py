"""Who asks, and what they may: sign-in, other sites, webhooks; this room keeps nothing of a request."""

from apiroutes.security.bearer import bearer
from apiroutes.security.jwt import jwt

__all__ = ["bearer", "jwt"]
