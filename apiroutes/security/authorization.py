"""The header `Authorization` (RFC 9110 section 11.6.2): credentials of one scheme.

In: requests. Out: what follows the name of the scheme. Nothing raises.
"""

from __future__ import annotations

from apiroutes.request import Request
from apiroutes.security.schemes import MALFORMED

__all__ = ["MAX_CREDENTIALS", "credentials_of"]

# Characters. Servers bound the whole head alike, at 8 KB and more.
MAX_CREDENTIALS = 8192


def credentials_of(request: Request, scheme: str) -> object:
    """Return the credentials of a scheme, whose name is given in lower case.

    None if none came: the header is absent, or of another scheme. MALFORMED if nothing follows the scheme, or
    too much. Two headers have been joined by now, with a comma between them.
    """
    header: str | None = request.environ.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    name, _, credentials = header[: MAX_CREDENTIALS + 1].partition(" ")
    if name.lower() != scheme:
        return None
    credentials = credentials.strip(" ")
    return credentials if credentials and len(header) <= MAX_CREDENTIALS else MALFORMED
