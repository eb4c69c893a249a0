"""The attributes of a request (docs/behaviour.md §3)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import werkzeug
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import Request
from apiroutes.http.cookies import parse_cookies
from tests.support import HELLO, Extra, app_of, call, environ

ENVIRONS = {
    "plain": environ("GET", "/api/x?a=1&b=%20&a=2"),
    "mounted": environ("POST", "/x", SCRIPT_NAME="/v1/", PATH_INFO="/caf\xc3\xa9"),
    "https": environ(**Extra({"wsgi.url_scheme": "https", "HTTP_HOST": "example.com:8443"})),
    "headers": environ(
        headers=[
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Accept", "text/html;q=0.5, application/json"),
            ("Authorization", "Basic YTpi"),
            ("Range", "bytes=0-1"),
            ("X-Custom", "1"),
        ]
    ),
    "no host": environ(HTTP_HOST=None, SERVER_PORT="8000"),
    "odd port": environ(HTTP_HOST=None, SERVER_PORT="x"),
    "no client": environ(REMOTE_ADDR=None, QUERY_STRING=""),
    "no server": environ(SERVER_NAME=None, SERVER_PORT=None),
}
ATTRIBUTES = [
    "method",
    "scheme",
    "server",
    "root_path",
    "path",
    "full_path",
    "query_string",
    "headers",
    "remote_addr",
    "url",
    "base_url",
    "host",
    "args",
    "mimetype",
    "mimetype_params",
    "accept_mimetypes",
    "authorization",
    "range",
    "is_secure",
    "content_length",
    "access_route",
    "user_agent",
    "shallow",
]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("entries", ENVIRONS.values(), ids=ENVIRONS)
def test_every_attribute_of_werkzeugs_is_there(entries: dict[str, Any], attribute: str) -> None:
    ours, theirs = Request(entries), werkzeug.Request(entries.copy())
    assert str(getattr(ours, attribute)) == str(getattr(theirs, attribute))


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'Request' object has no attribute 'nothing'"):
        _ = Request(environ()).nothing  # type: ignore[attr-defined]


QUERIES: list[tuple[str, Any]] = [
    ("", {}),
    ("a=1", {"a": "1"}),
    ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
    ("a&b=&=c", {"a": "", "b": "", "": "c"}),
    ("a=1;b=2", {"a": "1;b=2"}),
    ("a+b=c+d", {"a b": "c d"}),
    ("a=%2B", {"a": "+"}),
    ("a[]=1&a[]=2", {"a[]": ["1", "2"]}),
    ("a=%E0%A4%A", {"a": "\ufffd%A"}),
    ("a=%ED%A0%80", {"a": "\ufffd\ufffd\ufffd"}),
    ("a=☃", {"a": "☃"}),
    ("a=\xff", {"a": "ÿ"}),
    ("__proto__=1", {"__proto__": "1"}),
    ("id=q", {"id": "q"}),
]


@pytest.mark.parametrize(("text", "query"), QUERIES)
def test_a_query_string_is_read(text: str, query: Any) -> None:
    assert Request(environ(target=f"/api/x?{text}")).query == query


def test_bytes_of_a_query_that_are_not_utf8_are_replaced() -> None:
    assert Request(environ(QUERY_STRING="a=\xff")).query == {"a": "\ufffd"}


def test_path_parameters_win_over_the_query(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json([req.query, req.params])\n", "[id].py")
    assert call(app, target="/api/p?id=q&x=1").json() == [{"id": "p", "x": "1"}, {"id": "p"}]


def test_params_belong_to_one_request(tmp_path: Path) -> None:
    source = (
        "def handler(req, res):\n"
        "    req.params['n'] = req.params.get('n', '') + 'x'\n"
        "    res.json(req.params)\n"
    )
    app = app_of(tmp_path, source)
    assert [call(app).json(), call(app).json()] == [{"n": "x"}, {"n": "x"}]


@pytest.mark.parametrize("name", ["query", "params", "cookies", "body", "context"])
def test_an_attribute_can_be_assigned(tmp_path: Path, name: str) -> None:
    app = app_of(tmp_path, f"def handler(req, res):\n    req.{name} = {{'a': 1}}\n    res.json(req.{name})\n")
    assert call(app, "POST", body=b"x").json() == {"a": 1}


COOKIES: list[tuple[str | None, dict[str, str]]] = [
    (None, {}),
    ("", {}),
    ("a=1; b=2", {"a": "1", "b": "2"}),
    ("a=1;a=2", {"a": "1"}),
    ("a", {}),
    ("=v", {"": "v"}),
    (' a = "b" ', {"a": "b"}),
    ("a=%E2%98%83", {"a": "☃"}),
    ("a=%ZZ%20", {"a": "%ZZ%20"}),
    ("a=%FF", {"a": "%FF"}),
    ("a=b+c=d", {"a": "b+c=d"}),
]


@pytest.mark.parametrize(("header", "cookies"), COOKIES)
def test_cookies_are_read(header: str | None, cookies: dict[str, str]) -> None:
    assert Request(environ(HTTP_COOKIE=header)).cookies == cookies


@given(st.text())
@settings(deadline=None)
def test_any_cookie_header_is_read(header: str) -> None:
    assert all(isinstance(value, str) for value in parse_cookies(header).values())


# -- one body, whichever accessor reads it

ASKED = {
    "raw_body": "req.raw_body.decode('latin-1')",
    "get_data": "req.get_data(as_text=True)",
    "data": "req.data.decode()",
    "get_json": "req.get_json()",
    "json": "req.json",
    "forced": "req.get_json(force=True)",
    "form": "dict(req.form)",
    "values": "dict(req.values)",
}
ANSWERS: list[tuple[str, str, bytes, Any]] = [
    *[("application/json", way, b'{"a": 1}', {"a": 1}) for way in ("get_json", "json", "forced")],
    *[("application/json", way, b'{"a": 1}', '{"a": 1}') for way in ("raw_body", "get_data", "data")],
    ("application/json; charset=utf-16le", "get_json", '"é"'.encode("utf-16-le"), "é"),
    ("text/plain", "forced", b"[1]", [1]),
    *[("application/x-www-form-urlencoded", way, b"a=1", {"a": "1"}) for way in ("form", "values")],
    *[("application/x-www-form-urlencoded", way, b"a=1", "a=1") for way in ("raw_body", "get_data")],
    ("application/x-www-form-urlencoded", "data", b"a=1", ""),
    ("text/plain", "form", b"a=1", {}),
    ("application/json", "raw_body", b"", ""),
]
PARSING = {"on": "", "off": 'config = {"api": {"bodyParser": False}}\n'}


@pytest.mark.parametrize(("content_type", "way", "body", "value"), ANSWERS)
@pytest.mark.parametrize("parsing", PARSING)
@pytest.mark.parametrize("first", ["raw_body", "get_data", None])
def test_every_accessor_sees_the_same_body(
    tmp_path: Path, parsing: str, first: str | None, content_type: str, way: str, body: bytes, value: Any
) -> None:
    lines = [ASKED[first]] if first else []
    source = "\n    ".join([f"{PARSING[parsing]}def handler(req, res):", *lines, f"res.json({ASKED[way]})"])
    answer = call(app_of(tmp_path, source), "POST", headers=[("Content-Type", content_type)], body=body)
    assert (answer.status, answer.json()) == (200, value)


FORM = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n'
CATCH = """
def handler(req, res):
    try:
        {}
    except RuntimeError as error:
        res.send(str(error))
"""
MULTIPART = [("Content-Type", "multipart/form-data; boundary=X")]


@pytest.mark.parametrize("parsing", PARSING)
def test_a_multipart_form_has_werkzeugs_form(tmp_path: Path, parsing: str) -> None:
    app = app_of(tmp_path, f"{PARSING[parsing]}def handler(req, res):\n    res.json(dict(req.form))\n")
    assert call(app, "POST", headers=MULTIPART, body=FORM).json() == {"a": "1"}


def test_a_parsed_multipart_body_is_not_kept(tmp_path: Path) -> None:
    source = CATCH.format("req.raw_body")
    answer = call(app_of(tmp_path, source), "POST", headers=MULTIPART, body=FORM)
    assert b'config = {"api": {"bodyParser": False}}' in answer.body


def test_a_raw_multipart_body_is_kept_with_parsing_off(tmp_path: Path) -> None:
    app = app_of(tmp_path, f"{PARSING['off']}def handler(req, res):\n    res.send(req.raw_body)\n")
    assert call(app, "POST", headers=MULTIPART, body=FORM).body == FORM


@pytest.mark.parametrize("way", ["raw_body", "form"])
def test_a_stream_that_is_being_read_is_not_read_again(tmp_path: Path, way: str) -> None:
    source = PARSING["off"] + CATCH.format(f"req.stream.read(1), req.{way}")
    answer = call(app_of(tmp_path, source), "POST", headers=MULTIPART, body=FORM)
    assert answer.body == b"the body is already being read from req.stream"


def test_the_stream_of_a_parsed_body_is_empty(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.send(req.stream.read())\n")
    assert call(app, "POST", body=b"abc").body == b""


JSON_ERRORS = [
    ("text/plain", b"{}", "", 415),
    ("text/plain", b"{}", "silent=True", 200),
    ("text/plain", b"{", "force=True", 400),
    ("text/plain", b"{", "force=True, silent=True", 200),
    ("application/json", b"{", "", 400),
    ("application/json", b"{", "silent=True", 200),
]


@pytest.mark.parametrize(("content_type", "body", "arguments", "status"), JSON_ERRORS)
def test_get_json_fails_as_werkzeugs_does(
    tmp_path: Path, content_type: str, body: bytes, arguments: str, status: int
) -> None:
    app = app_of(
        tmp_path, f"{PARSING['off']}def handler(req, res):\n    res.json(req.get_json({arguments}))\n"
    )
    answer = call(app, "POST", headers=[("Content-Type", content_type)], body=body)
    assert (answer.status, answer.body if status == 200 else b"null") == (status, b"null")


def test_a_request_needs_nothing_but_an_environ() -> None:
    request = Request({"wsgi.input": io.BytesIO(b"")})
    assert (request.method, request.path, request.query, request.body) == ("GET", "/", {}, None)


# -- against Werkzeug, for any environ of a server

latin1 = st.text(alphabet=st.characters(max_codepoint=255), max_size=8)
paths = st.text(alphabet="/ab%.\xc3\xa9\xff?", max_size=8)
DERIVED = [
    "root_path",
    "path",
    "full_path",
    "query_string",
    "host",
    "url",
    "base_url",
    "root_url",
    "host_url",
]
MORE = ["is_json", "is_secure", "args", "charset", "mimetype", "mimetype_params", "content_type", "date"]
HEADERS = ["if_none_match", "if_modified_since", "cache_control", "referrer", "accept_languages", "pragma"]


def outcome(request: werkzeug.Request, name: str) -> str:
    try:
        return str(getattr(request, name))
    except Exception as error:
        return type(error).__name__


@given(
    entries=st.fixed_dictionaries(
        {"REQUEST_METHOD": st.sampled_from(["GET", "POST", "PURGE"]), "SERVER_NAME": st.just("localhost")},
        optional={
            "SCRIPT_NAME": paths,
            "PATH_INFO": paths,
            "QUERY_STRING": latin1,
            "HTTP_HOST": st.sampled_from(["localhost", "a.example:80", "[::1]:8000", "a b", "", "é"]),
            "SERVER_PORT": st.sampled_from(["80", "443", "8000"]),
            "wsgi.url_scheme": st.sampled_from(["http", "https"]),
            "CONTENT_TYPE": st.sampled_from(["text/plain; charset=x", "application/a+json", "a", ""]),
            "HTTP_IF_NONE_MATCH": latin1,
            "HTTP_IF_MODIFIED_SINCE": latin1,
            "HTTP_CACHE_CONTROL": latin1,
            "HTTP_REFERER": latin1,
            "HTTP_ACCEPT_LANGUAGE": latin1,
        },
    )
)
@settings(deadline=None)
def test_every_attribute_agrees_with_werkzeug(entries: dict[str, Any]) -> None:
    ours, theirs = Request(entries.copy()), werkzeug.Request(entries.copy())
    names = [*DERIVED, *MORE, *HEADERS]
    assert {name: outcome(ours, name) for name in names} == {name: outcome(theirs, name) for name in names}


@pytest.mark.parametrize("attribute", ["path", "headers", "method", "remote_addr"])
def test_an_attribute_is_computed_once(attribute: str) -> None:
    request = Request(environ())
    assert getattr(request, attribute) is getattr(request, attribute)


def test_nothing_is_computed_before_its_first_use() -> None:
    assert "headers" not in vars(Request(environ()))


@pytest.mark.parametrize("attribute", ["method", "path", "remote_addr", "headers"])
def test_attributes_that_werkzeug_lets_assign_can_be_assigned(attribute: str) -> None:
    request = Request(environ())
    setattr(request, attribute, "x")
    assert getattr(request, attribute) == "x"


def test_a_request_has_a_repr() -> None:
    assert repr(Request(environ("POST", "/api/x?a=1"))) == "<Request 'http://localhost/api/x?a=1' [POST]>"


def test_a_request_is_made_from_values_as_werkzeugs_is() -> None:
    request = Request.from_values("/api/x?a=1", method="POST", json={"b": 2})
    assert isinstance(request, Request)
    assert (request.query, request.get_json()) == ({"a": "1"}, {"b": 2})


def test_a_request_closes_its_files() -> None:
    with Request(environ("POST", headers=MULTIPART, body=FILE_FORM)) as request:
        file = request.files["f"].stream
        assert not file.closed
    assert file.closed


def test_a_request_without_a_body_has_nothing_to_close() -> None:
    Request(environ()).close()


def test_every_attribute_follows_a_replaced_environ() -> None:
    request = Request(environ("GET", "/api/x"))
    assert (request.method, request.path) == ("GET", "/api/x")
    request._replace_environ(environ("POST", "/api/y"))
    assert (request.method, request.path) == ("POST", "/api/y")


# -- documentation


@pytest.mark.parametrize("name", ["query", "cookies", "body", "context", "stream", "files", "form"])
def test_a_lazy_attribute_is_documented(name: str) -> None:
    assert name == "context" or getattr(Request, name).__doc__


# -- the query


@pytest.mark.parametrize("name", ["a", "__proto__", "constructor", "nxtPid", "a[b]", "a.b", "☃"])
def test_no_name_in_a_query_has_a_special_meaning(name: str) -> None:
    assert Request(environ(target=f"/api/x?{name}=1&{name}=2")).query == {name: ["1", "2"]}


PARAMS = [
    ("[id].py", "/api/1?id=2&id=3", {"id": "1"}, {"id": "1"}),
    ("[...all].py", "/api/a/b?all=c&q=1", {"all": ["a", "b"]}, {"all": ["a", "b"], "q": "1"}),
    ("[[...all]].py", "/api?q=1", {}, {"q": "1"}),
    ("[[...all]].py", "/api?all=1", {}, {"all": "1"}),
    ("[id].py", "/api/a%2Fb?x=%2F", {"id": "a/b"}, {"id": "a/b", "x": "/"}),
    ("[id].py", "/api/a+b?x=a+b", {"id": "a+b"}, {"id": "a+b", "x": "a b"}),
]


@pytest.mark.parametrize(("file", "target", "params", "query"), PARAMS)
def test_path_parameters_are_laid_over_the_query(
    tmp_path: Path, file: str, target: str, params: Any, query: Any
) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json([req.params, req.query])\n", file)
    assert call(app, target=target).json() == [params, query]


def test_changing_the_query_does_not_change_the_params(tmp_path: Path) -> None:
    source = "def handler(req, res):\n    req.query['id'] = 'x'\n    res.json(req.params)\n"
    assert call(app_of(tmp_path, source, "[id].py"), target="/api/1").json() == {"id": "1"}


KEYS = "def handler(req, res):\n    res.json(len(req.{where}))\n"


@pytest.mark.parametrize("where", ["query", "args"])
@pytest.mark.parametrize(("count", "status"), [(3, 200), (4, 414)])
def test_a_query_over_max_query_keys_is_414(tmp_path: Path, where: str, count: int, status: int) -> None:
    app = app_of(tmp_path, KEYS.format(where=where), max_query_keys=3)
    target = "/api/x?" + "&".join(f"key{number}=1" for number in range(count))
    assert call(app, target=target).status == status


def test_a_query_has_a_thousand_keys_by_default(tmp_path: Path) -> None:
    app = app_of(tmp_path, KEYS.format(where="query"))
    answers = [
        call(app, target="/api/x?" + "&".join(f"k{n}" for n in range(count))) for count in (1000, 1001)
    ]
    assert [answer.status for answer in answers] == [200, 414]
    assert answers[1].body == b"Query has more than 1000 keys"


def test_the_keys_of_a_query_count_only_if_it_is_read(tmp_path: Path) -> None:
    assert call(app_of(tmp_path, HELLO, max_query_keys=0), target="/api/x?a&b").status == 200


# -- one body, in any order of reads

FILE_FORM = (
    b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--X\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\n\r\nabc\r\n--X--\r\n'
)
URLENCODED = [("Content-Type", "application/x-www-form-urlencoded")]
ORDERS = ["raw_body", "get_data()", "form", "values", "body", "files", "get_json(silent=True)", "data"]


@pytest.mark.parametrize("parsing", PARSING)
@pytest.mark.parametrize("second", ORDERS)
@pytest.mark.parametrize("first", ORDERS)
def test_the_order_of_two_reads_does_not_matter(
    tmp_path: Path, parsing: str, first: str, second: str
) -> None:
    shown = "d.decode() if isinstance(d, bytes) else d.to_dict() if hasattr(d, 'to_dict') else d"
    alone, after = (
        call(
            app_of(
                tmp_path,
                f"{PARSING[parsing]}def handler(req, res):\n"
                f"    {line}\n    d = req.{second}\n    res.json({shown})\n",
            ),
            "POST",
            headers=URLENCODED,
            body=b"a=1&a=2&b=%20",
        )
        for line in ("pass", f"req.{first}")
    )
    assert (after.status, after.body) == (alone.status, alone.body)


@pytest.mark.parametrize("parsing", PARSING)
def test_werkzeugs_accessors_agree_with_werkzeug(tmp_path: Path, parsing: str) -> None:
    source = (
        f"{PARSING[parsing]}def handler(req, res):\n"
        "    form, values = [list(part.items(multi=True)) for part in (req.form, req.values)]\n"
        "    res.json([form, values, req.get_data(as_text=True)])\n"
    )
    body = b"a=1&a=2&b=%20&c"
    answer = call(app_of(tmp_path, source), "POST", "/api/x?q=1", headers=URLENCODED, body=body)
    theirs = werkzeug.Request(environ("POST", "/api/x?q=1", headers=URLENCODED, body=body))
    data = theirs.get_data(as_text=True)
    form, both = ([list(pair) for pair in part.items(multi=True)] for part in (theirs.form, theirs.values))
    assert answer.json() == [form, both, data]


FORMS: list[Any] = [
    ("", b"a=%C3%A9", {"a": "é"}),
    ("", "a=é".encode(), {"a": "é"}),
    ("; charset=latin1", "a=é".encode(), {"a": "é"}),
    ("", b"\xef\xbb\xbfa=1", {"a": "1"}),
]


@pytest.mark.parametrize(("charset", "body", "form"), FORMS)
def test_form_and_body_agree(tmp_path: Path, charset: str, body: bytes, form: dict[str, str]) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json([req.body, req.form.to_dict()])\n")
    headers = [("Content-Type", f"application/x-www-form-urlencoded{charset}")]
    assert call(app, "POST", headers=headers, body=body).json() == [form, form]


@pytest.mark.parametrize("parsing", PARSING)
def test_a_multipart_form_has_werkzeugs_files(tmp_path: Path, parsing: str) -> None:
    source = (
        f"{PARSING[parsing]}def handler(req, res):\n"
        "    file = req.files['f']\n"
        "    res.json([file.name, file.filename, file.read().decode(), req.form['a'], req.data.decode()])\n"
    )
    answer = call(app_of(tmp_path, source), "POST", headers=MULTIPART, body=FILE_FORM)
    assert answer.json() == ["f", "x.txt", "abc", "1", ""]


def test_values_joins_the_query_and_the_form(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(req.values.to_dict(flat=False))\n")
    answer = call(app, "POST", "/api/x?a=1", headers=URLENCODED, body=b"a=2&b=3")
    assert answer.json() == {"a": ["1", "2"], "b": ["3"]}


TOO_LARGE = ["raw_body", "data", "get_data()", "form", "get_json(force=True)", "files"]


@pytest.mark.parametrize("way", TOO_LARGE)
@pytest.mark.parametrize("chunked", [False, True])
def test_with_parsing_off_every_accessor_but_the_stream_is_bounded(
    tmp_path: Path, way: str, chunked: bool
) -> None:
    source = f"{PARSING['off']}def handler(req, res):\n    res.json(str(req.{way}))\n"
    extra: Extra = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None} if chunked else {}
    app = app_of(tmp_path, source, body_size_limit="10b")
    content_type = "text/plain" if way == "data" else "application/x-www-form-urlencoded"
    answer = call(app, "POST", headers=[("Content-Type", content_type)], body=b"x" * 11, **extra)
    assert (answer.status, answer.body) == (413, b"Body exceeded 10b limit")


@pytest.mark.parametrize("way", ["raw_body", "get_data()", "stream.read()"])
def test_with_parsing_off_a_body_is_not_parsed(tmp_path: Path, way: str) -> None:
    source = f"{PARSING['off']}def handler(req, res):\n    res.send(req.{way})\n"
    answer = call(app_of(tmp_path, source), "POST", headers=[("Content-Type", "application/json")], body=b"{")
    assert (answer.status, answer.body) == (200, b"{")


def test_the_stream_can_be_read_after_raw_body(tmp_path: Path) -> None:
    source = (
        f"{PARSING['off']}def handler(req, res):\n    res.json([len(req.raw_body), len(req.stream.read())])\n"
    )
    assert call(app_of(tmp_path, source), "POST", body=b"abc").json() == [3, 3]


def test_assigning_body_does_not_change_raw_body(tmp_path: Path) -> None:
    source = "def handler(req, res):\n    req.body = 1\n    res.send(req.raw_body)\n"
    assert call(app_of(tmp_path, source), "POST", body=b"abc").body == b"abc"


def test_a_body_without_content_is_read_on_first_use(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json([req.body, req.raw_body.decode()])\n")
    assert call(app).json() == [None, ""]


def test_the_context_belongs_to_one_request(tmp_path: Path) -> None:
    source = (
        "def handler(req, res):\n"
        "    req.context['n'] = req.context.get('n', 0) + 1\n"
        "    res.json(req.context)\n"
    )
    app = app_of(tmp_path, source)
    assert [call(app).json(), call(app).json()] == [{"n": 1}, {"n": 1}]
