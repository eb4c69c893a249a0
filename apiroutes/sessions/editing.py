"""A session that is changed without a client's request: by a test.

In: a step, and a request and response of no client. Out: the session, and the lines of Set-Cookie that keep
what has changed. Raises what keeping it raises.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from apiroutes.request import Request
from apiroutes.session import Session
from apiroutes.sessions.middleware import Sessions

__all__ = ["edited_session"]


@contextlib.contextmanager
def edited_session(step: Sessions, request: Request, response: Any, lines: list[str]) -> Iterator[Session]:
    """Yield the session of a request; its changes are kept at the end, and its cookie is added to `lines`."""
    yield step.visit(request, response)()
    response._run_head_hooks()
    lines += response.get_header("Set-Cookie") or ()
