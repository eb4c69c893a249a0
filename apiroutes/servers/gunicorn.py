"""gunicorn's command, with defaults from the project's settings.

In: settings and gunicorn's own flags. Out: nothing; runs until it is stopped. Precedence is gunicorn's: the
project's settings are defaults, then come gunicorn.conf.py, GUNICORN_CMD_ARGS, and the flags. `PORT` and
`WEB_CONCURRENCY` apply if the project sets nothing. Only the files `gunicorn*` of this room import gunicorn.
Raises AddressError for a port in use.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from gunicorn.app import base
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.http import message

from apiroutes.servers.addresses import (
    address_of,
    authority,
    inherited_sockets,
    require_free,
    require_socket_path,
)
from apiroutes.servers.defaults import GUNICORN_THREADS, HEAD_BYTES, pass_threads
from apiroutes.servers.gunicorn_arbiter import Arbiter
from apiroutes.servers.gunicorn_workers import WORKERS, with_life
from apiroutes.servers.processors import usable_processors
from apiroutes.settings import Settings

__all__ = ["run"]


def run(settings: Settings, flags: Sequence[str], choose: Callable[[], str]) -> None:
    """Serve the project in the current directory until SIGTERM or SIGINT. Raises AddressError.

    `choose` waits until the project is known to start; mistakes in the flags or the address are reported
    before. Its choice follows the settings, because for gunicorn it does not depend on the routes.
    """
    # gunicorn reads its flags from the command line only.
    sys.argv = ["apiroutes", *flags, "apiroutes:create_app()"]
    application = _Gunicorn(settings, "apiroutes start -- [GUNICORN FLAGS]")
    if not (application.cfg.check_config or application.cfg.print_config):  # neither opens a socket
        application.require_addresses()
    choose()
    application.run()


class _Gunicorn(WSGIApplication):  # type: ignore[misc]
    """gunicorn's application object: its configuration, and the start of the arbiter."""

    def __init__(self, settings: Settings, usage: str) -> None:
        self._project_defaults = _defaults(settings)
        self._threads_are_default = settings.threads is None
        self.shutdown_delay = settings.shutdown_delay
        self.header_timeout = settings.header_timeout
        self.pin_workers = settings.pin_workers
        self.processor: int | None = None  # of the worker that is made next
        super().__init__(usage)

    def run(self) -> None:
        base.Arbiter = Arbiter  # gunicorn has no setting for it, and reads it here
        super().run()

    def require_addresses(self) -> None:
        """Raise AddressError for an address in use, which gunicorn would retry for five seconds."""
        if self.cfg.reuse_port or _has_inherited_sockets():
            return
        for address in self.cfg.address:
            if isinstance(address, tuple):
                require_free(*address)
            elif isinstance(address, str):  # and not a file descriptor
                require_socket_path(address)

    @property
    def _threads_are_ours(self) -> bool:
        return self._threads_are_default and self.cfg.threads == GUNICORN_THREADS

    def load_config(self) -> None:
        super().load_config()
        if self.cfg.settings["worker_class"].get() == "sync" and self._threads_are_ours:
            # An explicit `-k sync` stays sync; with our default number of threads, gunicorn would switch to
            # gthread.
            self.cfg.set("threads", 1)
        # gunicorn's WSGI workers do not allow more than this; its asgi worker does.
        message.MAX_REQUEST_LINE = max(message.MAX_REQUEST_LINE, self.cfg.limit_request_line)
        if not self.cfg.forwarded_allow_ips:  # gunicorn trusts every client of a Unix socket
            self.cfg.set("secure_scheme_headers", {})
            self.cfg.set("forwarder_headers", "")
        name = self.cfg.worker_class_str
        if name == "asgi":
            self._use_asgi()
        elif name in WORKERS:
            self.cfg.set("worker_class", WORKERS[name])
        else:
            self.cfg.set("worker_class", with_life(self.cfg.worker_class))

    def _use_asgi(self) -> None:
        """Serve the App as an ASGI application, which has its own threads."""
        self.app_uri = "apiroutes:create_asgi_app()"
        if not self._threads_are_ours:
            pass_threads(self.cfg.threads)
        self.cfg.set("threads", 1)
        self.cfg.set("worker_class", "apiroutes.servers.gunicorn_asgi.ASGIWorker")

    def init(self, parser: Any, opts: Any, args: Any) -> dict[str, Any]:
        super().init(parser, opts, args)
        return self._project_defaults


def _has_inherited_sockets() -> bool:
    """Return whether systemd, or the gunicorn that this one replaces, has opened the sockets."""
    return "GUNICORN_FD" in os.environ or inherited_sockets() > 0


def _defaults(settings: Settings) -> dict[str, Any]:
    """Return the defaults of gunicorn's settings; settings without a value here keep gunicorn's default."""
    defaults: dict[str, Any] = {
        # gunicorn's own default is the directory in which it was imported.
        "chdir": os.getcwd(),
        "worker_class": "asgi" if settings.interface == "asgi" else "gthread",
        "threads": settings.threads or GUNICORN_THREADS,
        "timeout": settings.timeout,
        "graceful_timeout": settings.graceful_timeout,
        "keepalive": settings.keepalive,
        "preload_app": settings.preload,
        # So far above the limit that the App refuses the request, as it does with other servers.
        "limit_request_line": settings.max_target_size.bytes + HEAD_BYTES,
        # gunicorn would open a socket for its own control commands.
        "control_socket_disable": True,
        # By default, gunicorn trusts what comes from this machine: the scheme, and the mount point.
        "forwarded_allow_ips": os.environ.get("FORWARDED_ALLOW_IPS", ""),
    }
    if settings.log_format == "json":
        defaults["logger_class"] = "apiroutes.servers.gunicorn_log.JSONLogger"
    if settings.max_headers is not None:
        defaults["limit_request_fields"] = settings.max_headers
    if settings.max_header_size is not None:
        defaults["limit_request_field_size"] = settings.max_header_size.bytes
    if settings.workers is not None or "WEB_CONCURRENCY" not in os.environ:
        defaults["workers"] = settings.workers or usable_processors()
    bind = _bind(settings)
    if bind is not None:
        defaults["bind"] = bind
    return defaults


def _bind(settings: Settings) -> str | None:
    if settings.host is None and settings.port is None:
        return None  # gunicorn's default: PORT on every address, or 127.0.0.1:8000
    return authority(*address_of(settings))
