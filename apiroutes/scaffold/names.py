"""Names of projects: what pyproject.toml and pip accept as one (PEP 508, PEP 503).

In: a text, such as the name of a directory. Out: why it cannot be a name, or a similar name.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["normalized", "suggested_name", "why_no_name"]

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")  # PEP 508
# What the project itself installs: pip would confuse the two.
_INSTALLED = {
    "apiroutes",
    "click",
    "gunicorn",
    "itsdangerous",
    "msgspec",
    "multipart",
    "mypy",
    "pip",
    "pytest",
    "python-dotenv",
    "ruff",
    "setuptools",
    "tomli",
    "typing-extensions",
    "watchfiles",
    "werkzeug",
    "xxhash",
}


def why_no_name(text: str) -> str | None:
    """Return why the text cannot be a project's name, or None if it can."""
    if not _NAME.fullmatch(text):
        return (
            f"{text!r} cannot be the name of a project: a name has letters and digits of ASCII, '-', '_' and "
            "'.', and begins and ends with a letter or digit (PEP 508)"
        )
    if normalized(text) in _INSTALLED:
        return f"{text!r} cannot be the name of a project: the project itself needs a package of that name"
    return None


def suggested_name(text: str) -> str:
    """Return a name that is similar to a text that cannot be one."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9._-]+", "-", plain.lower()).strip("-._") or "api"
    return f"my-{name}" if normalized(name) in _INSTALLED else name


def normalized(name: str) -> str:
    """Return the form in which names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
