"""Whether a server can listen where it is to.

In: a host and a port. Out: nothing. Raises AddressError with what to do, in place of a server's
retries or its traceback.
"""

from __future__ import annotations

import errno
import os
import socket

__all__ = ["AddressError", "family_of", "require_free", "shown"]

_REMEDIES = {
    errno.EADDRINUSE: "Stop what listens there, or choose another port: --port {other}.",
    errno.EADDRNOTAVAIL: "It is no address of this machine: choose another one by --host.",
    errno.EACCES: "Ports below 1024 are the system's: choose another one, such as --port 8000.",
}
_OTHERWISE = "Choose another address by --host and --port."


class AddressError(Exception):
    """The server cannot listen at an address; the text says why, and what to do."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        other = port + 1 if port < 65535 else 8000
        remedy = _REMEDIES.get(error.errno or 0, _OTHERWISE).format(other=other)
        # Python's own server sockets append the address to the reason.
        reason = (error.strerror or str(error)).partition(" (")[0]
        super().__init__(f"cannot listen on {shown(host, port)}: {reason}. {remedy}")


def shown(host: str, port: int) -> str:
    """The address as in a URL (RFC 3986 section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def require_free(host: str, port: int) -> None:
    """Raise AddressError unless a server can listen there. Port 0 is any that is free."""
    try:
        with socket.socket(family_of(host)) as probe:
            # As servers do: connections that have ended do not keep a port. (On Windows it means more.)
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        raise AddressError(host, port, error) from error


def family_of(host: str) -> socket.AddressFamily:
    """IPv6 for an address of it, IPv4 for everything else, as gunicorn takes a host."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET
