"""The site and its API, by Flask's own test client."""

import logging
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from shop import create_app


@pytest.fixture
def site() -> Flask:
    return create_app(TESTING=True, SECRET_KEY="of the tests alone")


@pytest.fixture
def client(site: Flask) -> FlaskClient:
    return site.test_client()


def sign_in(client: FlaskClient, name: str = "Ada") -> None:
    assert client.post("/sign-in", data={"name": name}).status_code == 302


def test_nothing_is_wrong_at_start(caplog: pytest.LogCaptureFixture) -> None:
    create_app(TESTING=True, SECRET_KEY="of the tests alone")
    assert not caplog.records


def test_a_page_is_flasks(client: FlaskClient) -> None:
    assert "Sign in" in client.get("/").text


def test_a_route_knows_who_has_signed_in_to_the_site(client: FlaskClient) -> None:
    assert client.get("/api/basket").status_code == 401
    sign_in(client)
    assert client.get("/api/basket").json == {"user": "Ada", "items": []}


def test_the_site_sees_what_a_route_has_put_into_the_session(client: FlaskClient) -> None:
    sign_in(client)
    response = client.post("/api/basket", json={"item": "Tea"})
    assert (response.status_code, response.json) == (201, {"user": "Ada", "items": ["Tea"]})
    assert "1 in the basket" in client.get("/").text


def test_a_read_sets_no_cookie_but_varies_by_it(client: FlaskClient) -> None:
    sign_in(client)
    response = client.get("/api/basket")
    assert "Set-Cookie" not in response.headers
    assert "Cookie" in response.vary


def test_a_route_that_fails_changes_no_session(client: FlaskClient) -> None:
    sign_in(client)
    assert client.post("/api/basket", json={"item": ""}).status_code == 422
    assert "0 in the basket" in client.get("/").text


def test_another_site_cannot_fill_the_basket(client: FlaskClient) -> None:
    sign_in(client)
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/basket", json={"item": "Tea"}, headers=headers).status_code == 403
    assert "0 in the basket" in client.get("/").text


def test_what_neither_has_is_flasks_404(site: Flask, client: FlaskClient) -> None:
    @site.errorhandler(404)
    def missing(error: Exception) -> tuple[str, int]:
        return "Flask knows no such page", 404

    for path in ("/nothing", "/api/nothing"):
        assert client.get(path).text == "Flask knows no such page"


def test_the_context_of_a_request_ends_with_it(site: Flask, client: FlaskClient) -> None:
    ended: list[Any] = []
    site.teardown_request(lambda error: ended.append(g.get("_user")))
    sign_in(client)
    client.get("/api/basket")
    assert len(ended) == 2


def test_a_route_logs_to_the_sites_log(
    site: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    site.logger.setLevel(logging.INFO)
    sign_in(client)
    client.post("/api/basket", json={"item": "Tea"})
    assert "Ada takes Tea" in caplog.messages
