"""What ends a command about releases."""

from __future__ import annotations

import click

__all__ = ["ReleaseError"]


class ReleaseError(click.ClickException):
    """What is wrong, then the remedy, for the terminal; the exit status is 1."""
