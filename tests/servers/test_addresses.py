"""Addresses on which a server can listen, and what is said of those on which it cannot."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from apiroutes.servers.addresses import (
    AddressError,
    address_of,
    authority,
    environment_port,
    family_of,
    inherited_sockets,
    next_free_port,
    require_free,
    require_socket_path,
)
from apiroutes.settings import Settings

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


OWN = str(os.getpid())
INHERITED: list[tuple[dict[str, str], int]] = [
    ({}, 0),
    ({"LISTEN_FDS": "2", "LISTEN_PID": OWN}, 2),
    ({"LISTEN_FDS": "2", "LISTEN_PID": "1"}, 0),  # another process's
    ({"LISTEN_FDS": "2"}, 0),
    ({"LISTEN_PID": OWN}, 0),
    ({"LISTEN_FDS": "x", "LISTEN_PID": OWN}, 0),
]


@pytest.mark.parametrize(("environ", "count"), INHERITED)
def test_sockets_of_systemd_are_those_of_this_process(environ: dict[str, str], count: int) -> None:
    assert inherited_sockets(environ) == count


@pytest.fixture
def port_in_use() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_not_free(port_in_use: int) -> None:
    with pytest.raises(AddressError, match=f"127.0.0.1:{port_in_use}: Address already in use"):
        require_free("127.0.0.1", port_in_use)


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="Linux's /proc says who listens")
def test_who_has_the_port_is_named(port_in_use: int) -> None:
    with pytest.raises(AddressError, match=rf"in use by `.+` \(pid {os.getpid()}\)\. Stop"):
        require_free("127.0.0.1", port_in_use)


def test_the_next_free_port_is_above_one_in_use(port_in_use: int) -> None:
    free = next_free_port("127.0.0.1", port_in_use)
    assert free > port_in_use
    require_free("127.0.0.1", free)


def test_a_free_port_is_its_own_next_one(port_in_use: int) -> None:
    free = next_free_port("127.0.0.1", port_in_use)
    assert next_free_port("127.0.0.1", free) == free


def test_an_address_that_this_machine_does_not_have_has_no_free_port() -> None:
    with pytest.raises(AddressError, match="This machine does not have that address"):
        next_free_port("203.0.113.1", 8000)  # RFC 5737: documentation


ADDRESSES = [
    (Settings(), None, ("127.0.0.1", 8000)),
    (Settings(port=9000), None, ("127.0.0.1", 9000)),
    (Settings(port=0), "7000", ("127.0.0.1", 0)),
    (Settings(), "7000", ("0.0.0.0", 7000)),
    (Settings(), "", ("127.0.0.1", 8000)),
    (Settings(host="::1"), "7000", ("::1", 7000)),
    (Settings(port=9000), "abc", ("127.0.0.1", 9000)),
]


@pytest.mark.parametrize(("settings", "port", "address"), ADDRESSES)
def test_the_address_is_that_of_settings_then_of_the_environment(
    settings: Settings, port: str | None, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORT", raising=False)
    if port is not None:
        monkeypatch.setenv("PORT", port)
    assert address_of(settings) == address


@pytest.mark.parametrize("port", ["abc", "-1", "65536", "٣", " 80"])
def test_a_port_of_the_environment_is_a_number(port: str) -> None:
    with pytest.raises(ValueError, match=r"PORT in the environment is .* which is not a port"):
        environment_port("PORT", {"PORT": port})


def test_a_path_in_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AddressError, match=r"there is no directory .*/none\. Create it"):
        require_socket_path(str(tmp_path / "none" / "x.sock"))


def test_a_file_that_is_no_socket_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.sock").write_text("")
    with pytest.raises(AddressError, match=r"x\.sock: it is not a socket\. Remove it"):
        require_socket_path(str(tmp_path / "x.sock"))


def test_a_socket_may_stand_there(tmp_path: Path) -> None:
    path = str(tmp_path / "x.sock")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(path)
    require_socket_path(path)
    require_socket_path(str(tmp_path / "new.sock"))
    require_socket_path("\0abstract")


def test_any_port_is_free() -> None:
    require_free("127.0.0.1", 0)


OTHER = (
    "Stop the program that listens there, or choose another port: "
    "--port {}, or --port auto for the next free one."
)
REMEDIES = [
    (errno.EADDRINUSE, 8000, OTHER.format(8001)),
    (errno.EADDRINUSE, 65535, OTHER.format(8000)),
    (errno.EADDRNOTAVAIL, 8000, "This machine does not have that address: choose another one with --host."),
    (errno.EACCES, 80, "Ports below 1024 are privileged: choose another one, such as --port 8000."),
    (errno.ENETDOWN, 8000, "Choose another address with --host and --port."),
]


@pytest.mark.parametrize(("number", "port", "remedy"), REMEDIES)
def test_an_error_says_what_to_do(number: int, port: int, remedy: str) -> None:
    reason = os.strerror(number)
    text = str(AddressError("127.0.0.1", port, OSError(number, f"{reason} (while attempting to bind)")))
    # Some other program may listen there, whose name follows.
    assert (
        re.sub(r" by `.*` \(pid \d+\)", "", text) == f"cannot listen on 127.0.0.1:{port}: {reason}. {remedy}"
    )
