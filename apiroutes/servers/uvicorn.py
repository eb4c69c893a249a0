"""uvicorn, with defaults from the project's settings. The only file that imports uvicorn.

In: settings and uvicorn's own flags. Out: nothing; runs until it is stopped. Precedence is uvicorn's: the
project's settings are defaults, then come UVICORN_* in the environment, and the flags. `PORT` and
`WEB_CONCURRENCY` apply if the project sets nothing, as with gunicorn. Needs the extra `uvicorn`. The main
process comes from `worker_processes`, since uvicorn's own waits for one worker at a time. Raises AddressError
for a port in use.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from uvicorn import Config, Server
from uvicorn._subprocess import get_subprocess
from uvicorn.config import LOGGING_CONFIG

from apiroutes.errors import ProjectError
from apiroutes.lifespan import end_within, when_not_started
from apiroutes.servers.addresses import (
    SocketPathError,
    address_of,
    inherited_sockets,
    require_free,
    require_socket_path,
)
from apiroutes.servers.defaults import HEAD_BYTES, json_formatters, pass_threads
from apiroutes.servers.failed_starts import NOT_STARTED, exit_soon
from apiroutes.servers.heap import freeze_heap
from apiroutes.servers.processors import usable_processors
from apiroutes.servers.worker_processes import MainProcess, report_to
from apiroutes.settings import Settings

__all__ = ["run"]

# In uvicorn's package, the command hides the module of the same name.
_command: Any = import_module("uvicorn.main")
_run_plain = _command.run
_log = logging.getLogger("uvicorn.error")

_TICK = 0.05
_FIRST_INHERITED = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)


def run(settings: Settings, flags: Sequence[str], choose: Callable[[], str]) -> None:
    """Serve the project in the current directory until SIGTERM or SIGINT. Raises AddressError.

    `choose` waits until the project is known to start; mistakes in the flags or the address are reported
    before.
    """
    line = _command_line(settings, flags, has_proxies=False)
    options = _command.main.make_context(line.pop("prog_name"), **line).params
    has_proxies = options["forwarded_allow_ips"] is not None or "FORWARDED_ALLOW_IPS" in os.environ
    _require(options["host"], options["port"], options["uds"], options["fd"])
    choose()
    pass_threads(settings.threads)
    _command.run = partial(_run, settings)  # uvicorn's command line reads it here
    _command.main.main(**_command_line(settings, flags, has_proxies))


def _require(host: str, port: int, path: str | None, descriptor: int | None) -> None:
    count = inherited_sockets()
    if count > 1:
        raise SocketPathError("systemd's sockets", f"uvicorn takes one, not {count}", "Use one ListenStream.")
    if path is not None:
        require_socket_path(path)
    elif descriptor is None:
        require_free(host, port)


def _command_line(settings: Settings, flags: Sequence[str], has_proxies: bool) -> dict[str, Any]:
    """Return the arguments of uvicorn's command; `has_proxies` says whether trusted proxies are set."""
    return {
        # Last, so that flags cannot change how the application is found and called.
        "args": [*flags, "--interface", "asgi3", "--factory", "apiroutes:create_asgi_app"],
        "prog_name": "apiroutes start --server uvicorn -- [UVICORN FLAGS]",
        "auto_envvar_prefix": "UVICORN",
        # By default, uvicorn trusts what comes from this machine.
        "default_map": {**_defaults(settings), "proxy_headers": has_proxies},
    }


def _run(settings: Settings, app: str, **options: Any) -> None:
    """Serve with the options of uvicorn's command line. Raises AddressError."""
    if options["reload"]:
        _run_plain(app, **options)  # uvicorn has a main process for this case
        return
    directory = options.pop("app_dir", None)
    if directory:  # by default "", the current directory, which the App adds itself
        sys.path.insert(0, directory)
    if settings.log_format == "json" and options["log_config"] is LOGGING_CONFIG:
        options["log_config"] = {**LOGGING_CONFIG, "formatters": json_formatters("default", "access")}
        options["use_colors"] = None
    config = Config(app, **options)
    listener = _bind(config)
    listener.listen(config.backlog)
    start = partial(_start, config, settings, listener)
    graceful_timeout = config.timeout_graceful_shutdown
    seconds = settings.graceful_timeout if graceful_timeout is None else graceful_timeout
    try:
        status = MainProcess(start, listener.close, config.workers, settings, seconds, _log).run()
    finally:
        if config.uds is not None and os.path.exists(config.uds):
            os.remove(config.uds)
    sys.exit(status)


def _bind(config: Config) -> socket.socket:
    try:
        return config.bind_socket()
    except SystemExit:  # uvicorn has printed an error number
        _require(config.host, config.port, config.uds, config.fd)
        raise


def _start(
    config: Config, settings: Settings, listener: socket.socket, connection: Connection
) -> BaseProcess:
    """Start a worker in its own interpreter."""
    process = get_subprocess(config, partial(_work, config, settings, connection), [listener])
    process.start()
    return process


def _defaults(settings: Settings) -> dict[str, Any]:
    """Return the defaults of uvicorn's options."""
    host, port = address_of(settings)
    header_size = settings.max_header_size
    return {
        "host": host,
        "port": port,
        "workers": settings.workers or os.environ.get("WEB_CONCURRENCY") or usable_processors(),
        "timeout_graceful_shutdown": settings.graceful_timeout,
        "timeout_keep_alive": settings.keepalive,
        "h11_max_incomplete_event_size": HEAD_BYTES + (header_size.bytes if header_size else 0),
        # The middleware `access_log` works with all servers.
        "access_log": False,
        **({"fd": _FIRST_INHERITED} if inherited_sockets() else {}),
    }


# -- in a worker -------------------------------------------------------------------------------


def _work(config: Config, settings: Settings, connection: Connection, sockets: list[socket.socket]) -> None:
    """Serve until told to stop."""
    when_not_started(exit_soon)
    server = _Server(config, settings, connection)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_signal)
    try:
        server.run(sockets)
    except ProjectError as error:
        # Record: The project has mistakes, and the worker ends; the message is their report.
        _log.error("%s", error)
    if not server.started:
        sys.exit(NOT_STARTED)


class _Server(Server):
    """uvicorn's server, with limits for heads, which reports to the main process."""

    def __init__(self, config: Config, settings: Settings, connection: Connection) -> None:
        super().__init__(config)
        self._header_timeout = settings.header_timeout
        graceful_timeout = config.timeout_graceful_shutdown
        self._graceful_timeout = settings.graceful_timeout if graceful_timeout is None else graceful_timeout
        self._report = report_to(connection, self._stop)
        self._has_begun = False  # to start the application

    def _stop(self) -> None:
        self.should_exit = True

    def handle_signal(self, number: int, frame: object) -> None:
        """End at once while the project is being imported, where an exception would look like its mistake.

        Do nothing afterwards: uvicorn raises a signal again after its own handler is gone. Child processes
        would inherit SIG_IGN.
        """
        if not self._has_begun:
            os._exit(0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note how much time there is, and stop."""
        self.handle_signal(sig, frame)
        end_within(self._graceful_timeout)
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then begin to listen."""
        self._has_begun = True
        head_bytes = self.config.h11_max_incomplete_event_size or HEAD_BYTES
        limits = {"header_timeout": self._header_timeout, "head_bytes": head_bytes}
        protocol: Any = self.config.http_protocol_class
        if protocol.__name__ in ("HttpToolsProtocol", "H11Protocol"):
            self.config.http_protocol_class = type(protocol.__name__, (_HeadLimits, protocol), limits)
        await super().startup(sockets)
        if self.started:
            freeze_heap()
            self._report()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and let every open connection finish its first request."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        end = time.monotonic() + self._header_timeout
        while self._is_any_new() and time.monotonic() < end and not self.force_exit:
            await asyncio.sleep(_TICK)
        await super().shutdown(sockets)

    def _is_any_new(self) -> bool:
        """Return whether a new client's request may be on its way; uvicorn closes such connections."""
        return any(getattr(connection, "cycle", 1) is None for connection in self.server_state.connections)


class _HeadLimits(asyncio.Protocol):
    """Ends a connection of uvicorn whose head takes too long (seconds), or is too large (bytes)."""

    header_timeout: float
    head_bytes: int
    cycle: Any
    transport: Any
    _timer: asyncio.TimerHandle | None = None
    _head_size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        cycle = self.cycle
        is_head = cycle is None or not cycle.more_body
        super().data_received(data)
        if self.cycle is not cycle or self.transport.get_protocol() is not self:  # the head is whole
            self._end_head()
        elif is_head:
            self._head_size += len(data)
            if self._timer is None:
                self._begin_head()
            if self._head_size > self.head_bytes and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()
        elif cycle.response_complete and self._timer is None:  # the rest of refused content comes first
            self._begin_head()

    def _begin_head(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.header_timeout, self.transport.close)

    def _end_head(self) -> None:
        self._head_size = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
