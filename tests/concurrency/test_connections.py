"""Reads from a connection that end before the client sends anything."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from functools import partial

import pytest

from apiroutes.concurrency import stop_reading, stop_receiving, unwatch, watch


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A server's socket, and its client's."""
    server, client = socket.socketpair()
    server.settimeout(30)
    client.settimeout(30)
    with server, client:
        yield server, client


def test_a_read_that_takes_too_long_is_ended(pair: tuple[socket.socket, socket.socket]) -> None:
    watch(pair[0], time.monotonic() + 0.01, partial(stop_receiving, pair[0]))
    assert pair[0].recv(1) == b""
    assert unwatch(pair[0]) is None


def test_a_read_that_is_not_watched_any_more_goes_on(pair: tuple[socket.socket, socket.socket]) -> None:
    cut = partial(stop_receiving, pair[0])
    watch(pair[0], time.monotonic() + 60, cut)
    assert unwatch(pair[0]) is cut
    pair[1].send(b"x")
    assert pair[0].recv(1) == b"x"


@pytest.mark.parametrize("is_read", [True, False])
def test_stop_reading_tells_whether_a_read_was_in_progress(
    pair: tuple[socket.socket, socket.socket], is_read: bool
) -> None:
    if is_read:
        watch(pair[0], time.monotonic() + 60, partial(stop_receiving, pair[0]))
    assert stop_reading(pair[0]) is is_read
    assert pair[0].recv(1) == b""


def test_a_connection_that_is_closed_for_receiving_still_sends(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    stop_receiving(pair[0])
    pair[0].send(b"x")
    assert pair[1].recv(1) == b"x"


def test_a_closed_connection_can_be_closed_for_receiving() -> None:
    server, client = socket.socketpair()
    server.close()
    client.close()
    stop_receiving(server)
