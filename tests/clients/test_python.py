"""A Python client: it calls a real App through httpx, sync and async, with types and errors as declared."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import inspect
import io
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App
from tests.clients.event_streams import STREAMS
from tests.clients.python_projects import (
    FILES,
    JSON,
    NAMES,
    TYPE_NAMES,
    load,
    names_document,
)
from tests.support import project


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(project(tmp_path_factory.mktemp("project"), FILES))


@pytest.fixture(scope="module")
def client(app: App, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return load(app.openapi(), tmp_path_factory.mktemp("client") / "client.py")


@pytest.fixture
def api(app: App, client: ModuleType) -> Iterator[Any]:
    transport = httpx.WSGITransport(app)
    with httpx.Client(transport=transport) as http, client.Client("http://test", http=http) as api:
        yield api


def answering(client: ModuleType, status: int, **response: Any) -> Any:
    """Return a client that gets this response to every request."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, **response))
    return client.Client("http://test", http=httpx.Client(transport=transport))


def recording(client: ModuleType, sent: list[httpx.Request]) -> Any:
    """Return a client whose requests are kept."""

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        sent.append(request)
        return httpx.Response(204)

    return client.Client("http://test", http=httpx.Client(transport=httpx.MockTransport(answer)))


def thing(client: ModuleType, **changes: Any) -> Any:
    values = {
        "id": uuid.UUID(int=7),
        "made_on": datetime.date(2024, 2, 29),
        "lasting": datetime.timedelta(seconds=90),
        "price": decimal.Decimal("1.50"),
        "data": b"\0\xff",
        "color": "blue",
        "pair": (1, "a"),
        "by_name": {"c": client.Circle(radius=1.5)},
        "shape": client.SquareInput(side=2.0, inner=[client.Circle(radius=2.5)]),
        "maybe": None,
        "anything": {"a": [1]},
        "class_": "y",
    }
    return client.ThingInput(**values | changes)


# -- types


def test_values_come_back_as_they_were_sent(api: Any, client: ModuleType) -> None:
    sent = thing(client, flag=True)
    assert msgspec.to_builtins(api.post_shapes(sent)) == msgspec.to_builtins(sent)


def test_fields_that_are_left_out_are_unset(api: Any, client: ModuleType) -> None:
    assert thing(client).flag is msgspec.UNSET
    assert api.post_shapes(thing(client)).flag is msgspec.UNSET


@pytest.mark.parametrize("value", [None, "circle", "square"])
def test_the_parts_of_a_union_are_told_apart(api: Any, client: ModuleType, value: str | None) -> None:
    shapes = {"circle": client.Circle(radius=1.0), "square": client.SquareInput(side=1.0, inner=[])}
    sent = thing(client, maybe=None if value is None else shapes[value])
    got = api.post_shapes(sent).maybe
    assert msgspec.to_builtins(got) == msgspec.to_builtins(sent.maybe)
    assert type(got).__name__.removesuffix("Output").lower() == (value or "nonetype")


def schema_client(schema: dict[str, Any], directory: Path, **others: Any) -> tuple[ModuleType, str]:
    """Return a client of an operation that returns the schema, and the annotation of that."""
    content = {"application/json": {"schema": schema}}
    operation = {"operationId": "get_it", "responses": {"200": {"content": content}}}
    document = {"paths": {"/it": {"get": operation}}, "components": {"schemas": others}}
    module = load(document, directory / "client.py")
    return module, module.Client.get_it.__annotations__["return"]


TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
OBJECT = {"type": "object", "properties": {"a": WHOLE}, "required": ["a"]}
OTHER = {"type": "object", "properties": {"b": WHOLE}, "required": ["b"]}

# A schema, its annotation, a value in JSON, and the value in Python.
TYPES: list[tuple[dict[str, Any], str, Any, Any]] = [
    ({}, "_t.Any", [1], [1]),
    (TEXT, "str", "a", "a"),
    ({"type": "number"}, "float", 1, 1.0),
    ({"type": ["string", "null"]}, "str | None", None, None),
    (
        {"type": "string", "format": "date-time"},
        "_datetime.datetime",
        "2024-01-01T00:00:00",
        datetime.datetime(2024, 1, 1),
    ),
    ({"type": "string", "format": "time"}, "_datetime.time", "10:00:00", datetime.time(10)),
    ({"type": "string", "format": "email"}, "str", "a@b", "a@b"),
    ({"type": "string", "contentEncoding": "base64"}, "bytes", "AP8=", b"\0\xff"),
    ({"enum": ["a", 1, None]}, "_t.Literal['a', 1, None]", 1, 1),
    ({"enum": [1.5, 2.5]}, "float", 1.5, 1.5),
    ({"enum": [True]}, "bool", True, True),
    ({"type": "array"}, "list[_t.Any]", [1], [1]),
    (
        {"type": "array", "prefixItems": [TEXT, WHOLE], "minItems": 2, "maxItems": 2},
        "tuple[str, int]",
        ["a", 1],
        ("a", 1),
    ),
    ({"type": "array", "prefixItems": [TEXT], "items": WHOLE}, "list[str | int]", ["a", 1], ["a", 1]),
    ({"type": "array", "prefixItems": [TEXT, TEXT], "minItems": 1}, "list[str]", ["a"], ["a"]),
    ({"type": "object", "additionalProperties": WHOLE}, "dict[str, int]", {"a": 1}, {"a": 1}),
    ({"properties": {"a": WHOLE}, "additionalProperties": True}, "dict[str, _t.Any]", {"b": 1}, {"b": 1}),
    ({"anyOf": [WHOLE, {"type": "number"}, {"type": "null"}]}, "int | float | None", 1.5, 1.5),
    ({"anyOf": [TEXT, {}]}, "_t.Any", 1, 1),
    ({"anyOf": [{"enum": ["a"]}, {"enum": ["b"]}]}, "_t.Literal['a', 'b']", "b", "b"),
    ({"anyOf": [{"type": "string", "format": "date"}, TEXT]}, "GetItResponse200", "a", "a"),
    (
        {"anyOf": [{"type": "string", "format": "date"}, TEXT]},
        "GetItResponse200",
        "2024-01-01",
        datetime.date(2024, 1, 1),
    ),
    (
        {"anyOf": [{"enum": ["a"]}, {"type": "string", "format": "uuid"}, WHOLE, {"type": "null"}]},
        "GetItResponse200 | None",
        3,
        3,
    ),
    (
        {"anyOf": [{"type": "array", "items": TEXT}, {"type": "array", "items": WHOLE}]},
        "GetItResponse200",
        [1],
        [1],
    ),
    ({"$ref": "#/components/schemas/Json"}, "Json", {"a": [1, None]}, {"a": [1, None]}),
    ({"$ref": "#/components/schemas/Name"}, "Name", "a", "a"),
    ({"$ref": "#/components/schemas/Nothing"}, "_t.Any", 5, 5),
]
NAMED: dict[str, Any] = {
    "Json": {
        "anyOf": [
            {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Json"}},
            {"type": "array", "items": {"$ref": "#/components/schemas/Json"}},
            WHOLE,
            {"type": "null"},
        ]
    },
    # Each refers to one that comes later.
    "Name": {"$ref": "#/components/schemas/Text"},
    "Text": TEXT,
}


@pytest.mark.parametrize(("schema", "annotation", "sent", "value"), TYPES)
def test_a_schema_is_a_type(
    schema: dict[str, Any], annotation: str, sent: Any, value: Any, tmp_path: Path
) -> None:
    module, found = schema_client(schema, tmp_path, **NAMED)
    got = answering(module, 200, content=json.dumps(sent), headers=JSON).get_it()
    assert (found, got) == (annotation, value)


def test_the_objects_of_a_conjunction_are_one_class(tmp_path: Path) -> None:
    module, _ = schema_client({"allOf": [{"$ref": "#/components/schemas/A"}, OTHER]}, tmp_path, A=OBJECT)
    assert module.GetItResponse200(a=1, b=2).a == 1


def test_objects_without_a_tag_are_told_apart_by_what_fits(tmp_path: Path) -> None:
    schema = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in "AB"]}
    module, annotation = schema_client(schema, tmp_path, A=OBJECT, B=OTHER)
    got = answering(module, 200, json={"b": 1}).get_it()
    assert (annotation, got) == ("AOrB", module.B(b=1))


def test_a_response_that_fits_no_part_of_a_union_is_a_mistake(tmp_path: Path) -> None:
    module, _ = schema_client({"oneOf": [OBJECT, OTHER]}, tmp_path)
    with pytest.raises(msgspec.ValidationError, match="Expected `GetItResponse200`"):
        answering(module, 200, json={"c": 1}).get_it()


def test_a_conjunction_may_be_a_part_of_itself(tmp_path: Path) -> None:
    conjunction = {"allOf": [{"properties": {"a": WHOLE}}, {"$ref": "#/components/schemas/Node"}]}
    node = {"properties": {"value": conjunction}}
    module, _ = schema_client({"$ref": "#/components/schemas/Node"}, tmp_path, Node=node)
    read = module._decoder(module.Node).decode
    assert read(b'{"value": {"value": {"a": 3}}}').value.value.a == 3


LEAVES = st.sampled_from(
    [
        {},
        False,
        {"type": "null"},
        {"type": "boolean"},
        {"type": "number"},
        {"type": "array"},
        {"type": "object"},
        {"type": ["string", "integer", "array"]},
        {"type": "string", "format": "date-time"},
        {"type": "string", "contentEncoding": "base64"},
        {"enum": ["a", 1, None, True]},
        {"const": 2.5},
        *({"$ref": f"#/components/schemas/{name}"} for name in ("Node", "Json", "Name")),
    ]
)


def schemas_of(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(parts, min_size=1, max_size=3)
    properties = st.dictionaries(st.sampled_from(["a", "class", "list", "Node"]), parts, min_size=1)
    return st.one_of(
        st.builds(lambda part: {"type": "array", "items": part}, parts),
        st.builds(lambda items: {"type": "array", "prefixItems": items}, lists),
        st.builds(lambda part: {"type": "object", "additionalProperties": part}, parts),
        st.builds(lambda fields: {"properties": fields, "required": [*fields][:1]}, properties),
        st.builds(lambda word, items: {word: items}, st.sampled_from(["anyOf", "oneOf", "allOf"]), lists),
    )


@settings(deadline=None)
@given(st.recursive(LEAVES, schemas_of, max_leaves=8))
def test_any_schema_is_a_type_that_msgspec_decodes(schema: Any) -> None:
    node = {"properties": {"next": {"$ref": "#/components/schemas/Node"}, "value": schema}}
    with TemporaryDirectory() as directory:
        module, _ = schema_client(schema, Path(directory), **NAMED, Node=node, Top=schema)
    for operation in vars(module).values():
        if isinstance(operation, module._Operation):
            for type_ in operation.types.values():
                module._decoder(type_)
    for union in vars(module).values():
        for variant in union.variants() if isinstance(union, module._Variants) else ():
            module._decoder(variant)
    module._decoder(module.Node)


# -- names


def test_any_name_of_a_property_is_a_field(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": dict.fromkeys(NAMES, WHOLE), "required": [*NAMES]}
    module, _ = schema_client({"$ref": "#/components/schemas/Type"}, tmp_path, Type=schema)
    values = {name: number for number, name in enumerate(NAMES)}
    made = module.Type(**{python: values[name] for name, python in NAMES.items()})
    assert json.loads(msgspec.json.encode(made)) == values


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb"])
def test_an_object_that_can_be_no_class_is_a_dict(name: str, tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {name: WHOLE}}
    module, annotation = schema_client(schema, tmp_path)
    assert (annotation, answering(module, 200, json={name: 1}).get_it()) == ("dict[str, _t.Any]", {name: 1})


@pytest.mark.parametrize("place", ["query", "header", "form"])
def test_any_name_of_a_parameter_is_a_keyword(place: str, tmp_path: Path) -> None:
    names = [name for name in NAMES if place != "header" or name.replace("_", "").replace("-", "").isalnum()]
    names = [name for name in names if place != "header" or name.isascii()] + ["headers", "timeout", "path_"]
    operation: dict[str, Any] = {"operationId": "get_it", "responses": {"200": {}}}
    if place == "form":
        schema = {"type": "object", "properties": dict.fromkeys(names, TEXT)}
        form = {"application/x-www-form-urlencoded": {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": form}
    else:
        operation["parameters"] = [{"name": name, "in": place, "schema": TEXT} for name in names]
    module = load({"paths": {"/it": {"post": operation}}}, tmp_path / "client.py")
    sent: list[httpx.Request] = []
    api = recording(module, sent)
    keywords = {name: NAMES.get(name, f"{name}_") for name in names}
    api.get_it(**{keyword: str(number) for number, keyword in enumerate(keywords.values())})
    if place == "header":
        found = {name: sent[0].headers[name] for name in names}
    else:
        pairs = sent[0].url.query.decode() if place == "query" else sent[0].content.decode()
        found = dict(httpx.QueryParams(pairs))
    assert found == {name: str(number) for number, name in enumerate(names)}


def test_no_type_and_no_operation_takes_a_name_of_the_client(tmp_path: Path) -> None:
    names = TYPE_NAMES.split()
    module = load(names_document(), tmp_path / "client.py")

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"n": int(request.url.path[1:]), "self": {}})

    api = module.Client("http://test", http=httpx.Client(transport=httpx.MockTransport(answer)))
    operations = [name for name in vars(module.Client) if not name.startswith("_") and name != "close"]
    assert len(operations) == len(names_document()["paths"])
    found = [getattr(api, name)() for name in operations[: len(names)]]
    assert [value.n for value in found] == [*range(len(names))]


# -- requests


def test_parameters_are_written_as_the_server_reads_them(api: Any) -> None:
    ids = [uuid.UUID(int=1), uuid.UUID(int=2)]
    found = api.get_shapes(color="blue", ids=ids, ok=False, on=datetime.date(2024, 2, 29))
    assert found == ["blue", str(ids[0]), str(ids[1]), False, "2024-02-29"]


def test_parameters_that_are_left_out_are_not_sent(api: Any) -> None:
    assert api.get_shapes(on=None) == ["red", True, "None"]


@pytest.mark.parametrize(
    ("path", "encoded"),
    [("a", "a"), ("a/b c", "a/b%20c"), ("größe/%2F", "gr%C3%B6%C3%9Fe/%252F"), ("a?b/c#d", "a%3Fb/c%23d")],
)
def test_the_segments_of_a_path_are_encoded(client: ModuleType, path: str, encoded: str) -> None:
    sent: list[httpx.Request] = []
    recording(client, sent).get_files_by_path(path)
    recording(client, sent).delete_users_by_id(path)
    assert [request.url.raw_path.decode() for request in sent] == [
        f"/api/files/{encoded}",
        f"/api/users/{encoded.replace('/', '%2F')}",
    ]


@pytest.mark.parametrize(
    ("path", "encoded"), [(["a"], "a"), (["a/b", "c"], "a%2Fb/c"), (("ö", "%2F"), "%C3%B6/%252F")]
)
def test_the_items_of_a_list_are_segments(client: ModuleType, path: Any, encoded: str) -> None:
    sent: list[httpx.Request] = []
    recording(client, sent).get_files_by_path(path)
    assert sent[0].url.raw_path.decode() == f"/api/files/{encoded}"


@pytest.mark.parametrize("base_url", ["http://test/v1", "http://test/v1/"])
def test_the_server_may_be_below_a_path(client: ModuleType, base_url: str) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(204)

    transport = httpx.MockTransport(answer)
    client.Client(base_url, http=httpx.Client(transport=transport)).get_text()
    client.Client(http=httpx.Client(transport=transport, base_url=base_url)).get_text()
    assert seen == ["http://test/v1/api/text"] * 2


@pytest.mark.parametrize("path", ["", ".", "a/..", "a//b", [], ["a", ""], ["a", ".."]])
def test_a_path_that_no_route_has_is_refused(api: Any, path: Any) -> None:
    with pytest.raises(ValueError, match="cannot be a segment of a path"):
        api.get_files_by_path(path)


def test_files_and_fields_of_a_form_are_sent(api: Any) -> None:
    named = io.BytesIO(b"two")
    named.name = "two.txt"
    found = api.post_upload(
        file=("größe.txt", b"one", "text/x-one"),
        more=[named, ("c", io.BytesIO(b"three"))],
        user=5,
        caption="ö",
    )
    assert found == [
        ["5", "ö"],
        ["größe.txt", "text/x-one", "one"],
        ["two.txt", "text/plain", "two"],
        ["c", "application/octet-stream", "three"],
    ]


# A body of an untyped operation, with header fields, and what the server gets.
BODIES: list[tuple[dict[str, Any], list[Any]]] = [
    ({"body": {"a": [None]}}, ["application/json", {"a": [None]}, {}]),
    ({"body": None}, ["application/json", None, {}]),
    ({"body": "text"}, ["application/json", "text", {}]),
    ({"body": b"bytes"}, ["application/octet-stream", "bytes", {}]),
    ({"body": io.BytesIO(b"file")}, ["application/octet-stream", "file", {}]),
    ({"body": "a", "headers": {"Content-Type": "text/x-a"}}, ["text/x-a", "a", {}]),
    ({"form": {"a": 1, "file": ("f", b"x")}}, ["multipart/form-data", {"a": "1"}, {"file": "x"}]),
]


@pytest.mark.parametrize(("arguments", "found"), BODIES)
def test_any_body_can_be_passed_where_none_is_typed(
    api: Any, arguments: dict[str, Any], found: list[Any]
) -> None:
    assert api.post_open(**arguments) == found


def test_a_stream_can_be_passed_where_no_body_is_typed(client: ModuleType) -> None:
    sent: list[httpx.Request] = []
    recording(client, sent).post_open(part for part in [b"a", b"b"])
    headers = (sent[0].headers["Content-Type"], sent[0].headers["Transfer-Encoding"])
    assert (headers, sent[0].content) == (("application/octet-stream", "chunked"), b"ab")


def test_headers_of_the_client_and_of_the_call_are_sent(app: App, client: ModuleType) -> None:
    http = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://test")
    api = client.Client(http=http, headers={"X-One": "1", "X-Two": "1"})
    assert api.get_headers(headers={"x-two": "2"}) == ["1", "2"]


@pytest.mark.parametrize(("timeout", "expected"), [(2, 2.0), (None, None), (httpx.Timeout(3), 3.0)])
def test_the_timeout_of_a_call_is_httpxs(client: ModuleType, timeout: Any, expected: float | None) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"]["read"])
        return httpx.Response(200, json=[])

    http = httpx.Client(transport=httpx.MockTransport(answer), timeout=7)
    client.Client("http://test", http=http).get_headers()
    client.Client("http://test", http=http, timeout=timeout).get_headers()
    client.Client("http://test", http=http).get_headers(timeout=timeout)
    assert seen == [7, expected, expected]


# -- responses


def test_text_bytes_and_nothing_are_returned(api: Any) -> None:
    assert (api.get_text(), api.get_files_by_path("a"), api.delete_users_by_id("1")) == ("größe", b"a", None)


def test_a_download_is_read_in_pieces(api: Any) -> None:
    with api.stream_get_files_by_path("a/b") as response:
        assert b"".join(response.iter_bytes()) == b"a/b"


def test_a_declared_status_raises_its_exception(api: Any, client: ModuleType) -> None:
    sent = thing(client, price=decimal.Decimal(0))
    with pytest.raises(client.PostShapes409) as raised:
        api.post_shapes(sent)
    assert type(raised.value.content) is client.Conflict
    assert (raised.value.status, raised.value.content.thing.class_) == (409, "y")
    assert str(raised.value).startswith("HTTP status 409: Conflict(thing=Thing")
    assert len(str(raised.value)) <= 400


def test_a_problem_under_a_declared_status_is_a_plain_error(api: Any, client: ModuleType) -> None:
    with pytest.raises(client.ApiError, match="A problem that nobody declared") as raised:
        api.post_shapes(thing(client, price=decimal.Decimal(-1)))
    assert type(raised.value) is client.ApiError
    assert isinstance(raised.value.content, client.Problem)


def test_a_problem_document_is_a_typed_value(api: Any, client: ModuleType) -> None:
    with pytest.raises(client.ApiError) as raised:
        api.get_users_by_id("x")
    assert (raised.value.status, raised.value.content.errors[0].place) == (422, "path.id")
    assert str(raised.value) == "The request is not valid.\npath.id: Expected `int`, got `str`"


# The content of an error response, and `content` of the exception.
CONTENTS: list[tuple[dict[str, Any], Any, str]] = [
    ({"text": "<p>"}, "<p>", "<p>"),
    ({"json": {"detail": 5}}, {"detail": 5}, "HTTP status 502: {'detail': 5}"),
    ({"json": {"message": "Too late", "at": 5}}, {"message": "Too late", "at": 5}, "Too late"),
    ({"json": {"error": "Too late"}}, {"error": "Too late"}, "Too late"),
    ({"json": {"title": "No", "detail": "", "error": {}}}, {"title": "No", "detail": "", "error": {}}, "No"),
    ({"content": b"null", "headers": JSON}, None, "HTTP status 502"),
    ({"json": {}}, {}, "HTTP status 502"),
    ({"json": ["a" * 999]}, ["a" * 999], "HTTP status 502: ['" + "a" * 297 + "…"),
    ({"text": "a" * 2001}, "a" * 2001, "a" * 1999 + "…"),
    ({"content": b"{", "headers": {"Content-Type": "application/json"}}, "{", "{"),
    ({"content": b"\xff"}, b"\xff", "HTTP status 502"),
    ({"json": [1]}, [1], "HTTP status 502: [1]"),
    ({"json": {"title": "No", "errors": [5]}}, {"title": "No", "errors": [5]}, "No"),
    ({}, b"", "HTTP status 502"),
]


@pytest.mark.parametrize(("response", "content", "message"), CONTENTS)
def test_any_error_response_is_an_error(
    client: ModuleType, response: dict[str, Any], content: Any, message: str
) -> None:
    with pytest.raises(client.ApiError) as raised:
        answering(client, 502, **response).get_headers()
    assert (raised.value.content, str(raised.value)) == (content, message)


# -- server-sent events


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A response that arrives in these pieces."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return (piece.encode("latin-1") for piece in self.pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The client of a stream of which the document says no more."""
    operation = {"operationId": "get_feed", "responses": {"200": {"content": {"text/event-stream": {}}}}}
    return load({"paths": {"/feed": {"get": operation}}}, tmp_path_factory.mktemp("feed") / "client.py")


@pytest.mark.parametrize(("pieces", "events"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS])
def test_event_streams_are_read_as_the_standard_says(
    feed: ModuleType, pieces: list[str], events: list[list[str]]
) -> None:
    headers = {"Content-Type": "text/event-stream; charset=utf-8"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, stream=Pieces(pieces)))
    api = feed.Client("http://test", http=httpx.Client(transport=transport))
    assert [[event.id, event.event, event.data] for event in api.get_feed()] == events

    async def read() -> list[list[str]]:
        async with httpx.AsyncClient(transport=transport) as http:
            found = feed.AsyncClient("http://test", http=http).get_feed()
            return [[event.id, event.event, event.data] async for event in found]

    assert asyncio.run(read()) == events


def test_events_end_with_their_stream(api: Any) -> None:
    assert [(event.id, event.data.count) for event in api.get_feed()] == [("1", 1), ("2", 2)]


def test_events_go_on_after_the_last_one_with_reconnect(api: Any) -> None:
    assert [event.id for event in api.get_feed(reconnect=True)] == ["1", "2", "3", "4"]


def test_events_begin_after_the_one_that_the_caller_names(api: Any) -> None:
    found = api.get_feed(reconnect=True, headers={"Last-Event-ID": "1"})
    assert [event.id for event in found] == ["2", "3", "4", "5"]


def test_a_connection_that_breaks_is_made_again_only_with_reconnect(feed: ModuleType) -> None:
    class Broken(Pieces):
        def __iter__(self) -> Iterator[bytes]:
            yield from super().__iter__()
            raise httpx.ReadError("broken")

    streams: Iterator[httpx.Response] = iter(())

    def api() -> Any:
        nonlocal streams
        headers = {"Content-Type": "text/event-stream"}
        broken = httpx.Response(200, headers=headers, stream=Broken(["retry: 1\ndata: a\n\ndata: b"]))
        streams = iter([broken, httpx.Response(204)])
        transport = httpx.MockTransport(lambda _: next(streams))
        return feed.Client("http://test", http=httpx.Client(transport=transport))

    assert [event.data for event in api().get_feed(reconnect=True)] == ["a"]
    with pytest.raises(httpx.ReadError):
        list(api().get_feed())


def test_an_event_stream_that_is_left_is_closed(feed: ModuleType) -> None:
    response = httpx.Response(
        200, headers={"Content-Type": "text/event-stream"}, stream=Pieces(["data: a\n\n"] * 3)
    )
    transport = httpx.MockTransport(lambda _: response)
    events = feed.Client("http://test", http=httpx.Client(transport=transport)).get_feed()
    next(events)
    events.close()
    assert response.is_closed


def test_an_event_stream_that_is_refused_raises(api: Any, client: ModuleType) -> None:
    with pytest.raises(client.ApiError, match="No feed"):
        next(api.get_missing())


def test_a_response_that_is_no_event_stream_raises(feed: ModuleType) -> None:
    with pytest.raises(feed.ApiError, match="not an event stream: its Content-Type is text/plain"):
        next(answering(feed, 200, text="a page").get_feed(reconnect=True))


def test_events_are_awaited_without_a_limit(feed: ModuleType) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(204)

    http = httpx.Client(transport=httpx.MockTransport(answer), timeout=7)
    assert list(feed.Client("http://test", http=http).get_feed()) == []
    assert seen == [{"connect": 7, "read": None, "write": 7, "pool": 7}]


# -- async


def test_the_async_client_does_the_same(app: App, client: ModuleType) -> None:
    async def run() -> list[Any]:
        found: list[Any] = []
        transport = httpx.ASGITransport(app.asgi)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://test") as http,
            client.AsyncClient(http=http) as api,
        ):
            found.append(await api.get_users_by_id(3))
            found.append(await api.post_upload(file=b"x", user=1))
            async with api.stream_get_files_by_path("a/b") as response:
                found.append(await response.aread())
            found.append([event.id async for event in api.get_feed(reconnect=True)])
            for call, argument in (
                (api.get_users_by_id, 0),
                (api.post_shapes, thing(client, price=decimal.Decimal(0))),
            ):
                try:
                    await call(argument)
                except client.ApiError as error:
                    found.append(type(error).__name__)
            try:
                await api.get_missing().__anext__()
            except client.ApiError as error:
                found.append(str(error))
        return found

    assert asyncio.run(run()) == [
        {"id": 3},
        [["1", ""], ["upload", "application/octet-stream", "x"]],
        b"a/b",
        ["1", "2", "3", "4"],
        "ApiError",
        "PostShapes409",
        "No feed",
    ]


# -- the source


def test_a_docstring_names_the_exceptions(client: ModuleType) -> None:
    assert client.Client.post_shapes.__doc__.strip().endswith(
        "Raises `PostShapes409`, or any other `ApiError`."
    )
    assert client.Client.get_users_by_id.__doc__.strip() == "Read one."


def test_a_docstring_has_its_paragraphs(client: ModuleType) -> None:
    first, second, *_ = inspect.cleandoc(client.Client.post_shapes.__doc__).split("\n\n")
    assert (first, second) == ("Keep a thing.", "Its price may not be 0.")


def test_the_template_and_a_client_are_python_3_10(client: ModuleType) -> None:
    import ast

    source = Path(str(client.__file__)).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 10))
    assert "apiroutes" not in source.replace("`apiroutes client --python`", "")
