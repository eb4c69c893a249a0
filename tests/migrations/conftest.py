"""The projects that run what the pages say: the directory `PROJECT` of each test file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.testing import Client
from tests.conftest import forget_projects
from tests.migrations.tables import KEY


@pytest.fixture(scope="module")
def app(request: pytest.FixtureRequest) -> Iterator[App]:
    project: Path = request.module.PROJECT
    with pytest.MonkeyPatch.context() as patch:
        for file in project.glob(".env*"):
            for line in file.read_text(encoding="utf-8").splitlines():
                name = line.partition("=")[0]
                patch.setenv(name, "")  # so that it is what it was afterwards
                patch.delenv(name)
        with Client(str(project), secret_key=KEY) as client:
            assert isinstance(client.application, App)
            yield client.application
    forget_projects(project)


@pytest.fixture
def client(app: App) -> Client:
    return Client(app)
