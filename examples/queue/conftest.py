"""The tests have files of their own, and their tasks run at once, without a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORDERS_DATA", str(directory))
        patch.delenv("REDIS_URL", raising=False)
        from tasks import huey  # now that the variables are set

        huey.immediate = True
        yield directory
