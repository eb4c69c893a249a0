import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from apiroutes.testing import Client

from lib.database import MIGRATIONS, connect, migrate, numbered_files


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory for the migrations of another database, which does not exist yet."""
    monkeypatch.setenv("DATABASE_PATH", str(tmp_path / "other" / "app.db"))
    directory = tmp_path / "migrations"
    directory.mkdir()
    return directory


def version_and_tables() -> tuple[int, list[str]]:
    with closing(connect()) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        rows = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        return version, [name for (name,) in rows]


def test_each_migration_runs_once(migrations: Path) -> None:
    (migrations / "0002_ink.sql").write_text("CREATE TABLE ink (colour TEXT) -- no semicolon")
    migrate(migrations)
    assert version_and_tables() == (2, ["ink"])
    (migrations / "0010_pens.sql").write_text("CREATE TABLE pens (ink TEXT);\n")
    for _ in range(2):
        migrate(migrations)
    assert version_and_tables() == (10, ["ink", "pens"])


def test_a_migration_that_fails_changes_nothing(migrations: Path) -> None:
    (migrations / "0001_wrong.sql").write_text("CREATE TABLE ink (colour TEXT); CREATE TABEL pens;")
    with pytest.raises(sqlite3.OperationalError):
        migrate(migrations)
    assert version_and_tables() == (0, [])


def test_no_two_migrations_have_one_number() -> None:
    numbers = [number for number, _ in numbered_files(MIGRATIONS)]
    assert numbers == sorted(set(numbers))


def test_a_worker_is_ready_while_its_database_is_sound(
    apiroutes_client: Client, database: Path
) -> None:
    assert apiroutes_client.get("/ready").status_code == 200
    database.write_bytes(b"This is no database." * 100)
    assert apiroutes_client.get("/ready").status_code == 503
