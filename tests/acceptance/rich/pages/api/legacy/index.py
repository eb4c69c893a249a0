"""Handlers in the manner of Next.js, without types."""

responses = {"GET": {200: dict[str, str]}, "POST": {200: "What was sent"}}


def handler(req, res):
    """Return the method, or what was sent.

    The handler answers every method.
    """
    res.status(200).json({"method": req.method} if req.method == "GET" else req.body)
