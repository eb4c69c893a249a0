from typing import Annotated

from ported_flask.people import programs, slow

from apiroutes import Depends


def GET(user: Annotated[str, Depends(programs)]):
    return slow(user)
