"""Stores of every kind, opened for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apiroutes.stores.store import Store
from tests.redis_server import RedisServer, redis_server
from tests.stores.kinds import StoreOpener
from tests.stores.session_kinds import SessionStoreOpener


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis that no test stops."""
    with redis_server() as server:
        yield server


@pytest.fixture
def open_store(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StoreOpener]:
    """What opens stores of a kind, which are closed after the test."""
    opener = StoreOpener(kind, tmp_path, lambda: str(request.getfixturevalue("redis").patient_url))
    yield opener
    opener.close()


@pytest.fixture
def store(open_store: StoreOpener) -> Store:
    return open_store()


@pytest.fixture
def open_session_store(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[SessionStoreOpener]:
    """What opens stores of sessions of a kind, which are closed after the test."""
    opener = SessionStoreOpener(kind, tmp_path, lambda: str(request.getfixturevalue("redis").patient_url))
    yield opener
    opener.close()
