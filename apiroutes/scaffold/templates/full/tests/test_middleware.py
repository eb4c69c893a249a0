import pytest
from apiroutes.testing import Client


@pytest.mark.parametrize("path", ["/api/hello", "/api/notes/1", "/api/unknown"])
def test_a_response_tells_how_long_it_took(apiroutes_client: Client, path: str) -> None:
    response = apiroutes_client.get(path)
    assert response.headers["Server-Timing"].startswith("app;dur=")
    assert response.headers["X-Request-ID"]
