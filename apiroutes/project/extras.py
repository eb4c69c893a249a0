"""The libraries that settings need, which are installed as extras of this package.

In: settings. Out: a problem for each setting that asks for a library that is not installed. Nothing is
imported: a project learns of it at its start, whatever it asks of the library later.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from apiroutes.errors import Problem, Problems
from apiroutes.places import Place, located
from apiroutes.settings import Settings

__all__ = ["check_extras"]

# By setting: the module that it needs, and the extra that brings it.
_NEEDS = {
    "telemetry": ("opentelemetry.trace", "otel"),
    "metrics_path": ("prometheus_client", "prometheus"),
    "log_format": ("pythonjsonlogger", "json-logs"),
    "cache": ("redis", "redis"),
    "rate_limit_store": ("redis", "redis"),
}
_NEED_NOTHING = (None, False, "text", "sqlite", "memory", "none")


def check_extras(
    settings: Settings, place_of: Callable[[str], tuple[str, Place]], problems: Problems
) -> None:
    """Add a problem for each setting whose library is missing."""
    for name, (module, extra) in _NEEDS.items():
        if getattr(settings, name) not in _NEED_NOTHING and not _is_installed(module):
            spelled, place = place_of(name)
            remedy = f"Run: pip install 'apiroutes[{extra}]'"
            message = f"{spelled}: {module.partition('.')[0]} is not installed."
            problems.append(located(Problem(place.file, message, remedy), place))


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # of the package that it is in
        return False
