"""A function that a Redis or Valkey server runs without interruption.

In: its text, in Lua. Out: the text, and the digest by which a server knows it.
"""

from __future__ import annotations

from hashlib import sha1

__all__ = ["Script"]


class Script:
    """A function of the server, in Lua."""

    __slots__ = ("text", "digest")

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()
