"""Connections to a Redis or Valkey server, on which nothing takes longer than a fifth of a second.

In: a URL, which may set other times; scripts with their keys and arguments. Out: the server's replies. Raises
StoreError for any failure, and ValueError for an invalid URL; no text has any part of a password.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

from redis import RedisError, ResponseError
from redis.connection import AbstractConnection, Connection, parse_url
from redis.exceptions import NoScriptError, ReadOnlyError

from apiroutes.stores.redis_script import Script
from apiroutes.stores.store import StoreError
from apiroutes.threads import native_threads

__all__ = ["Connections", "DamagedError"]

# Seconds for a connection, if one has to be made, and a reply: `socket_timeout` of a URL.
_TIME, _LONGEST_TIME = 0.2, 60
# The part of it for a connection, unless `socket_connect_timeout` says otherwise: a name may have two
# addresses, the first of which does not answer.
_PART_TO_CONNECT = 0.5
# Idle connections; more are closed after their use.
_MOST_IDLE = 32
# Parameters of a URL about pools, retries and replies, which are decided here.
_NOT_FROM_URL = (
    *("max_connections", "timeout", "retry_on_timeout", "retry_on_error", "health_check_interval"),
    *("decode_responses", "protocol", "legacy_responses", "encoding", "encoding_errors"),
)


class DamagedError(StoreError):
    """Under one of its keys there is something that the store has not put there."""


class Connections:
    """Connections to one server, for all threads, greenlets and forks of a process.

    `name` is what a message calls the server whose URL cannot be used.
    """

    def __init__(self, url: str, name: str) -> None:
        self._make, self.place, self._time = _connection_maker(url, name)
        # Under gevent, a socket belongs to the hub of the native thread that made it.
        self._of_thread = native_threads.original("_thread", "_local")()
        self._of_all: dict[int, deque[Any]] = {}

    def run(self, script: Script, key: bytes, *arguments: object) -> Any:
        """Run a script with the run id of the server as its first argument; return the reply."""
        connection = None
        deadline = time.monotonic() + self._time
        try:
            connection = self._take(deadline)
            reply = _run(connection, script, key, arguments)
        except ResponseError as error:
            if connection is not None:
                self._leave(connection, isinstance(error, ReadOnlyError))
            raise self._store_error(error) from None
        except Exception as error:
            # A broken reply makes redis-py raise anything. The other connections will be no better.
            self._drop(connection)
            self.close()
            raise self._store_error(error) from None
        except BaseException:  # a greenlet's time-out: the reply may still come, and belongs to nobody
            self._drop(connection)
            raise
        self._leave(connection, False)
        return reply

    def close(self) -> None:
        """Close the connections that nobody uses."""
        idle = self._idle()
        while idle:
            try:
                self._drop(idle.pop())
            except IndexError:  # another thread was faster
                return

    def nonsense(self) -> StoreError:
        """Return the error for a reply that Redis never gives."""
        return StoreError(f"Redis at {self.place} sent an unexpected reply")

    def _take(self, deadline: float) -> Any:
        """Return a connection that the server has not closed since its last use."""
        idle = self._idle()
        while idle:
            try:
                connection = idle.pop()
            except IndexError:
                break
            connection.deadline = deadline
            try:
                if not connection.can_read():
                    return connection
            except (RedisError, OSError):
                pass
            self._drop(connection)
        connection = self._make()
        connection.deadline = deadline
        try:
            connection.connect()
            connection.run_id = _run_id(connection)
        except BaseException:
            self._drop(connection)
            raise
        return connection

    def _leave(self, connection: Any, is_over: bool) -> None:
        idle = self._idle()
        if is_over or len(idle) >= _MOST_IDLE:
            self._drop(connection)
        else:
            idle.append(connection)

    @staticmethod
    def _drop(connection: Any) -> None:
        if connection is not None:
            connection.disconnect()

    def _idle(self) -> deque[Any]:
        """Return the connections of this process that nobody uses; under gevent, of this native thread."""
        of_process: dict[int, deque[Any]] = (
            vars(self._of_thread) if native_threads.are_greenlets() else self._of_all
        )
        process = os.getpid()
        idle = of_process.get(process)
        return of_process.setdefault(process, deque()) if idle is None else idle

    def _store_error(self, error: Exception) -> StoreError:
        text = f"Redis at {self.place}: {type(error).__name__}: {error}"
        return DamagedError(text) if "WRONGTYPE" in text else StoreError(text)


def _run(connection: Any, script: Script, key: bytes, arguments: Sequence[object]) -> Any:
    rest = (1, key, connection.run_id, *arguments)
    connection.send_command("EVALSHA", script.digest, *rest, check_health=False)
    try:
        return connection.read_response()
    except NoScriptError:
        connection.send_command("EVAL", script.text, *rest, check_health=False)
        return connection.read_response()


def _run_id(connection: Any) -> bytes:
    """Return the id of a server's run: another run may not know all that this one knew."""
    connection.send_command("INFO", "server", check_health=False)
    try:
        info = connection.read_response()
    except ResponseError:  # an ACL may forbid it
        return b""
    found = re.search(rb"^run_id:(\w+)", info, re.MULTILINE)
    return b"" if found is None else found[1]


def _connection_maker(url: str, name: str) -> tuple[Callable[[], Any], str, float]:
    """Return what makes connections, the place of their server, and the seconds for a connection and a reply.

    The place is without user and password.
    """
    try:
        options: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
        for option in _NOT_FROM_URL:
            options.pop(option, None)
        base: Any = options.pop("connection_class", Connection)
        seconds = _checked_time(options.pop("socket_timeout", _TIME))
        to_connect = _checked_time(options.pop("socket_connect_timeout", seconds * _PART_TO_CONNECT))
        options.update(socket_timeout=seconds, protocol=2, **_without_library())
        timed: Any = type(f"Timed{base.__name__}", (_Timed, base), {"time_to_connect": to_connect})
        timed(**options)
    except Exception:
        # The exception may quote the URL.
        raise ValueError(
            f"The URL of {name} cannot be used: write redis://, rediss:// or unix://, with special "
            "characters of the password in percent-encoding, and the seconds of `socket_timeout` and "
            f"`socket_connect_timeout` as a number over 0, at most {_LONGEST_TIME}"
        ) from None
    place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    return lambda: timed(**options), place, seconds


def _checked_time(seconds: float) -> float:
    if not 0 < seconds <= _LONGEST_TIME:
        raise ValueError
    return seconds


def _without_library() -> dict[str, None]:
    """Return options that keep redis-py from sending its name, for two replies less."""
    parameters = signature(AbstractConnection.__init__).parameters
    names = ["driver_info"] if "driver_info" in parameters else ["lib_name", "lib_version"]
    return dict.fromkeys(names)


class _Timed:
    """A connection of redis-py whose time-out covers everything until it is set again.

    The time-outs of redis-py cover one system call each, so it would wait forever for a server that sends a
    byte now and then.
    """

    deadline = 0.0
    time_to_connect = 0.0
    run_id = b""

    def _connect(self) -> _TimedSocket:
        self.socket_connect_timeout = min(_left(self), self.time_to_connect)
        connect: Callable[[], Any] = super()._connect  # type: ignore[misc]
        return _TimedSocket(connect(), self)


class _TimedSocket:
    """The part of a socket that redis-py needs."""

    def __init__(self, connected: Any, connection: _Timed) -> None:
        self._socket = connected
        self._connection = connection
        self._timeout: float | None = None

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._socket.settimeout(timeout)

    def recv(self, *arguments: Any) -> Any:
        self._limit()
        return self._socket.recv(*arguments)

    def recv_into(self, *arguments: Any) -> Any:
        self._limit()
        return self._socket.recv_into(*arguments)

    def sendall(self, *arguments: Any) -> Any:
        self._limit()
        return self._socket.sendall(*arguments)

    def _limit(self) -> None:
        if self._timeout != 0:  # a look at what has come, which does not wait
            self._socket.settimeout(_left(self._connection))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def _left(connection: _Timed) -> float:
    left = connection.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
