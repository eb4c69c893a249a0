"""Everything below /api/service is the service's, whatever the method.

curl localhost:8000/api/service/
"""

from typing import Annotated, Any

import httpx

from apiroutes import Depends, Request, stream
from forwarding import content_of, headers_of, prefix_of, response_of_service

config = {"api": {"bodyParser": False, "responseLimit": False}}


async def handler(req: Request, response: Annotated[httpx.Response, Depends(response_of_service)]) -> Any:
    """Return the response of the service as it arrives."""
    return stream(content_of(response), response.status_code, headers_of(response, prefix_of(req)))
