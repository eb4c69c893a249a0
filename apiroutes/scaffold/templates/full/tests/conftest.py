"""Every test has a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.database import migrate


@pytest.fixture(scope="session", autouse=True)
def _database_of_the_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the start of the application, which migrates, away from the development database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_PATH", str(tmp_path_factory.mktemp("database") / "app.db"))
        yield


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the test's own database, which is empty."""
    path = tmp_path / "app.db"
    monkeypatch.setenv("DATABASE_PATH", str(path))
    migrate()
    return path
