import logging
from collections.abc import Iterator

import pytest

from apiroutes.testing import Client

KEY = "9pLx4RvTq2Wn8Zb6Yd3Kf7Hs"


@pytest.fixture(scope="session", autouse=True)
def _key() -> Iterator[None]:
    """Set the key before the project reads it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADMIN_KEY", KEY)
        yield


def test_each_step_is_inside_the_one_before(apiroutes_client: Client) -> None:
    response = apiroutes_client.get("/api/order")
    assert response.json == ["project", "directory", "module", "method", "dependency", "handler"]
    assert response.headers.getlist("X-Way-Out") == ["method", "module", "directory", "project"]


def test_middleware_of_the_project_is_around_a_404_too(apiroutes_client: Client) -> None:
    response = apiroutes_client.get("/api/nothing")
    assert response.status_code == 404
    assert response.headers.getlist("X-Way-Out") == ["directory", "project"]
    assert response.headers["Server-Timing"].startswith("app;dur=")


def test_an_id_goes_through_to_the_handler_and_back(apiroutes_client: Client) -> None:
    headers = {"X-API-Key": KEY, "X-Request-ID": "r-1"}
    response = apiroutes_client.get("/api/admin/status", headers=headers)
    assert response.json == {"user": "admin", "request_id": "r-1"}
    assert response.headers["X-Request-ID"] == "r-1"


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}], ids=str)
@pytest.mark.parametrize("path", ["/api/admin/status", "/api/admin/nothing"])
def test_nobody_enters_without_the_key(apiroutes_client: Client, headers: dict[str, str], path: str) -> None:
    response = apiroutes_client.get(path, headers=headers)
    assert response.status_code == 401
    assert response.headers["Server-Timing"].startswith("app;dur=")  # an error that was raised, too


def test_each_request_is_a_line_of_the_log(
    apiroutes_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "apiroutes.access"):
        apiroutes_client.get("/api/order")
        apiroutes_client.get("/api/admin/status", headers={"X-Request-ID": "r-2"})
    lines = [record.getMessage() for record in caplog.records if record.name == "apiroutes.access"]
    assert "method=GET route=/api/order path=/api/order status=200 " in lines[0]
    assert " status=401 " in lines[1]
    assert lines[1].endswith(" request_id=r-2")
