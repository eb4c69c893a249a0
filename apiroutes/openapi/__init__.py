"""A project as an OpenAPI document and a page; this room never answers a request.

In: route modules and settings. Out: an OpenAPI 3.1 document, the page's files.
"""

from __future__ import annotations

from pathlib import Path

from apiroutes.openapi.document import document

__all__ = ["PAGE", "document"]

# The directory of the documentation page's files.
PAGE = Path(__file__).with_name("page")
