"""Host names in one spelling, whether a client requests them or a project lists them.

In: a Host header, a name or an IP address; an environ. Out: lower-case ASCII without port, brackets and the
root's dot; an address in its canonical form; the server's name and port. Raises ValueError for an invalid
host name.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable

from apiroutes.errors import shown
from apiroutes.types import Environ

__all__ = ["canonical_host", "is_address", "listed_hosts", "requested_host", "server_of"]

# RFC 9110 section 7.2, with an optional port. Names of services have underscores.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")  # RFC 1035 section 2.3.4
_PORT = r"(?<=[^:]):[0-9]+"
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")  # RFC 3490 section 3.1


def requested_host(sent: str) -> str | None:
    """Return the host in a Host header, or None if the header is not valid."""
    match = _HOST.fullmatch(sent)
    if match is None or (match[2] is not None and not 0 < int(match[2]) < 65536):
        return None
    try:
        return canonical_host(match[1])
    except ValueError:
        return None


def canonical_host(name: str) -> str:
    """Return one spelling for all spellings of `name`. Raises ValueError.

    Letter case does not count (RFC 9110 section 4.2.3); letters beyond ASCII are written as browsers
    send them (IDNA 2008: RFC 5891 section 4.4).
    """
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if is_address(bare):
        return str(ipaddress.ip_address(bare))
    plain = unicodedata.normalize("NFKC", bare).lower().translate(_DOTS)
    labels = [_ascii(label) for label in plain.split(".")]
    if labels[-1] == "" and len(labels) > 1:
        del labels[-1]  # the empty label of the root
    if bare != name or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(f"{shown(name)} is not a host name")
    return ".".join(labels)


def listed_hosts(hosts: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the canonical hosts of a list, and the endings of the names that are allowed as well.

    A host with a leading dot stands for its subdomains too; a port is ignored. Raises ValueError.
    """
    names = {host: _listed(host) for host in hosts}
    return frozenset(names.values()), tuple(
        f".{name}" for host, name in names.items() if host.startswith(".")
    )


def _listed(host: str) -> str:
    name = host.removeprefix(".")
    port = re.search(_PORT, name) if name.count(":") == 1 or "]:" in name else None
    try:
        return canonical_host(name[: port.start()] if port else name)
    except ValueError:
        raise ValueError(
            f"{shown(host)} is not a host name such as 'example.com', or '.example.com' with its subdomains"
        ) from None


def _ascii(label: str) -> str:
    if label.isascii():
        return label
    return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")


def is_address(text: str) -> bool:
    """Return whether `text` is an IP address, without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def server_of(environ: Environ) -> tuple[str, int | None] | None:
    """Return the name and port of the server from the environ; None without a name."""
    name = environ.get("SERVER_NAME")
    if name is None:
        return None
    port = environ.get("SERVER_PORT") or ""
    return name, int(port) if port.isascii() and port.isdigit() and len(port) < 6 else None
