import pytest
from apiroutes.testing import Client

NOTE = {"title": "Milk", "text": "Two litres"}


def add(client: Client, **fields: str) -> int:
    response = client.post("/api/notes", json={**NOTE, **fields})
    assert response.status_code == 201
    id: int = response.json["id"]
    return id


def test_a_note_is_created(apiroutes_client: Client) -> None:
    response = apiroutes_client.post("/api/notes", json=NOTE)
    assert response.status_code == 201
    assert response.headers["Location"] == "/api/notes/1"
    assert response.json.items() >= {"id": 1, **NOTE}.items()
    assert apiroutes_client.get("/api/notes/1").json == response.json


def test_notes_are_listed_page_by_page(apiroutes_client: Client) -> None:
    ids = [add(apiroutes_client, title=f"Note {number}") for number in range(5)]
    pages, query = [], {"limit": 2}
    while True:
        page = apiroutes_client.get("/api/notes", query_string=query).json
        pages.append([note["id"] for note in page["notes"]])
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert pages == [ids[:2], ids[2:4], ids[4:]]


def test_a_note_is_replaced(apiroutes_client: Client) -> None:
    id = add(apiroutes_client)
    response = apiroutes_client.put(f"/api/notes/{id}", json={"title": "Bread"})
    assert response.json.items() >= {"id": id, "title": "Bread", "text": ""}.items()
    assert apiroutes_client.get(f"/api/notes/{id}").json == response.json


def test_a_note_is_deleted(apiroutes_client: Client) -> None:
    id = add(apiroutes_client)
    response = apiroutes_client.delete(f"/api/notes/{id}")
    assert (response.status_code, response.data) == (204, b"")
    assert apiroutes_client.get("/api/notes").json == {"notes": [], "next": None}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_note_that_does_not_exist_is_a_404(apiroutes_client: Client, method: str) -> None:
    body = NOTE if method == "PUT" else None
    response = apiroutes_client.open("/api/notes/1", method=method, json=body)
    assert response.status_code == 404


WRONG = [
    ("POST", "/api/notes", {"text": "without a title"}, "body.title"),
    ("POST", "/api/notes", {"title": ""}, "body.title"),
    ("PUT", "/api/notes/1", {"title": "x" * 201}, "body.title"),
    ("PUT", "/api/notes/one", NOTE, "path.id"),
    ("GET", "/api/notes/0", None, "path.id"),
    ("GET", "/api/notes?limit=1000", None, "query.limit"),
]


@pytest.mark.parametrize(("method", "path", "body", "place"), WRONG)
def test_a_request_that_does_not_fit_is_a_422(
    apiroutes_client: Client, method: str, path: str, body: object, place: str
) -> None:
    response = apiroutes_client.open(path, method=method, json=body)
    assert response.status_code == 422
    assert [error["place"] for error in response.json["errors"]] == [place]
