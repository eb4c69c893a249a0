"""What needs credentials."""


def GET() -> dict[str, int]:
    """Read what is private."""
    return {"total": 3}
