"""Turns an OpenAPI document into a client in TypeScript or Python; this room never sees a project.

In: a document as `openapi.document` makes it. Out: the source of one module.
"""

from __future__ import annotations

from apiroutes.clients.python import python_client
from apiroutes.clients.typescript import typescript_client

__all__ = ["python_client", "typescript_client"]
