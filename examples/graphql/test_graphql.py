import logging
from typing import Any

import pytest

import library
from apiroutes.testing import Client

ADA = {"Authorization": "Bearer 9pLx4RvTq2Wn8Zb6Yd3Kf7Hs"}


def run(client: Client, query: str, headers: dict[str, str] | None = None, **variables: Any) -> Any:
    sent = {"query": query, "variables": variables}
    response = client.post("/api/graphql", json=sent, headers=headers or {})
    assert response.status_code == 200
    return response.json


def test_a_query_reads_what_it_names(apiroutes_client: Client) -> None:
    data = run(apiroutes_client, "{ books { title author { name } } }")["data"]
    assert {"title": "Solaris", "author": {"name": "Stanisław Lem"}} in data["books"]


def test_the_authors_of_all_books_are_read_at_once(
    apiroutes_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "library"):
        run(apiroutes_client, "{ books { author { name } } }")
    assert [record.getMessage() for record in caplog.records if record.name == "library"] == [
        "read the authors [1, 2]"
    ]


ADD = "mutation Add($title: String!, $by: Int!) { addBook(title: $title, authorId: $by) { id title } }"


def test_who_has_signed_in_adds_a_book(apiroutes_client: Client) -> None:
    added = run(apiroutes_client, ADD, ADA, title="The Invincible", by=2)["data"]["addBook"]
    assert added["title"] == "The Invincible"
    assert added["id"] in [book["id"] for book in run(apiroutes_client, "{ books { id } }")["data"]["books"]]


@pytest.mark.parametrize(
    ("headers", "by", "message"), [({}, 2, "Sign in first"), (ADA, 9, "There is no author 9")], ids=str
)
def test_an_error_tells_its_message_and_its_place(
    apiroutes_client: Client, headers: dict[str, str], by: int, message: str
) -> None:
    result = run(apiroutes_client, ADD, headers, title="Eden", by=by)
    (error,) = result["errors"]
    assert (error["message"], error["path"], result["data"]) == (message, ["addBook"], None)


def test_a_fault_is_in_the_log_and_not_told(
    apiroutes_client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(library.BOOKS, 9, ("A book without an author",))
    result = run(apiroutes_client, "{ books { title } }")
    assert [error["message"] for error in result["errors"]] == ["Unexpected error."]
    assert "ValueError: not enough values to unpack" in caplog.text


def test_a_wrong_token_is_refused_before_the_query(apiroutes_client: Client) -> None:
    headers = {"Authorization": "Bearer wrong"}
    assert apiroutes_client.post("/api/graphql", json={"query": "{ me }"}, headers=headers).status_code == 401
    assert run(apiroutes_client, "{ me }", ADA)["data"] == {"me": "ada"}
    assert run(apiroutes_client, "{ me }")["data"] == {"me": None}


DEEP = "{ books { author { books { author { books { author { books { id } } } } } } } }"
TOO_MUCH = {
    DEEP: "exceeds maximum operation depth",
    "{" + " ".join(f"a{number}: me" for number in range(11)) + "}": "aliases",
    "{" + "me " * 1001 + "}": "tokens",
    "{ nothing }": "Cannot query field 'nothing'",
    "{": "Syntax Error",
}


@pytest.mark.parametrize("query", TOO_MUCH)
def test_a_query_that_asks_for_too_much_is_not_executed(apiroutes_client: Client, query: str) -> None:
    result = run(apiroutes_client, query)
    assert "data" not in result
    assert TOO_MUCH[query] in result["errors"][0]["message"]


MEDIA_TYPE = "application/graphql-response+json"
STATUSES = [
    ("{ me }", 200),
    ('mutation { addBook(title: "Eden", authorId: 2) { id } }', 200),  # executed, and refused by the resolver
    ("{ nothing }", 400),
    ("{", 400),
    ("query Q($deep: Int!) { me }", 400),  # a variable that is not sent
]


@pytest.mark.parametrize(("query", "status"), STATUSES)
def test_who_accepts_graphqls_media_type_is_told_by_the_status(
    apiroutes_client: Client, query: str, status: int
) -> None:
    headers = {"Accept": f"{MEDIA_TYPE}; charset=utf-8, application/json; charset=utf-8"}
    response = apiroutes_client.post("/api/graphql", json={"query": query}, headers=headers)
    assert (response.status_code, response.mimetype) == (status, MEDIA_TYPE)
    assert response.json == run(apiroutes_client, query)
    assert ("data" in response.json) == (status == 200)


def test_any_other_client_gets_json(apiroutes_client: Client) -> None:
    for accept in ("application/json", "*/*"):
        response = apiroutes_client.post("/api/graphql", json={"query": "{"}, headers={"Accept": accept})
        assert (response.status_code, response.mimetype) == (200, "application/json")


def test_what_is_no_query_is_a_422(apiroutes_client: Client) -> None:
    wrong: list[Any] = [{"queri": "{ me }"}, {"query": ""}, {"query": 1}, []]
    for sent in wrong:
        assert apiroutes_client.post("/api/graphql", json=sent).status_code == 422


@pytest.mark.parametrize("wrong", [{"operationName": "Q"}, {"query": "fragment F on Query { me }"}], ids=str)
def test_an_operation_that_there_is_not_is_a_400(apiroutes_client: Client, wrong: dict[str, str]) -> None:
    response = apiroutes_client.post("/api/graphql", json={"query": "{ me }", **wrong})
    assert response.status_code == 400


def test_graphiql_is_served_in_development(apiroutes_client: Client) -> None:
    response = apiroutes_client.get("/api/graphql")
    assert response.content_type.startswith("text/html")
    assert "GraphiQL" in response.text
