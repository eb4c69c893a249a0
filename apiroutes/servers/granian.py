"""granian with settings from the project's configuration. The only file that imports granian.

In: settings and granian's own flags. Out: nothing; runs until it is stopped. Precedence is
granian's: what the project sets is a default, then GRANIAN_* in the environment, and the flags.
`PORT` and `WEB_CONCURRENCY` hold where the project sets nothing, as they do for gunicorn.
Needs the extra `granian`. On HUP the project is checked before a worker is replaced.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from granian import cli
from granian.log import logger
from granian.server import Server

from apiroutes.servers.defaults import THREADS, processors
from apiroutes.servers.reloading import NOT_RELOADED, mistakes_of_new_code
from apiroutes.settings import Settings

__all__ = ["run"]


def run(settings: Settings, flags: Sequence[str]) -> None:
    """Serve the project in the current directory until SIGTERM or SIGINT."""
    cli.Server = _Server  # type: ignore[attr-defined]  # where granian's command line takes it from
    cli.cli.main(
        # How the application is found and called is not for flags to change.
        args=[*flags, "--interface", "wsgi", "--factory", "apiroutes:create_app"],
        prog_name="apiroutes start --server granian -- [GRANIAN FLAGS]",
        auto_envvar_prefix="GRANIAN",
        default_map=_defaults(settings),
    )


class _Server(Server):  # type: ignore[misc, valid-type]  # one of several, by platform
    def signal_handler_reload(self, *args: Any, **kwargs: Any) -> None:
        """Reload, unless the new code would not start: granian ends when its workers do not."""
        report = mistakes_of_new_code()
        if report is None:
            super().signal_handler_reload(*args, **kwargs)
        else:
            logger.error(NOT_RELOADED, report)


def _defaults(settings: Settings) -> dict[str, Any]:
    """The defaults of granian's options, as text where granian is to check what they say."""
    port = os.environ.get("PORT")
    return {
        # PORT in the environment means that a platform forwards to it, as gunicorn takes it.
        "host": settings.host or ("0.0.0.0" if port and settings.port is None else "127.0.0.1"),
        "port": port or 8000 if settings.port is None else settings.port,
        "workers": settings.workers or os.environ.get("WEB_CONCURRENCY") or processors(),
        "blocking_threads": settings.threads or THREADS,
        "workers_kill_timeout": str(max(1, settings.graceful_timeout)),
        "http1_keep_alive": settings.keepalive > 0,
        "websockets": False,
    }
