"""The smallest endpoint: a file, and a function for the method that it answers.

curl localhost:8000/api/hello
"""


def GET() -> dict[str, str]:
    """Say hello."""
    return {"message": "Hello"}
