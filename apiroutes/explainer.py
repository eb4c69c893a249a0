"""What explains faults and mistakes to a developer, where production hides them.

In: an exception, the mistakes of a route, or a path without a route. Out: the response, written. Production
has none; the development server gives one to every App of its process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from apiroutes.errors import Problem
from apiroutes.request import Request
from apiroutes.response import Response

__all__ = ["Explainer"]


class Explainer(Protocol):
    """Writes the responses that explain. An App that has one serves the routes that have no mistakes."""

    def write_fault(self, error: BaseException, request: Request, response: Response) -> None:
        """Write the 500 for an exception that is a fault."""

    def log_hint(self, error: BaseException, request: Request) -> None:
        """Log the hint for a fault after which the response stands, so that `write_fault` is not called."""

    def explain_refusal(self, error: Exception) -> str | None:
        """Return the text of an error of the client's with its place; None where that text says all."""

    def write_problems(self, problems: Sequence[Problem], response: Response) -> None:
        """Write the response of a route that cannot be served because of these mistakes."""

    def write_not_found(self, response: Response) -> None:
        """Write the 404 of a path that no route matches."""
