"""The page of the log: its records, and what a project takes from `apiroutes.logging`."""

from __future__ import annotations

from tools.reference.pages import logging_sections

__all__ = ["logs_page"]


def logs_page() -> str:
    """Return the page."""
    parts = [
        "# Log records",
        "What apiroutes logs. [Logging](../logging.md) says how a project chooses where it goes.",
        "## `apiroutes.logging`",
        "What a project uses that configures its log itself.",
        *logging_sections(),
    ]
    return "\n\n".join(parts) + "\n"
