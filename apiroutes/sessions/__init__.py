"""What is kept for a client from one request to the next; this room never decides who the client is."""

from apiroutes.sessions.editing import edited_session
from apiroutes.sessions.middleware import Sessions, sessions
from apiroutes.sessions.opening import forget_sessions

__all__ = ["Sessions", "edited_session", "forget_sessions", "sessions"]
