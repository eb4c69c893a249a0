"""In which order middleware, a dependency and the handler are called.

curl -i localhost:8000/api/order
"""

from typing import Annotated

from apiroutes import Depends, use
from steps import step, way_in

middleware = [step("module")]


@use(step("method"))
def GET(way: Annotated[list[str], Depends(way_in)]) -> list[str]:
    """List who was called before the handler, and the handler."""
    return [*way, "handler"]
