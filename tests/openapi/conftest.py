from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.openapi.examples import FILES
from tests.support import project


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {name: textwrap.dedent(source) for name, source in FILES.items()}
    return project(tmp_path_factory.mktemp("openapi"), files)


@pytest.fixture(scope="package")
def document(root: Path) -> dict[str, Any]:
    """The document as a client reads it."""
    return json.loads(json.dumps(App(root).openapi()))  # type: ignore[no-any-return]
