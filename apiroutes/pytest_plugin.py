"""pytest's fixtures for projects: `apiroutes_client`, a client of the project under test.

In: pytest's `rootdir`, or the directory that the ini option `apiroutes_root` names. Out: fixtures.
The only file that imports pytest, which imports it by its entry point.
"""

from __future__ import annotations

import pytest

from apiroutes.app import App
from apiroutes.testing import Client

__all__ = ["apiroutes_app", "apiroutes_client", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know `apiroutes_root`."""
    parser.addini("apiroutes_root", "The project's directory, from rootdir on", default=".")


@pytest.fixture(scope="session")
def apiroutes_app(pytestconfig: pytest.Config) -> App:
    """The App of the project, built once, in development mode."""
    return App(pytestconfig.rootpath / pytestconfig.getini("apiroutes_root"), mode="development")


@pytest.fixture
def apiroutes_client(apiroutes_app: App) -> Client:
    """A client of the project, with cookies of its own."""
    return Client(apiroutes_app)
