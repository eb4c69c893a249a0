"""pytest fixtures for projects: `apiroutes_client`, a client of the project under test.

In: pytest's `rootdir`, or the directory in the ini option `apiroutes_root`. Out: fixtures. This is the only
file that imports pytest; pytest finds it by its entry point.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apiroutes.app import App
from apiroutes.app_file import app_of
from apiroutes.rate_limits import forget_counts
from apiroutes.sessions import forget_sessions
from apiroutes.testing import FOR_TESTS, Client

__all__ = ["apiroutes_app", "apiroutes_client", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the ini option `apiroutes_root`."""
    parser.addini("apiroutes_root", "The project's directory, relative to rootdir", default=".")


@pytest.fixture(scope="session")
def apiroutes_app(pytestconfig: pytest.Config) -> Iterator[App]:
    """Build the App of the project in development mode; start it for the test session, then stop it."""
    app = app_of(pytestconfig.rootpath / pytestconfig.getini("apiroutes_root"), **FOR_TESTS)
    app.start()
    yield app
    app.stop()


@pytest.fixture
def apiroutes_client(apiroutes_app: App) -> Iterator[Client]:
    """Make a client of the project, without cookies, cached answers, a session or counted requests.

    Its overrides are undone after the test.
    """
    if apiroutes_app.settings.cache == "memory":  # an `app.py` may set another cache, which others may share
        apiroutes_app.cache.clear()
    forget_counts(apiroutes_app.root)
    forget_sessions(apiroutes_app.root)
    with Client(apiroutes_app) as client:
        yield client
