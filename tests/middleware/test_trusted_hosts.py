"""`trusted_hosts`: hosts in every spelling, and names that are not hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes.middleware import (
    trusted_hosts,
)
from tests.middleware.shown import respond_through
from tests.support import Extra

HOSTS = [
    ("example.com", 200),
    ("example.com:8080", 200),
    ("api.example.org", 200),
    ("example.org", 200),
    ("evil.com", 400),
    ("example.com.evil.com", 400),
    ("", 400),
]


@pytest.mark.parametrize(("host", "status"), HOSTS)
def test_only_trusted_hosts_are_served(tmp_path: Path, host: str, status: int) -> None:
    answer = respond_through(tmp_path, trusted_hosts(["example.com", ".example.org"]), HTTP_HOST=host)
    assert answer.status == status


SPELLINGS = [
    ("example.com", "EXAMPLE.com", 200),
    ("EXAMPLE.com", "example.com:8080", 200),
    ("example.com", "example.com.", 200),
    ("example.com:8000", "example.com:9000", 200),
    (".Example.org", "API.EXAMPLE.ORG", 200),
    (".example.org", "notexample.org", 400),
    ("bücher.example", "xn--bcher-kva.example", 200),
    ("BÜCHER.example", "XN--BCHER-KVA.example", 200),
    ("straße.example", "xn--strae-oqa.example", 200),
    ("straße.example", "strasse.example", 400),
    (".bücher.example", "a.xn--bcher-kva.example", 200),
    ("bücher.example", "b\xfccher.example", 400),
    ("::1", "[::1]", 200),
    ("[::1]", "[0:0:0:0:0:0:0:1]:8000", 200),
    ("[::1]:8000", "[::1]", 200),
    ("[::1]", "[::2]", 400),
    ("[2001:DB8::1]", "[2001:db8::1]", 200),
    ("127.0.0.1", "127.0.0.1:80", 200),
    ("127.0.0.1", "127.1", 400),
    ("my_service", "my_service:8000", 200),
    ("example.com", "example.com:", 400),
    ("example.com", "example.com:0", 400),
    ("example.com", "example.com:65536", 400),
    ("example.com", "example.com:80:80", 400),
    ("example.com", "example.com,evil.com", 400),
    ("example.com", "user@example.com", 400),
    ("example.com", "example.com/", 400),
    ("example.com", "[example.com]", 400),
    ("example.com", " example.com", 400),
]


@pytest.mark.parametrize(("listed", "sent", "status"), SPELLINGS)
def test_a_host_is_the_same_in_every_spelling(tmp_path: Path, listed: str, sent: str, status: int) -> None:
    assert respond_through(tmp_path, trusted_hosts([listed]), HTTP_HOST=sent).status == status


@pytest.mark.parametrize(("server", "status"), [("Example.com", 200), ("evil.com", 400)])
def test_without_a_host_the_servers_own_counts(tmp_path: Path, server: str, status: int) -> None:
    environ = Extra({"HTTP_HOST": None, "SERVER_NAME": server, "SERVER_PROTOCOL": "HTTP/1.0"})
    assert respond_through(tmp_path, trusted_hosts(["example.com"]), **environ).status == status


@pytest.mark.parametrize("host", ["", ".", "*.example.com", "https://example.com", "a b", "example.com/"])
def test_an_invalid_host_name_is_a_mistake(host: str) -> None:
    with pytest.raises(ValueError, match="not a host name"):
        trusted_hosts([host])


@pytest.mark.parametrize("hosts", ["example.com", []])
def test_hosts_are_a_list(hosts: Any) -> None:
    with pytest.raises(ValueError, match="list of host names"):
        trusted_hosts(hosts)
