"""Fixtures of this folder."""

from tests.concurrency.conftest import seen

__all__ = ["seen"]
