"""Stores of every kind, opened for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apiroutes.stores import redis_connections
from apiroutes.stores.store import Store
from tests.stores.kinds import RedisServer, StoreOpener, redis_server
from tests.stores.session_kinds import SessionStoreOpener


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis that no test stops."""
    with redis_server() as server:
        yield server


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Redis take its time: a machine that runs tests has much to do, and faults are tested elsewhere."""
    monkeypatch.setattr(redis_connections, "_TIME", 10.0)


@pytest.fixture
def open_store(
    kind: str, tmp_path: Path, patience: None, request: pytest.FixtureRequest
) -> Iterator[StoreOpener]:
    """What opens stores of a kind, which are closed after the test."""
    opener = StoreOpener(kind, tmp_path, lambda: str(request.getfixturevalue("redis").url))
    yield opener
    opener.close()


@pytest.fixture
def store(open_store: StoreOpener) -> Store:
    return open_store()


@pytest.fixture
def open_session_store(
    kind: str, tmp_path: Path, patience: None, request: pytest.FixtureRequest
) -> Iterator[SessionStoreOpener]:
    """What opens stores of sessions of a kind, which are closed after the test."""
    opener = SessionStoreOpener(kind, tmp_path, lambda: str(request.getfixturevalue("redis").url))
    yield opener
    opener.close()
