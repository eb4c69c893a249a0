"""`apiroutes --version`: what a report of a defect has to say."""

from __future__ import annotations

import platform

from apiroutes.version import __version__

__all__ = ["version_text"]

_PACKAGES = ("gunicorn", "granian", "uvicorn", "Werkzeug", "msgspec")


def version_text() -> str:
    """Return the versions of apiroutes, Python, the platform, installed servers, and libraries."""
    from importlib.metadata import PackageNotFoundError, version

    lines = [
        f"apiroutes {__version__}",
        f"Python {platform.python_version()} ({platform.python_implementation()})",
        platform.platform(),
    ]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # a server that is an extra
            continue
    return "\n".join(lines)
