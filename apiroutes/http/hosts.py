"""Host names in one spelling, whether a client asks for them or a project lists them.

In: a Host header, a name or an IP address; an environ. Out: lower-case ASCII without port, brackets and the
root's dot; an address in its canonical form; the server's name and port. Raises ValueError for a
name that no host can have.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

from apiroutes.errors import shown
from apiroutes.types import Environ

__all__ = ["canonical_host", "is_address", "requested_host", "server_of"]

# RFC 9110 section 7.2, with an optional port. Names of services have underscores.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")  # RFC 1035 section 2.3.4
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")  # RFC 3490 section 3.1


def requested_host(sent: str) -> str | None:
    """Return the host that a Host header names, or None if it names none."""
    match = _HOST.fullmatch(sent)
    if match is None or (match[2] is not None and not 0 < int(match[2]) < 65536):
        return None
    try:
        return canonical_host(match[1])
    except ValueError:
        return None


def canonical_host(name: str) -> str:
    """Return the one spelling for all spellings of `name`. Raises ValueError.

    Letter case does not count (RFC 9110 section 4.2.3); letters beyond ASCII are written as browsers
    send them (IDNA 2008: RFC 5891 section 4.4).
    """
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if is_address(bare):
        return str(ipaddress.ip_address(bare))
    plain = unicodedata.normalize("NFKC", bare).lower().translate(_DOTS)
    labels = [_ascii(label) for label in plain.split(".")]
    if labels[-1] == "" and len(labels) > 1:
        del labels[-1]  # that of the root
    if bare != name or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(f"{shown(name)} is not a host name")
    return ".".join(labels)


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
    """Return the name and port of the server as the environ has them; None without a name."""
    name = environ.get("SERVER_NAME")
    if name is None:
        return None
    port = environ.get("SERVER_PORT") or ""
    return name, int(port) if port.isascii() and port.isdigit() and len(port) < 6 else None
