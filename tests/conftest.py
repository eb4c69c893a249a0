"""The option `--interface`: what the tests call an App through."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from apiroutes import readiness
from tests import interfaces

# Properties are about facts, whatever else the machine does meanwhile.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def recursion_limit() -> Iterator[None]:
    """Leave the next test Python's limit, which mypy raises for its process."""
    limit = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(limit)


@pytest.fixture(autouse=True)
def sound_process() -> None:
    """Forget that a test before has asked for this process to be replaced, as one that is stuck is."""
    readiness._state.requests.clear()
    readiness._state.cannot_replace = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--interface",
        choices=interfaces.INTERFACES,
        default="wsgi",
        help="what Apps are called through; `asgi-loop` also makes plain handlers and middleware async",
    )


def pytest_configure(config: pytest.Config) -> None:
    interfaces.choose(config.getoption("--interface"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Expect the failures that `asgi_deviations.txt` lists; a test that passes after all is a failure."""
    interface = config.getoption("--interface")
    files = {item.nodeid.partition("::")[0] for item in items}
    is_whole = not any("::" in argument for argument in config.args)  # all tests of these files
    for deviation in interfaces.deviations():
        if interface not in deviation.interfaces:
            continue
        covered = [item for item in items if deviation.covers(item.nodeid)]
        fails = pytest.mark.xfail(strict=True, reason=deviation.reason)
        for item in covered:
            item.add_marker(fails if deviation.is_run else pytest.mark.skip(deviation.reason))
        if not covered and is_whole and deviation.file in files:
            raise pytest.UsageError(f"asgi_deviations.txt: no test is {deviation.pattern}")
