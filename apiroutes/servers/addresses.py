"""Checks whether a server can listen on an address.

In: a host and a port. Out: nothing. Raises AddressError, which says what to do, where a server would
retry or print a traceback.
"""

from __future__ import annotations

import errno
import os
import socket

__all__ = ["AddressError", "authority", "family_of", "require_free"]

_REMEDIES = {
    errno.EADDRINUSE: "Stop the program that listens there, or choose another port: --port {other}.",
    errno.EADDRNOTAVAIL: "This machine does not have that address: choose another one with --host.",
    errno.EACCES: "Ports below 1024 are privileged: choose another one, such as --port 8000.",
}
_OTHER_REMEDY = "Choose another address with --host and --port."


class AddressError(Exception):
    """The server cannot listen on an address; the text says why, and what to do."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        other = port + 1 if port < 65535 else 8000
        remedy = _REMEDIES.get(error.errno or 0, _OTHER_REMEDY).format(other=other)
        # Python's own server sockets append the address to the reason.
        reason = (error.strerror or str(error)).partition(" (")[0]
        super().__init__(f"cannot listen on {authority(host, port)}: {reason}. {remedy}")


def authority(host: str, port: int | str) -> str:
    """Return host and port as in a URL, an IPv6 address in brackets (RFC 3986 section 3.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def require_free(host: str, port: int) -> None:
    """Raise AddressError unless a server can listen there. Port 0 stands for any free port."""
    try:
        with socket.socket(family_of(host)) as probe:
            # Servers set it, so that closed connections do not hold the port. Windows means more by it.
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        raise AddressError(host, port, error) from error


def family_of(host: str) -> socket.AddressFamily:
    """Return IPv6 for an IPv6 address and IPv4 for everything else, as gunicorn does."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET
