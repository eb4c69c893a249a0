"""Who asks, and what is allowed: sign-in, other sites, webhooks; this room keeps nothing between requests."""

from apiroutes.security.any_of import any_of
from apiroutes.security.api_key import api_key
from apiroutes.security.basic import basic
from apiroutes.security.bearer import bearer
from apiroutes.security.csrf import csrf
from apiroutes.security.jwt import jwt
from apiroutes.security.passwords import (
    hash_password,
    hash_password_async,
    needs_rehash,
    verify_password,
    verify_password_async,
)
from apiroutes.security.require import require
from apiroutes.security.session_user import session_user
from apiroutes.security.webhooks import webhook

__all__ = [
    "any_of",
    "api_key",
    "basic",
    "bearer",
    "csrf",
    "hash_password",
    "hash_password_async",
    "jwt",
    "needs_rehash",
    "require",
    "session_user",
    "verify_password",
    "verify_password_async",
    "webhook",
]
