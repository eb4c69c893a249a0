"""Limits of projects that are tested: their counts are in memory, and no test finds those of another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes.rate_limits import forget_counts
from apiroutes.testing import Client
from tests.support import project

STORES = ["", ", store='sqlite'", ", store='redis://127.0.0.1:1/0', fail='closed'"]


def limited(root: Path, store: str) -> Path:
    source = f"from apiroutes.middleware import rate_limit\nmiddleware = [rate_limit('1/hour'{store})]\n"
    return project(
        root, {"middleware.py": source, "pages/api/x.py": "def GET(req): return req.remote_addr\n"}
    )


@pytest.mark.parametrize("store", STORES)
def test_counts_are_in_memory_whatever_the_store(tmp_path: Path, store: str) -> None:
    found = []
    for _ in range(2):
        client = Client(limited(tmp_path, store))
        found.append([client.get("/api/x").status_code for _ in range(2)])
    assert found == [[200, 429]] * 2
    assert not (tmp_path / ".apiroutes").exists()


@pytest.mark.parametrize("store", STORES)
def test_counts_are_forgotten_between_tests(tmp_path: Path, store: str) -> None:
    root = limited(tmp_path, store)
    client = Client(root)
    found = []
    for _ in range(2):
        found.append(client.get("/api/x").status_code)
        forget_counts(root)
    assert found == [200, 200]


def test_a_store_that_a_test_names_is_used(tmp_path: Path) -> None:
    for status in (200, 429):
        client = Client(limited(tmp_path, ", store='memory'"), rate_limit_store="sqlite")
        assert client.get("/api/x").status_code == status


def test_a_client_has_an_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from apiroutes.rate_limits import keys

    keys._warn_of_no_address.cache_clear()  # another test may have had its warning
    assert Client(limited(tmp_path, "")).get("/api/x").text == "127.0.0.1"
    assert not caplog.records


def test_a_request_has_another_address_on_demand(tmp_path: Path) -> None:
    client = Client(limited(tmp_path, ""))
    addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.2"]
    answers = [client.get("/api/x", environ_overrides={"REMOTE_ADDR": address}) for address in addresses]
    assert [answer.status_code for answer in answers] == [200, 429, 200]
