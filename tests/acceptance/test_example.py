"""The example application, however it is served."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from tests.acceptance.client import Answer, Client
from tests.acceptance.conftest import Served
from tests.acceptance.exchanges import FORM, JSON, UPLOAD

MEBIBYTE = 1024 * 1024


def put(client: Client, id: str, title: str = "Milk", text: str = "") -> Answer:
    return client.request("PUT", f"/api/notes/{id}", json={"title": title, "text": text})


def test_hello_answers_json(client: Client) -> None:
    answer = client.request("GET", "/api/hello")
    assert (answer.status, answer.header("Content-Type")) == (200, "application/json; charset=utf-8")
    assert answer.json() == {"message": "Hello"}


def test_health_is_ok_and_not_stored(client: Client) -> None:
    answer = client.request("GET", "/api/health")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})
    assert answer.header("Cache-Control") == "no-store"


# Notes


def test_a_new_note_is_201_with_its_location(client: Client) -> None:
    answer = client.request("POST", "/api/notes", json={"title": "Bread"})
    note = answer.json()
    assert answer.status == 201
    assert note == {"id": note["id"], "title": "Bread", "text": ""}
    assert answer.header("Location") == f"/api/notes/{note['id']}"


def test_the_location_of_a_new_note_leads_to_it(client: Client) -> None:
    created = client.request("POST", "/api/notes", json={"title": "Bread", "text": "Rye"})
    assert client.request("GET", created.header("Location") or "").body == created.body


def test_a_note_that_is_put_is_created_then_changed(client: Client) -> None:
    assert put(client, "changing", "Milk").status == 201
    assert put(client, "changing", "Oat milk").status == 200
    assert client.request("GET", "/api/notes/changing").json()["title"] == "Oat milk"


def test_a_deleted_note_is_gone(client: Client) -> None:
    put(client, "deleted")
    answer = client.request("DELETE", "/api/notes/deleted")
    assert (answer.status, answer.body) == (204, b"")
    assert client.request("GET", "/api/notes/deleted").status == 404


def test_text_beyond_ascii_survives(client: Client) -> None:
    put(client, "unicode", "Mjölk 🥛", "snövit")
    assert client.request("GET", "/api/notes/unicode").json()["title"] == "Mjölk 🥛"


def test_the_list_is_searched_without_regard_to_case(client: Client) -> None:
    put(client, "searched", "Quince", "for JELLY")
    assert [note["id"] for note in client.request("GET", "/api/notes?q=for+jelly").json()] == ["searched"]


def test_the_list_is_kept_for_all_workers(client: Client) -> None:
    target = "/api/notes?q=nothing+has+this"
    client.request("GET", target)
    for _ in range(8):
        answer = client.request("GET", target)
        assert (answer.header("Cache-Status") or "").startswith("apiroutes; hit; ")
        assert answer.json() == []


def test_a_note_is_in_the_list_as_soon_as_it_is_written(client: Client) -> None:
    def listed() -> list[str]:
        # More than once, so that each worker has the list before the next note is written.
        answers = [client.request("GET", "/api/notes?q=kept").json() for _ in range(8)]
        assert all(answer == answers[0] for answer in answers)
        return [note["title"] for note in answers[0]]

    assert listed() == []
    id = client.request("POST", "/api/notes", json={"title": "Kept"}).json()["id"]
    assert listed() == ["Kept"]
    put(client, "kept", "Kept as well")
    assert listed() == ["Kept", "Kept as well"]
    put(client, "kept", "Also kept")
    assert listed() == ["Also kept", "Kept"]
    client.request("DELETE", f"/api/notes/{id}")
    assert listed() == ["Also kept"]


def test_the_list_is_cut_at_the_limit(client: Client) -> None:
    for number in range(3):
        put(client, f"limited-{number}", "Limited")
    notes = client.request("GET", "/api/notes?q=limited&limit=2").json()
    assert [note["id"] for note in notes] == ["limited-0", "limited-1"]


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        ([], ("body", "Expected `object`, got `array`")),
        ("Milk", ("body", "Expected `object`, got `str`")),
        ({}, ("body.title", "is required")),
        ({"title": ""}, ("body.title", "Expected `str` of length >= 1")),
        ({"title": "a" * 201}, ("body.title", "Expected `str` of length <= 200")),
        ({"title": 1}, ("body.title", "Expected `str`, got `int`")),
        ({"title": "Milk", "text": None}, ("body.text", "Expected `str`, got `null`")),
        ({"title": "Milk", "tittle": ""}, ("body.tittle", "is not known")),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/notes"), ("PUT", "/api/notes/refused")])
def test_an_invalid_note_is_422_with_the_reason(
    client: Client, method: str, path: str, note: object, problem: tuple[str, str]
) -> None:
    answer = client.request(method, path, json=note)
    assert answer.status == 422
    assert [(error["place"], error["message"]) for error in answer.json()["errors"]] == [problem]


def test_a_note_of_another_media_type_is_422(client: Client) -> None:
    headers = {"Content-Type": "text/plain"}
    assert client.request("POST", "/api/notes", headers, b'{"title": "Milk"}').status == 422


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=-1", "limit=two", "limit=", "limit=1&limit=2", "q=a&q=b"]
)
def test_an_invalid_query_is_422(client: Client, query: str) -> None:
    assert client.request("GET", f"/api/notes?{query}").status == 422


def test_a_missing_note_is_404_with_its_id(client: Client) -> None:
    answer = client.request("GET", "/api/notes/nothing")
    assert (answer.status, answer.text) == (404, "No note 'nothing'")


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/notes", "GET, HEAD, OPTIONS, POST"),
        ("/api/notes/milk", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/api/notes/milk/attachments", "GET, HEAD, OPTIONS, POST"),
        ("/api/files/milk/list.txt", "GET, HEAD, OPTIONS"),
        ("/api/stream", "GET, HEAD, OPTIONS"),
        ("/api/webhook", "OPTIONS, POST"),
    ],
)
def test_another_method_is_405_with_the_allowed_ones(client: Client, path: str, allow: str) -> None:
    answer = client.request("PATCH", path)
    assert (answer.status, answer.header("Allow")) == (405, allow)


# Paths


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/api/notes/", "/api/notes"),
        ("/api/notes/?q=a%20b&q=c+d", "/api/notes?q=a%20b&q=c+d"),
        ("/api//notes?q=1", "/api/notes?q=1"),
        ("/api/notes/a%2Fb/", "/api/notes/a%2Fb"),
        ("/api/docs/", "/api/docs"),
    ],
)
def test_superfluous_slashes_are_redirected_by_308(client: Client, path: str, location: str) -> None:
    answer = client.request("GET", path)
    assert (answer.status, answer.header("Location")) == (308, location)


@pytest.mark.parametrize(
    ("segment", "id"),
    [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("a+b", "a+b"),
        ("a%20b", "a b"),
        ("%C3%A9", "é"),
        ("a%3Fb%23c", "a?b#c"),
    ],
)
def test_a_percent_encoded_id_is_one_segment_decoded_once(client: Client, segment: str, id: str) -> None:
    put(client, segment)
    assert client.request("GET", f"/api/notes/{segment}").json()["id"] == id


def test_a_slash_that_is_not_encoded_separates_segments(client: Client) -> None:
    put(client, "c%2Fd")
    assert client.request("GET", "/api/notes/c/d").status == 404


@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/notes", "/api/docs/notes/attachments"])
def test_an_optional_catch_all_matches_any_number_of_segments(client: Client, path: str) -> None:
    answer = client.request("GET", path)
    assert (answer.status, answer.header("Content-Type")) == (200, "text/plain; charset=utf-8")


def test_a_catch_all_has_all_its_segments(client: Client) -> None:
    answer = client.request("GET", "/api/files/a/b%2Fc/d")
    assert (answer.status, answer.text) == (404, "No file 'a/b/c/d'")


@pytest.mark.parametrize("path", ["/api/files", "/api/nothing", "/api", "/api/_db", "/api/notes/_note/x"])
def test_a_path_without_a_route_is_404(client: Client, path: str) -> None:
    assert client.request("GET", path).status == 404


@pytest.mark.parametrize("path", ["/api/files/../hello", "/api/files/%2e%2e/hello", "/api/files/a%2F..%2Fb"])
def test_a_path_with_dot_segments_is_404(client: Client, path: str) -> None:
    assert client.request("GET", path).status == 404


@pytest.mark.parametrize("path", ["/api/notes/%zz", "/api/notes/%", "/api/notes/%ff", "/api/notes/%00"])
def test_a_malformed_path_is_400(client: Client, path: str) -> None:
    assert client.request("GET", path).status == 400


def test_a_path_outside_the_prefix_is_left_to_others(served: Served) -> None:
    answer = served.client.request("POST", "/elsewhere?q=%zz", body=b"body")
    assert (answer.status, answer.text) == served.elsewhere


# Bodies


@pytest.mark.parametrize("body", [b"{", b'{"title": NaN}', b"\xff", b"[" * 20_000])
def test_a_body_that_is_not_json_is_400(client: Client, body: bytes) -> None:
    assert client.request("POST", "/api/notes", JSON, body).status == 400


def test_a_body_announced_too_large_is_413(client: Client) -> None:
    headers = JSON | {"Content-Length": str(MEBIBYTE + 1)}
    answer = client.request("POST", "/api/notes", headers)
    assert (answer.status, answer.text) == (413, "Body exceeded 1mb limit")


def test_a_chunked_body_too_large_is_413(client: Client) -> None:
    answer = client.request("POST", "/api/notes", JSON, [b" " * MEBIBYTE, b"{}"])
    assert (answer.status, answer.text) == (413, "Body exceeded 1mb limit")


def test_a_chunked_body_is_read_whole(client: Client) -> None:
    body = json.dumps({"title": "Chunked", "text": "a" * 100_000}).encode()
    pieces = [body[at : at + 999] for at in range(0, len(body), 999)]
    answer = client.request("POST", "/api/notes", JSON, pieces)
    assert (answer.status, answer.json()["text"]) == (201, "a" * 100_000)


# Uploads


def test_an_upload_can_be_downloaded(client: Client) -> None:
    put(client, "holiday")
    assert client.request("POST", "/api/notes/holiday/attachments", FORM, UPLOAD).status == 201
    answer = client.request("GET", "/api/files/holiday/list.txt")
    assert (answer.status, answer.body) == (200, b"milk\r\nbread")


def test_a_download_is_not_shown_as_a_page(client: Client) -> None:
    put(client, "pages")
    client.request("POST", "/api/notes/pages/attachments", FORM, UPLOAD)
    answer = client.request("GET", "/api/files/pages/list.txt")
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("Content-Disposition") == "attachment"


def test_config_allows_an_upload_over_the_default_limit(client: Client) -> None:
    put(client, "large")
    body = UPLOAD.replace(b"milk", b"\x00\xff" * MEBIBYTE)
    assert client.request("POST", "/api/notes/large/attachments", FORM, body).status == 201
    attachments = client.request("GET", "/api/notes/large/attachments").json()
    assert attachments == [{"path": "large/list.txt", "size": 2 * MEBIBYTE + len("\r\nbread")}]


def test_an_upload_over_the_limit_of_its_route_is_413(client: Client) -> None:
    headers = FORM | {"Content-Length": str(5 * MEBIBYTE + 1)}
    answer = client.request("POST", "/api/notes/large/attachments", headers)
    assert (answer.status, answer.text) == (413, "Body exceeded 5mb limit")


def test_a_form_without_a_file_is_422(client: Client) -> None:
    body = UPLOAD.replace(b'; filename="list.txt"', b"")
    assert client.request("POST", "/api/notes/milk/attachments", FORM, body).status == 422


def test_an_upload_to_a_missing_note_is_404(client: Client) -> None:
    assert client.request("POST", "/api/notes/nothing/attachments", FORM, UPLOAD).status == 404


def test_the_attachments_of_a_deleted_note_are_gone(client: Client) -> None:
    put(client, "cascade")
    client.request("POST", "/api/notes/cascade/attachments", FORM, UPLOAD)
    client.request("DELETE", "/api/notes/cascade")
    assert client.request("GET", "/api/files/cascade/list.txt").status == 404


# Webhook


def signature(body: bytes) -> str:
    return "sha256=" + hmac.new(b"secret-of-development", body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("body", [b'{"event": "ping"}', b' { "event" : "ping" }\n'])
def test_a_webhook_signed_over_its_bytes_is_received(client: Client, body: bytes) -> None:
    answer = client.request("POST", "/api/webhook", JSON | {"X-Hub-Signature-256": signature(body)}, body)
    assert (answer.status, answer.json()) == (200, {"received": {"event": "ping"}})


def test_a_chunked_webhook_is_checked_over_its_bytes(client: Client) -> None:
    headers = JSON | {"X-Hub-Signature-256": signature(b'{"event": "ping"}')}
    assert client.request("POST", "/api/webhook", headers, [b'{"event": ', b'"ping"}']).status == 200


@pytest.mark.parametrize("other", ["sha256=" + "0" * 64, signature(b'{"event": "pong"}'), signature(b"")])
def test_a_webhook_with_another_signature_is_401(client: Client, other: str) -> None:
    headers = JSON | {"X-Hub-Signature-256": other}
    assert client.request("POST", "/api/webhook", headers, b'{"event": "ping"}').status == 401


@pytest.mark.parametrize("malformed", ["", "sha256=", "é", "sha1=" + "0" * 40])
def test_a_webhook_with_a_malformed_signature_is_400(client: Client, malformed: str) -> None:
    headers = JSON | {"X-Hub-Signature-256": malformed}
    assert client.request("POST", "/api/webhook", headers, b'{"event": "ping"}').status == 400


def test_a_webhook_without_a_signature_is_401(client: Client) -> None:
    assert client.request("POST", "/api/webhook", JSON, b'{"event": "ping"}').status == 401


def test_a_signed_webhook_of_another_type_is_422(client: Client) -> None:
    headers = JSON | {"X-Hub-Signature-256": signature(b'["ping"]')}
    assert client.request("POST", "/api/webhook", headers, b'["ping"]').status == 422


# Stream


def test_the_stream_has_a_line_for_each_note(client: Client) -> None:
    put(client, "streamed", "Streamed")
    lines = client.request("GET", "/api/stream").text.splitlines()
    assert {"id": "streamed", "title": "Streamed", "text": ""} in [json.loads(line) for line in lines]


@pytest.mark.parametrize("header", ["Content-Length", "ETag"])
def test_a_stream_has_neither_length_nor_etag(client: Client, header: str) -> None:
    assert client.request("GET", "/api/stream").header(header) is None


# HEAD, conditional requests, errors by Accept


@pytest.mark.parametrize(
    "path", ["/api/hello", "/api/notes", "/api/notes/head", "/api/docs/notes", "/api/stream", "/api/notes/no"]
)
def test_head_has_the_headers_of_get_and_no_body(client: Client, path: str) -> None:
    put(client, "head")
    get, head = client.request("GET", path), client.request("HEAD", path)
    assert (head.status, head.body) == (get.status, b"")
    for name in ("Content-Type", "Content-Length", "ETag"):
        assert head.header(name) == get.header(name)


def etag(client: Client) -> str:
    tag = client.request("GET", "/api/docs/notes").header("ETag")
    assert tag is not None
    return tag


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("condition", ["{}", "W/{}", '"other", {}', "*"])
def test_a_text_with_a_matching_etag_is_304(client: Client, method: str, condition: str) -> None:
    headers = {"If-None-Match": condition.format(etag(client))}
    answer = client.request(method, "/api/docs/notes", headers)
    assert (answer.status, answer.body) == (304, b"")
    assert answer.header("ETag") == etag(client)


def test_a_text_without_a_matching_etag_is_200(client: Client) -> None:
    assert client.request("GET", "/api/docs", {"If-None-Match": etag(client)}).status == 200


PROBLEMS = [
    ("GET", "/api/notes/nothing", 404),
    ("GET", "/api/notes?limit=0", 422),
    ("POST", "/api/notes", 422),
    ("GET", "/api/notes/%zz", 400),
]


@pytest.mark.parametrize(("method", "path", "status"), PROBLEMS)
@pytest.mark.parametrize(
    "accept", ["application/json", "application/problem+json", "text/plain;q=0.5, application/json"]
)
def test_an_error_is_a_problem_document_for_clients_that_prefer_json(
    client: Client, accept: str, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, {"Accept": accept})
    assert (answer.status, answer.header("Content-Type")) == (status, "application/problem+json")
    assert answer.json()["status"] == status


@pytest.mark.parametrize(("method", "path", "status"), PROBLEMS)
@pytest.mark.parametrize("accept", ["text/html,*/*;q=0.8", "text/plain, application/json;q=0.5"])
def test_an_error_is_plain_text_for_other_clients(
    client: Client, accept: str, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, {"Accept": accept})
    assert (answer.status, answer.header("Content-Type")) == (status, "text/plain; charset=utf-8")
