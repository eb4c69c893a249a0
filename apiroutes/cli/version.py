"""`apiroutes --version`: what a bug report has to contain."""

from __future__ import annotations

import platform

from apiroutes.version import __version__

__all__ = ["version_text"]

_PACKAGES = ("gunicorn", "granian", "uvicorn", "Werkzeug", "msgspec")
# Packages of extras, and those that are used with them.
_OPTIONAL = ("opentelemetry-api", "opentelemetry-sdk", "prometheus-client", "python-json-logger")


def version_text() -> str:
    """Return the versions of apiroutes, Python, the platform, installed servers, and libraries."""
    from importlib.metadata import PackageNotFoundError, version

    lines = [
        f"apiroutes {__version__}",
        f"Python {platform.python_version()} ({platform.python_implementation()})",
        platform.platform(),
    ]
    for package in (*_PACKAGES, *_OPTIONAL):
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # of an extra
            continue
    return "\n".join(lines)
