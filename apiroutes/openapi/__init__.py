"""A project as an OpenAPI document, a page and a client; this room never answers a request.

In: route modules and settings. Out: an OpenAPI 3.1 document, a TypeScript client, the page's files.
"""

from __future__ import annotations

from pathlib import Path

from apiroutes.openapi.document import document
from apiroutes.openapi.typescript import typescript_client

__all__ = ["PAGE", "document", "typescript_client"]

# The directory of the documentation page's files.
PAGE = Path(__file__).with_name("page")
