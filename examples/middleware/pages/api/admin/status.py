"""For those who have the key.

curl localhost:8000/api/admin/status -H "X-API-Key: $ADMIN_KEY"
"""

from typing import Any


def GET(context: dict[str, Any]) -> dict[str, str]:
    """Tell who has asked: middleware has put it into `context`."""
    return {"user": context["user"], "request_id": context["request_id"]}
