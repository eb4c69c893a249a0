"""Status codes and their phrases."""

from __future__ import annotations

import pytest

from apiroutes.http.status import STATUS_LINES, phrase


@pytest.mark.parametrize(
    ("status", "name"),
    [(404, "Not Found"), (413, "Content Too Large"), (422, "Unprocessable Content"), (599, "Unknown")],
)
def test_a_phrase_is_that_of_rfc_9110(status: int, name: str) -> None:
    assert phrase(status) == name
    assert STATUS_LINES[status] == f"{status} {name}"
