"""Flask around our routes: its `session`, `g` and `current_app`, and its functions for a request's end."""

from __future__ import annotations

from flask import Flask, session

from apiroutes import Middleware, Next, Request, Response


def in_context_of(site: Flask) -> Middleware:
    def flask_context(req: Request, res: Response, next: Next) -> None:
        with site.request_context(req.environ):
            next()
            answer = site.response_class()
            site.session_interface.save_session(site, session, answer)
            for name in ("Set-Cookie", "Vary"):
                for value in answer.headers.getlist(name):
                    res.append_header(name, value)

    return flask_context
