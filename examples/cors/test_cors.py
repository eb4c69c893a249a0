"""What the API tells browsers. `test_in_a_browser.py` looks at what they make of it."""

import pytest

from apiroutes.testing import Client, Response

PAGE = "http://localhost:3000"
OTHER = "https://other.example"


def preflight(client: Client, path: str, origin: str, method: str) -> Response:
    """Ask as a browser does before a request that no form could send."""
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type"}
    return client.options(path, headers={"Origin": origin, **asked})


@pytest.mark.parametrize("origin", [PAGE, OTHER])
def test_every_page_reads_what_is_public(apiroutes_client: Client, origin: str) -> None:
    response = apiroutes_client.get("/api/public/quote", headers={"Origin": origin})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Expose-Headers"] == "RateLimit"
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_our_page_may_send_its_cookie(apiroutes_client: Client) -> None:
    asked = preflight(apiroutes_client, "/api/mine/visits", PAGE, "POST")
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == PAGE
    assert asked.headers["Access-Control-Allow-Credentials"] == "true"
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert asked.headers["Access-Control-Allow-Headers"].lower() == "content-type"
    for visits in (1, 2):
        response = apiroutes_client.post("/api/mine/visits", json={}, headers={"Origin": PAGE})
        assert response.json == {"visits": visits}
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
        assert "Origin" in response.headers["Vary"]


def test_another_page_may_not(apiroutes_client: Client) -> None:
    asked = preflight(apiroutes_client, "/api/mine/visits", OTHER, "POST")
    assert "Access-Control-Allow-Origin" not in asked.headers
    # A form needs no preflight. Browsers send it, and keep the answer from the page: csrf() refuses it.
    response = apiroutes_client.post("/api/mine/visits", data={}, headers={"Origin": OTHER})
    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers


def test_a_page_may_read_why_it_is_refused(apiroutes_client: Client) -> None:
    response = apiroutes_client.get("/api/mine/nothing", headers={"Origin": PAGE})
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (404, PAGE)
