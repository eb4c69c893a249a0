"""How often a visitor has been here.

curl localhost:8000/api/mine/visits -X POST -H 'Origin: http://localhost:3000'
"""

from apiroutes import Session


def POST(session: Session) -> dict[str, int]:
    """Count a visit."""
    session["visits"] = session.get("visits", 0) + 1
    return {"visits": session["visits"]}
