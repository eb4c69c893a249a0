"""Answers /api/hello."""


def GET(name: str = "World") -> dict[str, str]:
    """Greet somebody."""
    return {"message": f"Hello, {name}"}
