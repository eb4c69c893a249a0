"""The address where a server listens, and whether it can listen there.

In: settings, or a host and a port. Out: addresses. Raises AddressError, which says what to do, in cases where
a server would retry or print a traceback.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Mapping

from apiroutes.servers.port_owner import owner_of
from apiroutes.settings import Settings

__all__ = [
    "AddressError",
    "SocketPathError",
    "address_of",
    "authority",
    "environment_port",
    "family_of",
    "inherited_sockets",
    "next_free_port",
    "require_free",
    "require_socket_path",
]

_DEFAULT_PORT = 8000
_HIGHEST_PORT = 65535
# How many ports `next_free_port` tries.
_TRIES = 100

_REMEDIES = {
    errno.EADDRINUSE: "Stop the program that listens there, or choose another port: --port {other}, or "
    "--port auto for the next free one.",
    errno.EADDRNOTAVAIL: "This machine does not have that address: choose another one with --host.",
    errno.EACCES: "Ports below 1024 are privileged: choose another one, such as --port 8000.",
}
_OTHER_REMEDY = "Choose another address with --host and --port."


class AddressError(Exception):
    """The server cannot listen on an address; the text says why, and what to do."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        other = port + 1 if port < _HIGHEST_PORT else _DEFAULT_PORT
        remedy = _REMEDIES.get(error.errno or 0, _OTHER_REMEDY).format(other=other)
        # Python's own server sockets append the address to the reason.
        reason = (error.strerror or str(error)).partition(" (")[0]
        owner = owner_of(port) if error.errno == errno.EADDRINUSE else None
        by_owner = f" by {owner}" if owner else ""
        super().__init__(f"cannot listen on {authority(host, port)}: {reason}{by_owner}. {remedy}")


class SocketPathError(AddressError):
    """The server cannot listen on a path, or on a socket of systemd; the text says why, and what to do."""

    def __init__(self, path: str, reason: str, remedy: str) -> None:
        Exception.__init__(self, f"cannot listen on {path}: {reason}. {remedy}")


def authority(host: str, port: int | str) -> str:
    """Return host and port as in a URL: an IPv6 address is in brackets (RFC 3986 section 3.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def environment_port(name: str = "PORT", environ: Mapping[str, str] = os.environ) -> int | None:
    """Return the port in an environment variable, if it is set. Raises ValueError."""
    text = environ.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= _HIGHEST_PORT):
        raise ValueError(
            f"{name} in the environment is {text!r}, which is not a port. "
            f"Set it to a number from 0 to {_HIGHEST_PORT}, or unset it."
        )
    return int(text)


def inherited_sockets(environ: Mapping[str, str] = os.environ) -> int:
    """Return how many sockets systemd has opened for this process, from descriptor 3 on: sd_listen_fds(3)."""
    count = environ.get("LISTEN_FDS", "")
    is_ours = environ.get("LISTEN_PID") == str(os.getpid())  # children inherit the variables
    return int(count) if is_ours and count.isascii() and count.isdigit() else 0


def address_of(settings: Settings) -> tuple[str, int]:
    """Return host and port from the settings, the environment's PORT, and the defaults. Raises ValueError.

    A platform that sets PORT forwards requests to it from outside: the server listens on all addresses then.
    """
    port = environment_port() if settings.port is None else None
    host = settings.host or ("127.0.0.1" if port is None else "0.0.0.0")
    return host, next(number for number in (settings.port, port, _DEFAULT_PORT) if number is not None)


def require_free(host: str, port: int) -> None:
    """Raise AddressError unless a server can listen on the address. Port 0 means any free port."""
    try:
        _bind(host, port)
    except OSError as error:
        raise AddressError(host, port, error) from error


def next_free_port(host: str, port: int) -> int:
    """Return the first port from `port` on where a server can listen. Raises AddressError if none is free."""
    for candidate in range(port, min(port + _TRIES, _HIGHEST_PORT + 1)):
        try:
            _bind(host, candidate)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise AddressError(host, candidate, error) from error
        else:
            return candidate
    return _any_free_port(host, port)


def _any_free_port(host: str, port: int) -> int:
    try:
        return _bind(host, 0)
    except OSError as error:
        raise AddressError(host, port, error) from error


def _bind(host: str, port: int) -> int:
    """Listen on the address for a moment, and return the port. Raises OSError."""
    with socket.socket(family_of(host)) as probe:
        # Servers set this, so that closed connections do not hold the port. On Windows it means more.
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)
        bound: int = probe.getsockname()[1]
        return bound


def require_socket_path(path: str) -> None:
    """Raise SocketPathError unless a server can create the Unix domain socket, as gunicorn and others do.

    They replace an existing socket, but no other file. A path that begins with NUL is not a file.
    """
    if path.startswith("\0"):
        return
    directory = os.path.dirname(path) or "."
    if os.path.lexists(path) and not _is_socket(path):
        raise SocketPathError(path, "it is not a socket", "Remove it, or choose another path.")
    if not os.path.isdir(directory):
        raise SocketPathError(
            path, f"there is no directory {directory}", "Create it, or choose another path."
        )
    if not os.access(directory, os.W_OK | os.X_OK):
        raise SocketPathError(path, f"{directory} is not writable", "Choose a path in another directory.")


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:  # a broken link
        return False


def family_of(host: str) -> socket.AddressFamily:
    """Return IPv6 for an IPv6 address and IPv4 for everything else, as gunicorn does."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET
