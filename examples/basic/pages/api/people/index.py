"""All people. An `index.py` answers for its directory.

curl localhost:8000/api/people
"""

from ._people import PEOPLE, Person


def GET() -> list[Person]:
    """List the people."""
    return PEOPLE
