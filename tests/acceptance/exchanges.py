"""Requests, sent in this order to a fresh database, and the parts of responses that must not differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tests.acceptance.client import Answer, Client

NOTE = b'{"title": "Milk", "text": "Two bottles"}'
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=edge"}
UPLOAD = (
    b'--edge\r\nContent-Disposition: form-data; name="file"; filename="list.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nmilk\r\nbread\r\n--edge--\r\n"
)
HEADERS = ("Content-Type", "ETag", "Allow", "Location")


class Exchange(NamedTuple):
    name: str
    method: str
    path: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | Iterable[bytes] = b""


EXCHANGES = [
    Exchange("hello", "GET", "/api/hello"),
    Exchange("hello, HEAD", "HEAD", "/api/hello"),
    Exchange("hello, with a query", "GET", "/api/hello?a=%20&b"),
    Exchange("health", "GET", "/api/health"),
    Exchange("no notes yet", "GET", "/api/notes"),
    Exchange("put a note", "PUT", "/api/notes/milk", JSON, NOTE),
    Exchange("put it again", "PUT", "/api/notes/milk", JSON, NOTE),
    Exchange("put a note with a slash in its id", "PUT", "/api/notes/a%2Fb", JSON, NOTE),
    Exchange("put a note, chunked", "PUT", "/api/notes/chunked", JSON, [NOTE[:7], NOTE[7:]]),
    Exchange("read a note", "GET", "/api/notes/milk"),
    Exchange("read a note, HEAD", "HEAD", "/api/notes/milk"),
    Exchange("read the one with a slash", "GET", "/api/notes/a%2Fb"),
    Exchange("list the notes", "GET", "/api/notes?q=milk&limit=2"),
    Exchange("refuse a limit", "GET", "/api/notes?limit=0"),
    Exchange("refuse a note", "POST", "/api/notes", JSON, b'{"title": ""}'),
    Exchange("refuse malformed JSON", "POST", "/api/notes", JSON, b'{"title"'),
    Exchange("refuse a large body", "POST", "/api/notes", JSON | {"Content-Length": "1048577"}),
    Exchange("refuse a method", "PATCH", "/api/notes/milk"),
    Exchange("refuse a method with a body", "PATCH", "/api/notes", JSON, NOTE),
    Exchange("no such note", "GET", "/api/notes/nothing"),
    Exchange("no such note, as a problem", "GET", "/api/notes/nothing", {"Accept": "application/json"}),
    Exchange("a trailing slash", "GET", "/api/notes/?q=a%20b"),
    Exchange("a repeated slash", "POST", "/api//notes?q=1", JSON, NOTE),
    Exchange("malformed percent-encoding", "GET", "/api/notes/%zz"),
    Exchange("attach a file", "POST", "/api/notes/milk/attachments", FORM, UPLOAD),
    Exchange("list the attachments", "GET", "/api/notes/milk/attachments"),
    Exchange("download the attachment", "GET", "/api/files/milk/list.txt"),
    Exchange("no such file", "GET", "/api/files/milk/bread/butter.txt"),
    Exchange("a broken form", "POST", "/api/notes/milk/attachments", FORM, b"--other\r\n\r\n"),
    Exchange("first page of the docs", "GET", "/api/docs"),
    Exchange("a page of the docs", "GET", "/api/docs/notes/attachments"),
    Exchange("no such page", "GET", "/api/docs/none/such"),
    Exchange("an unsigned webhook", "POST", "/api/webhook", JSON, b'{"event": "ping"}'),
    Exchange("stream the notes", "GET", "/api/stream"),
    Exchange("delete a note", "DELETE", "/api/notes/milk"),
    Exchange("delete it again", "DELETE", "/api/notes/milk"),
]

Seen = dict[str, object]


def record(client: Client) -> dict[str, Seen]:
    """Send the exchanges and return the compared parts of the responses by name."""
    seen: dict[str, Seen] = {}
    for name, method, path, headers, body in EXCHANGES:
        seen[name] = _seen(client.request(method, path, headers, body))
    return seen


def _seen(answer: Answer) -> Seen:
    headers = {name: answer.all(name) for name in HEADERS}
    return {"status": answer.status, "body": answer.body, **headers}
