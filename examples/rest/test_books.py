from pathlib import Path
from typing import Any

import pytest

from apiroutes.testing import Client

BOOK = {"isbn": "9780131103627", "title": "The C Programming Language", "year": 1988}
URL = "/api/books/9780131103627"


@pytest.fixture(autouse=True)
def _database_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKS_DB", str(tmp_path / "books.db"))


@pytest.fixture
def client(apiroutes_client: Client) -> Client:
    """A client of a database that has one book."""
    assert apiroutes_client.post("/api/books", json=BOOK).status_code == 201
    return apiroutes_client


def test_a_book_is_added(apiroutes_client: Client) -> None:
    response = apiroutes_client.post("/api/books", json=BOOK)
    assert (response.status_code, response.json) == (201, BOOK)
    assert response.headers["Location"] == URL
    assert apiroutes_client.get(URL).json == BOOK


def test_an_isbn_is_taken_once(client: Client) -> None:
    assert client.post("/api/books", json={**BOOK, "title": "Another"}).status_code == 409
    assert client.get(URL).json == BOOK


def test_a_book_is_changed_in_part(client: Client) -> None:
    assert client.patch(URL, json={"year": 1978}).json == {**BOOK, "year": 1978}
    assert client.get(URL).json == {**BOOK, "year": 1978}


def test_a_book_is_removed(client: Client) -> None:
    response = client.delete(URL)
    assert (response.status_code, response.data) == (204, b"")
    assert client.get(URL).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_book_that_is_not_there_is_a_404(apiroutes_client: Client, method: str) -> None:
    json = {"year": 1978} if method == "PATCH" else None
    assert apiroutes_client.open(URL, method=method, json=json).status_code == 404


@pytest.mark.parametrize("changes", [{"isbn": "1"}, {"title": ""}, {"year": "1988"}, {"price": 5}], ids=str)
def test_what_is_no_book_is_refused(apiroutes_client: Client, changes: dict[str, Any]) -> None:
    assert apiroutes_client.post("/api/books", json={**BOOK, **changes}).status_code == 422
    assert apiroutes_client.get("/api/books").json == []


def test_a_refusal_names_every_problem(apiroutes_client: Client) -> None:
    response = apiroutes_client.post("/api/books", json={**BOOK, "isbn": "1", "title": ""})
    assert response.content_type == "application/problem+json"
    assert [error["place"] for error in response.json["errors"]] == ["body.isbn", "body.title"]


def test_the_list_goes_on_until_there_is_no_next_page(apiroutes_client: Client) -> None:
    isbns = [f"978000000000{number}" for number in range(5)]
    for isbn in isbns:
        apiroutes_client.post("/api/books", json={**BOOK, "isbn": isbn})
    pages = []
    url: str | None = "/api/books?limit=2"
    while url is not None:
        response = apiroutes_client.get(url)
        pages.append([book["isbn"] for book in response.json])
        url = response.headers.get("Link", type=lambda link: link[1:].partition(">")[0])
    assert pages == [isbns[:2], isbns[2:4], isbns[4:]]


def test_a_client_that_has_the_book_does_not_get_it_again(client: Client) -> None:
    etag = client.get(URL).headers["ETag"]
    assert client.get(URL, headers={"If-None-Match": etag}).status_code == 304
    client.patch(URL, json={"year": 1978})
    assert client.get(URL, headers={"If-None-Match": etag}).status_code == 200


def test_the_openapi_document_tells_the_responses(apiroutes_client: Client) -> None:
    paths = apiroutes_client.get("/api/openapi.json").json["paths"]
    assert {"201", "409", "422"} <= set(paths["/api/books"]["post"]["responses"])
    assert {"204", "404"} <= set(paths["/api/books/{isbn}"]["delete"]["responses"])
