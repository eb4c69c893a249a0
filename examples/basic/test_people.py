from apiroutes.testing import Client

GRACE = {"id": 2, "name": "Grace Hopper", "known_for": "the first compiler"}


def test_all_people_are_listed(apiroutes_client: Client) -> None:
    people = apiroutes_client.get("/api/people").json
    assert [person["id"] for person in people] == [1, 2, 3]
    assert GRACE in people


def test_a_person_is_found_by_id(apiroutes_client: Client) -> None:
    assert apiroutes_client.get("/api/people/2").json == GRACE


def test_nobody_has_another_id(apiroutes_client: Client) -> None:
    response = apiroutes_client.get("/api/people/99")
    assert (response.status_code, response.text) == (404, "There is no person 99")


def test_an_id_is_a_number(apiroutes_client: Client) -> None:
    assert apiroutes_client.get("/api/people/grace").status_code == 422


def test_people_are_only_read(apiroutes_client: Client) -> None:
    response = apiroutes_client.delete("/api/people/2")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
