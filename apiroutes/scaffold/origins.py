"""Where apiroutes was installed from, so that a new project installs the same.

In: the metadata of the installed package, with `direct_url.json` unless an index was asked (PEP 610). Out: a
requirement (PEP 508), and for a package on this machine its place.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from apiroutes.structs import Struct
from apiroutes.version import __version__

__all__ = ["Origin", "origin"]

_PACKAGE = "apiroutes"
_OF_URLS = ":/?#[]@!$&'()*+,;=%~"  # RFC 3986 section 2.2, and what is encoded already


class Origin(Struct, frozen=True):
    """Where the package is from: a URL, a place on this machine, or an index.

    `url` is what follows the `@` of a requirement; without it, `versions` follows. `is_local`: nobody else
    can install it from there. `place` is the directory or archive, if it is known and still there.
    """

    versions: str
    url: str | None = None
    is_local: bool = False
    place: Path | None = None

    def requirement(self, extra: str = "") -> str:
        """Return the requirement of the package with an extra."""
        name = f"{_PACKAGE}[{extra}]" if extra else _PACKAGE
        return f"{name} @ {self.url}" if self.url else f"{name}{self.versions}"


def origin() -> Origin:
    """Return where the package of this process was installed from."""
    versions = _versions(__version__)
    package = _installed()
    if package is None:  # it is imported from its sources
        return _local(versions, Path(__file__).parents[2])
    direct = _direct_url(package)
    if direct is None:
        return Origin(versions)
    url = urlsplit(str(direct.get("url", "")))
    if url.scheme in ("", "file"):
        return _local(versions, Path(unquote(url.path)))
    return Origin(versions, _public_url(direct))


def _installed() -> Distribution | None:
    """Return the package as an installer has recorded it, not the `.egg-info` beside its sources.

    Python finds that first in the directory of a clone.
    """
    packages = distributions(name=_PACKAGE)
    return next((each for each in packages if each.read_text("METADATA") is not None), None)


def _direct_url(package: Distribution) -> dict[str, Any] | None:
    try:
        direct = json.loads(package.read_text("direct_url.json") or "null")
    except ValueError:  # whatever has written it, it is not JSON
        return None
    return direct if isinstance(direct, dict) else None


def _local(versions: str, place: Path) -> Origin:
    is_project = any((place / name).is_file() for name in ("pyproject.toml", "setup.cfg"))
    is_there = place.is_absolute() and (place.is_file() or is_project)
    return Origin(versions, is_local=True, place=place if is_there else None)


def _versions(version: str) -> str:
    """Return the versions that are compatible with this one: for 0.2 up to 0.3, for 1.2 up to 2."""
    public = version.partition("+")[0]
    numbers = [int(number) for number in re.findall(r"^(\d+)\.(\d+)", public)[0]]
    is_final = re.fullmatch(r"[\d.]+", public) is not None
    least = ".".join(map(str, numbers)) if is_final else public  # 0.2 does not include 0.2rc1
    below = f"0.{numbers[1] + 1}" if numbers[0] == 0 else f"{numbers[0] + 1}"
    return f">={least},<{below}"


def _public_url(direct: dict[str, Any]) -> str:
    """Return the URL of a requirement, without credentials.

    They may be before the host, where only the user of ssh is not a secret, and in a query.
    """
    vcs, archive = direct.get("vcs_info"), direct.get("archive_info")
    url = urlsplit(direct["url"])
    host = url.netloc.rpartition("@")[2]
    user = url.username if url.scheme.endswith("ssh") else None
    path, fragments = url.path, []
    if isinstance(vcs, dict):
        path = f"{path}@{vcs['commit_id']}"
    elif isinstance(archive, dict):
        fragments = [f"{name}={value}" for name, value in (archive.get("hashes") or {}).items()]
    if direct.get("subdirectory"):
        fragments.append(f"subdirectory={direct['subdirectory']}")
    scheme = f"{vcs['vcs']}+{url.scheme}" if isinstance(vcs, dict) else url.scheme
    netloc = f"{user}@{host}" if user else host
    return quote(urlunsplit((scheme, netloc, path, "", "&".join(fragments))), safe=_OF_URLS)
