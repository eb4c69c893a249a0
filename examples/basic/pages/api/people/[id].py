"""One person. A name in brackets takes any one segment of the path, here as an int.

curl localhost:8000/api/people/2
"""

from apiroutes import ApiError

from ._people import PEOPLE, Person


def GET(id: int) -> Person:
    """Find a person.

    Raises 404 when there is none.
    """
    for person in PEOPLE:
        if person.id == id:
            return person
    raise ApiError(404, f"There is no person {id}")
