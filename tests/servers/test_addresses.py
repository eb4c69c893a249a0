"""Addresses on which a server can listen, and what is said of those on which it cannot."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from apiroutes.servers.addresses import AddressError, authority, family_of, require_free

AUTHORITIES = [("127.0.0.1", 8000, "127.0.0.1:8000"), ("::1", 8000, "[::1]:8000"), ("x", "80", "x:80")]


@pytest.mark.parametrize(("host", "port", "expected"), AUTHORITIES)
def test_an_authority_is_that_of_a_url(host: str, port: int | str, expected: str) -> None:
    assert authority(host, port) == expected


@pytest.mark.parametrize(
    ("host", "family"),
    [("127.0.0.1", socket.AF_INET), ("localhost", socket.AF_INET), ("::1", socket.AF_INET6)],
)
def test_the_family_follows_the_host(host: str, family: socket.AddressFamily) -> None:
    assert family_of(host) is family


@pytest.fixture
def port_in_use() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_not_free(port_in_use: int) -> None:
    with pytest.raises(AddressError, match=f"127.0.0.1:{port_in_use}: Address already in use"):
        require_free("127.0.0.1", port_in_use)


def test_any_port_is_free() -> None:
    require_free("127.0.0.1", 0)


REMEDIES = [
    (errno.EADDRINUSE, 8000, "Stop the program that listens there, or choose another port: --port 8001."),
    (errno.EADDRINUSE, 65535, "Stop the program that listens there, or choose another port: --port 8000."),
    (errno.EADDRNOTAVAIL, 8000, "This machine does not have that address: choose another one with --host."),
    (errno.EACCES, 80, "Ports below 1024 are privileged: choose another one, such as --port 8000."),
    (errno.ENETDOWN, 8000, "Choose another address with --host and --port."),
]


@pytest.mark.parametrize(("number", "port", "remedy"), REMEDIES)
def test_an_error_says_what_to_do(number: int, port: int, remedy: str) -> None:
    reason = os.strerror(number)
    text = str(AddressError("127.0.0.1", port, OSError(number, f"{reason} (while attempting to bind)")))
    assert text == f"cannot listen on 127.0.0.1:{port}: {reason}. {remedy}"
