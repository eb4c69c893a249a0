"""The option `--interface`: what the tests call an App through."""

from __future__ import annotations

import gc
import itertools
import logging
import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from apiroutes import readiness
from apiroutes.threads import process_end
from tests import interfaces

# Properties are about facts, whatever else the machine does meanwhile.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# The Apps of tests that have ended keep files open until they are collected, some thousands of them.
_OPEN_FILES = 8192
_TESTS_TO_COLLECT = 100
_ended = itertools.count(1)
# The modules from before the first test, thousands, which belong to no project.
_before_tests: dict[str, object] = {}


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


@pytest.fixture(autouse=True)
def forgotten_projects(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forget the modules of the projects that a test made for itself: every App looks through all of them."""
    yield
    root = (request.node.funcargs or {}).get("tmp_path")  # None where pytest itself has failed
    if isinstance(root, Path):
        forget_projects(root)
        if next(_ended) % _TESTS_TO_COLLECT == 0:
            gc.collect()


@pytest.fixture(autouse=True)
def forgotten_ends() -> Iterator[None]:
    """Let the Apps of a test be collected, of which each would wait for the end of the process."""
    yield
    process_end._end.functions[0].clear()


@pytest.fixture(autouse=True, scope="module")
def forgotten_shared_projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget those that the tests of a file have shared."""
    yield
    forget_projects(tmp_path_factory.getbasetemp())


def forget_projects(root: Path) -> None:
    """Have the projects below a directory no longer imported, nor their roots searched by imports."""
    below = f"{root}{os.sep}"
    if not any(f"{entry}{os.sep}".startswith(below) for entry in sys.path):
        return
    sys.path[:] = [entry for entry in sys.path if not f"{entry}{os.sep}".startswith(below)]
    packages = set()
    for name, module in list(sys.modules.items()):
        if _before_tests.get(name) is module:
            continue
        is_inside = "." in name  # whose path is known by its parent's alone
        places = [getattr(module, "__file__", None), *(() if is_inside else getattr(module, "__path__", ()))]
        if any(f"{place}{os.sep}".startswith(below) for place in places):
            packages.add(name)
    for name in list(sys.modules):
        if name in packages or name.partition(".")[0] in packages:
            del sys.modules[name]


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking all tests each time that one of them asks for a collection."""
    _before_tests.update(sys.modules)
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--interface",
        choices=interfaces.INTERFACES,
        default="wsgi",
        help="what Apps are called through; `asgi-loop` also makes plain handlers and middleware async",
    )


def pytest_configure(config: pytest.Config) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _OPEN_FILES:
        most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    interfaces.choose(config.getoption("--interface"))
    if interfaces.chosen() != "wsgi":
        # On a busy machine the loop on which all requests of these tests run is late, without a defect.
        logging.getLogger("apiroutes").addFilter(lambda record: record.module != "watchdog")
    # A shell's job in the background ignores Ctrl+C, and so would the programs that tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
