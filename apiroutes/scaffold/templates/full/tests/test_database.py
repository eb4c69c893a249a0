import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from apiroutes.testing import Client

from lib.database import connect, migrate


def version_and_tables() -> tuple[int, set[str]]:
    with closing(connect()) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return version, {name for (name,) in names}


def test_a_migration_runs_once(tmp_path: Path) -> None:
    (tmp_path / "0001_pens.sql").write_text("CREATE TABLE pens (name TEXT);")
    (tmp_path / "0007_ink.sql").write_text("CREATE TABLE ink (colour TEXT)")
    before, _ = version_and_tables()
    assert before == 1  # the project's own, of another table
    for _ in range(2):
        migrate(tmp_path)
    version, tables = version_and_tables()
    assert version == 7
    assert "ink" in tables


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "0002_wrong.sql").write_text("CREATE TABLE pens (name TEXT); CREATE TABEL ink;")
    with pytest.raises(sqlite3.OperationalError):
        migrate(tmp_path)
    version, tables = version_and_tables()
    assert version == 1
    assert "pens" not in tables


def test_the_worker_is_ready_while_the_database_is_there(
    apiroutes_client: Client, database: Path
) -> None:
    assert apiroutes_client.get("/ready").status_code == 200
    database.write_bytes(b"This is no database." * 100)
    assert apiroutes_client.get("/ready").status_code == 503
