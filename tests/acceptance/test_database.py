"""The database file of the example application."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apiroutes import App
from tests.acceptance.applications import PROJECT, files_in
from tests.acceptance.client import Client, InProcess


def test_a_database_that_does_not_open_is_503(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTES_DB", str(tmp_path))
    answer = Client(InProcess(App(PROJECT))).request("GET", "/api/health")
    assert (answer.status, answer.json()) == (503, {"status": "unavailable"})


def test_the_default_is_a_file_in_the_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTES_DB", raising=False)
    shutil.copytree(PROJECT / "pages", tmp_path / "pages")
    Client(InProcess(App(tmp_path))).request("PUT", "/api/notes/milk", json={"title": "Milk"})
    assert (tmp_path / "var" / "notes.db").is_file()


def test_threads_that_use_it_first_at_the_same_time_all_succeed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in files_in(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert set(put_at_once(Client(InProcess(App(PROJECT))), "first")) == {201}


def test_requests_that_write_at_the_same_time_all_succeed(client: Client) -> None:
    assert set(put_at_once(client, "at-once")) == {201}


def put_at_once(client: Client, prefix: str) -> list[int]:
    def put(number: int) -> int:
        return client.request("PUT", f"/api/notes/{prefix}-{number}", json={"title": "Milk"}).status

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(put, range(32)))
