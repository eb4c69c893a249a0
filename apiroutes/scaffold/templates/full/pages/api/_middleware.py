"""Runs around every request below /api, including unknown paths."""

import time

from apiroutes import Next, Request, Response
from apiroutes.middleware import request_id, security_headers


def server_timing(req: Request, res: Response, next: Next) -> None:
    """Tell clients how long the response took; browsers show it beside the request."""
    began = time.perf_counter()
    try:
        next()
    finally:  # errors that are raised inside are responses too
        res.set_header("Server-Timing", f"app;dur={(time.perf_counter() - began) * 1000:.1f}")


middleware = [request_id(), security_headers(), server_timing]
