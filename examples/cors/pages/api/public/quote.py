"""The same for everybody.

curl -i localhost:8000/api/public/quote -H 'Origin: https://any.example'
"""

config = {"rateLimit": "60/minute"}


def GET() -> dict[str, str]:
    """Give a quote."""
    return {"quote": "The most dangerous phrase is: we have always done it this way."}
