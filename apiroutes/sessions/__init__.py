"""What is kept of a client from one request to the next; this room never decides who the client is."""

from apiroutes.sessions.middleware import sessions

__all__ = ["sessions"]
