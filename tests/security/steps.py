"""Projects with steps that sign in, and requests with credentials."""

from __future__ import annotations

import base64

SECRET = "k9TqWx3bZr8nVf2mLs7pYd"
OTHER = "Hc4RgE6uJt1wQa5xNz0oBy"

# Before a handler of any kind: a user by token, and what was asked for.
USERS = f"""
from dataclasses import dataclass
from typing import Annotated
from apiroutes import ApiError, Depends, use
from apiroutes.middleware import *
asked = []
def anybody(user): return True
SECRET, OTHER = "{SECRET}", "{OTHER}"
"""


def bearer_header(token: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {token}")]


def basic_header(credentials: str | bytes) -> list[tuple[str, str]]:
    raw = credentials.encode() if isinstance(credentials, str) else credentials
    return [("Authorization", "Basic " + base64.b64encode(raw).decode())]
