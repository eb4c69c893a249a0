"""Middleware of our own: functions `(req, res, next)`."""

import time

from apiroutes import Middleware, Next, Request, Response


def timing(req: Request, res: Response, next: Next) -> None:
    """Tell how long everything inside has taken. Nothing has been sent yet when `next()` ends."""
    began = time.perf_counter()
    try:
        next()
    finally:  # errors that are raised inside are responses too
        res.set_header("Server-Timing", f"app;dur={(time.perf_counter() - began) * 1000:.1f}")


def step(name: str) -> Middleware:
    """Return middleware that tells where it stands: on the way in, and on the way out."""

    def middleware(req: Request, res: Response, next: Next) -> None:
        req.context.setdefault("way_in", []).append(name)
        next()
        res.append_header("X-Way-Out", name)

    return middleware


def way_in(request: Request) -> list[str]:
    """Return the names of the steps so far: a dependency is called behind all middleware."""
    return [*request.context["way_in"], "dependency"]
