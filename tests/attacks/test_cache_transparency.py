"""A cache changes what a handler costs, and never what it answers, whatever it reads, whoever asked before.

Every route is a function of its request, and is asked twice in an order of which each request may poison the
next one: with the cache and without, the answers have to be the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apiroutes import App, Request
from tests import interfaces
from tests.support import Answer, call, project

# What a handler may read: every attribute of a request whose value can be told, and the ways to read headers.
NOT_TOLD = {"stream", "input_stream", "environ", "application", "secret_keys", "close", "app", "draft_mode"}
# A request for the store has the host of its key for that of the server.
NOT_TOLD.add("server")
METHODS = {
    "headers_get": "req.headers.get('X-Who')",
    "headers_item": "req.headers['x-who']",
    "headers_of_two": "(req.headers.get('X-Other'), req.headers.get('X-Who'))",
    "headers_of_some": "req.headers.get('X-Other') if req.headers.get('X-Who') == 'b' else 'constant'",
    "headers_in": "'X-Who' in req.headers",
    "headers_getlist": "req.headers.getlist('X-WHO')",
    "headers_get_all": "req.headers.get_all('X-Who')",
    "headers_typed": "req.headers.get('X-Number', type=int)",
    "headers_default": "req.headers.get('X-Who', 'nobody')",
    "headers_items": "sorted(req.headers.items())",
    "headers_keys": "sorted(req.headers.keys())",
    "headers_values": "sorted(req.headers.values())",
    "headers_length": "len(req.headers)",
    "headers_dict": "sorted(dict(req.headers).items())",
    "headers_list": "sorted(req.headers)",
    "headers_wsgi": "sorted(req.headers.to_wsgi_list())",
    "headers_text": "sorted(str(req.headers).splitlines())",
    "headers_copy": "__import__('werkzeug').datastructures.Headers(req.headers).get('X-Who')",
    "headers_environ": "req.headers.environ.get('HTTP_X_WHO')",
    "headers_equal": "req.headers == __import__('werkzeug').datastructures.Headers([('X-Who', 'b')])",
    "environ_get": "req.environ.get('HTTP_X_WHO')",
    "environ_address": "req.environ.get('REMOTE_ADDR')",
    "environ_query": "req.environ.get('QUERY_STRING')",
    "environ_path": "req.environ.get('PATH_INFO')",
    "environ_mount": "req.environ.get('SCRIPT_NAME')",
    "vars": "repr(vars(req)).count('needle')",
    "get_data": "req.get_data()",
    "get_json": "req.get_json(silent=True)",
    "query_first": "req.query.get('a')",
    "args_list": "req.args.getlist('a')",
    "args_multi": "sorted(req.args.items(multi=True))",
    "params": "req.params",
    "cookie": "req.cookies.get('sid')",
    "best_language": "req.accept_languages.best_match(['de', 'fr', 'en'])",
    "best_type": "req.accept_mimetypes.best_match(['application/json', 'text/html'])",
    "agent": "req.user_agent.string",
}
SOURCE = """
{declared}

def read(req):
    try:
        value = {expression}
        return value if isinstance(value, str) else repr(value)
    except Exception as error:
        return type(error).__name__

def handler(req, res):
    res.send(read(req))
"""


def _attributes() -> dict[str, str]:
    names = [name for name in dir(Request) if not name.startswith("_") and name not in NOT_TOLD]
    return {name: f"req.{name}" for name in names if not callable(getattr(Request, name))}


READERS = _attributes() | METHODS
# They show the method as it is computed, and what is absent while a computation is for all.
AS_GET = {"method"}
ABSENT = ("If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range")


class Ask(NamedTuple):
    """A request for `{path}?{query}`, with headers and changes of the environ."""

    title: str
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    suffix: str = ""
    method: str = "GET"
    body: bytes = b""
    environ: dict[str, Any] = {}  # noqa: RUF012 - it is never changed

    def send(self, app: App, path: str) -> Answer:
        target = path + self.suffix + (f"?{self.query}" if self.query else "")
        environ = {
            name: value.format(path=path) if isinstance(value, str) else value
            for name, value in self.environ.items()
        }
        return call(app, self.method, target, self.headers, self.body, **environ)


def _with(*headers: str) -> Ask:
    pairs = tuple(tuple(line.split(":", 1)) for line in headers)
    return Ask(" ".join(headers), pairs)  # type: ignore[arg-type]


PLAIN = Ask("plain")
ASKS = [
    PLAIN,
    *map(_with, ["X-Who:a", "X-Who:b", "x-who:a", "X-Other:needle", "X-Number:1", "X-Number:x", "X-Who:"]),
    _with("X-Who:a", "X-Who:b"),
    _with("X-Who:a,b"),
    _with("X-Who:b", "X-Other:o"),
    *map(_with, ["X_Who:a", "Cookie:sid=needle", "Authorization:Basic bmVlZGxlOng=", "Authorization:needle"]),
    *map(_with, ["X-Forwarded-For:6.6.6.6", "X-Forwarded-Host:evil.test", "X-Forwarded-Proto:https"]),
    *map(_with, ["X-Forwarded-Prefix:/evil", "Forwarded:for=6.6.6.6;host=evil.test", "X-Real-Ip:6.6.6.6"]),
    *map(_with, ["X-Original-Url:/evil", "X-Rewrite-Url:/evil", "X-Http-Method-Override:DELETE"]),
    *map(_with, ["Accept:text/html", "Accept:application/json", "Accept-Language:de", "Accept-Language:fr"]),
    *map(_with, ["Accept-Encoding:gzip", "Accept-Charset:latin-1", "User-Agent:needle", "Referer:/evil"]),
    *map(_with, ["Origin:https://evil.test", "Access-Control-Request-Method:PUT", "Max-Forwards:0"]),
    *map(_with, ["Cache-Control:no-cache", "Cache-Control:max-age=0", "Cache-Control:no-store"]),
    *map(_with, ["Pragma:no-cache", "Date:Sat, 01 Jan 2050 00:00:00 GMT", "Content-Md5:needle"]),
    *map(_with, ["Host:evil.test", "Host:LOCALHOST", "Host:localhost:80", "Host:localhost:8080"]),
    *map(_with, ["Host:localhost.", "Host:127.0.0.1", "Host:[::1]:80", "Host:localhost:443"]),
    *map(_with, ["Upgrade-Insecure-Requests:1", "X-Requested-With:XMLHttpRequest", "Via:1.1 needle"]),
    Ask("a=1", query="a=1"),
    Ask("a=1&b=2", query="a=1&b=2"),
    Ask("b=2&a=1", query="b=2&a=1"),
    Ask("a=1;b=2", query="a=1;b=2"),
    Ask("a=1&a=2", query="a=1&a=2"),
    Ask("%61=1", query="%61=1"),
    Ask("a=%31", query="a=%31"),
    Ask("a=1+2", query="a=1+2"),
    Ask("a=1%202", query="a=1%202"),
    Ask("a", query="a"),
    Ask("a=", query="a="),
    Ask("&&a=1", query="&&a=1"),
    Ask("a=1#x", query="a=1#x"),
    Ask("a=%ff", query="a=%ff"),
    Ask("a=ü", query="a=ü"),
    Ask("a=%C3%BC", query="a=%C3%BC"),
    Ask("an encoded path", suffix="%78"),
    Ask("the same path", suffix="x"),
    Ask("https", environ={"wsgi.url_scheme": "https"}),
    Ask("https, its own port", (("Host", "localhost:443"),), environ={"wsgi.url_scheme": "https"}),
    Ask("https, port 80", (("Host", "localhost:80"),), environ={"wsgi.url_scheme": "https"}),
    Ask("without Host", environ={"HTTP_HOST": None}),
    Ask("without Host, port 8080", environ={"HTTP_HOST": None, "SERVER_PORT": "8080"}),
    Ask("server port 8080", environ={"SERVER_PORT": "8080"}),
    Ask("another server name", environ={"HTTP_HOST": None, "SERVER_NAME": "needle"}),
    Ask("mounted", environ={"SCRIPT_NAME": "/v1", "RAW_URI": "/v1{path}"}),
    Ask("mounted elsewhere", environ={"SCRIPT_NAME": "/v1/api", "RAW_URI": "/v1/api{path}"}),
    Ask("absolute form", environ={"RAW_URI": "http://localhost{path}"}),
    Ask("absolute form, another host", environ={"RAW_URI": "http://evil.test{path}"}),
    Ask("no raw target", environ={"RAW_URI": None}),
    Ask("another client", environ={"REMOTE_ADDR": "6.6.6.6"}),
    Ask("no client", environ={"REMOTE_ADDR": None}),
    Ask("a user of the server's", environ={"REMOTE_USER": "needle"}),
    Ask("HTTP/1.0", environ={"SERVER_PROTOCOL": "HTTP/1.0"}),
    Ask("HEAD", method="HEAD"),
    Ask("POST", method="POST"),
    Ask("OPTIONS", method="OPTIONS"),
    Ask("DELETE", method="DELETE"),
    Ask("content", (("Content-Type", "text/plain"),), body=b"needle"),
    Ask("content, JSON", (("Content-Type", "application/json"),), body=b'{"needle": 1}'),
    Ask("form", (("Content-Type", "application/x-www-form-urlencoded"),), method="POST", body=b"a=needle"),
]
# A host is in the key in lower case, and is a header that a request for the store always has.
ONE_SPELLING = ("Host:LOCALHOST", "Host:localhost:", "https,", "without Host", "another server name")
NO_ASGI = (
    "environ",
    "absolute form",
    "no raw target",
    "without Host",
    "no client",
    "a user of the",
    "HTTP/1.0",
)


def apps(root: Path, readers: Iterable[str], **declared: str) -> tuple[App, App]:
    """Return an App with the cache and one without, with a route for each reader."""
    made = []
    for name, line in (("cached", declared.get("cached", "revalidate = 60")), ("plain", "")):
        files = {}
        for reader in readers:
            source = SOURCE.format(declared=line, expression=READERS[reader])
            files[f"pages/api/{reader}/[[...rest]].py"] = source
            files[f"pages/api/{reader}x.py"] = source
        made.append(App(project(root / name, files)))
    return made[0], made[1]


def seen(answer: Answer) -> tuple[int, str, str | None]:
    return answer.status, answer.text, answer.header("Content-Type")


@pytest.mark.parametrize("reader", READERS)
def test_a_cached_route_answers_as_one_without_a_cache(tmp_path: Path, reader: str) -> None:
    cached, plain = apps(tmp_path, [reader])
    chosen = [ask for ask in ASKS if not (ask.method == "HEAD" and reader in AS_GET)]
    if reader == "host" or reader.startswith("headers"):
        chosen = [ask for ask in chosen if not ask.title.startswith(ONE_SPELLING)]
    if interfaces.chosen() != "wsgi":
        if "environ" in reader:
            pytest.skip("the environ is made of a scope")
        chosen = [ask for ask in chosen if not ask.title.startswith(NO_ASGI)]
    order = [*chosen, *random.Random(reader).sample(chosen, len(chosen))]
    for number, ask in enumerate(order):
        path = f"/api/{reader}" if number % 2 else f"/api/{reader}/r"
        assert seen(ask.send(cached, path)) == seen(ask.send(plain, path)), (reader, ask.title)


@pytest.mark.parametrize("name", [*ABSENT, "Content-Type"])
def test_what_is_absent_for_the_store_is_absent_for_everybody(tmp_path: Path, name: str) -> None:
    expression = f"(req.headers.get({name!r}), {name!r} in req.headers)"
    files = {"pages/api/x.py": SOURCE.format(declared="revalidate = 60", expression=expression)}
    app = App(project(tmp_path, files))
    value = "needle/needle" if name == "Content-Type" else '"needle"'
    for _ in range(2):
        answer = call(app, headers=[(name, value)])
        assert "needle" not in answer.text
        assert answer.text in ("", "(None, False)")
    assert call(app).text == "(None, False)"
