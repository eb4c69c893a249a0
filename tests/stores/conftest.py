"""Stores of every kind, opened for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apiroutes.stores.store import Store
from tests.stores.kinds import RedisServer, StoreOpener, redis_server


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis that no test stops."""
    with redis_server() as server:
        yield server


@pytest.fixture
def open_store(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StoreOpener]:
    """What opens stores of a kind, which are closed after the test."""
    opener = StoreOpener(kind, tmp_path, lambda: str(request.getfixturevalue("redis").url))
    yield opener
    opener.close()


@pytest.fixture
def store(open_store: StoreOpener) -> Store:
    return open_store()
