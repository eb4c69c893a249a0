"""What leaves a cached route is what leaves the same one without a cache, however its handler answers.

The headers that tell of the cache are left out: Cache-Control where the handler sets none, Age, Cache-Status,
and what Vary has for a cache in front.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.errors import ResponseAborted
from tests.support import Answer, app_of, call, project

# How a handler answers.
ANSWERS = {
    "json": "res.json({'a': 1})",
    "a dict": "return {'a': [1, None, 'é']}",
    "text": "return 'text é'",
    "bytes": "return b'\\x00\\xff'",
    "nothing": "return None",
    "send nothing": "res.send(None)",
    "an empty text": "return ''",
    "an empty list": "return []",
    "a pair": "return {'a': 1}, 203",
    "a triple": "return 'a', 200, {'X-A': 'b'}",
    "json of apiroutes": "from apiroutes import json\n    return json({'a': 1})",
    "json of apiroutes with headers": (
        "from apiroutes import json\n    return json({'a': 1}, status=203, headers={'X-A': 'b'})"
    ),
    "text of apiroutes": "from apiroutes import text\n    return text('a')",
    "html of apiroutes": "from apiroutes import html\n    return html('<b>a</b>')",
    "redirect of apiroutes": "from apiroutes import redirect\n    return redirect('/elsewhere')",
    **{f"redirect {code}": f"res.redirect({code}, '/elsewhere')" for code in (301, 302, 303, 307, 308)},
    "a safe redirect": "res.safe_redirect('/elsewhere')",
    **{
        f"status {code}": f"res.status({code}).json({{'a': 1}})"
        for code in (200, 201, 202, 203, 206, 300, 400, 401, 403, 404, 405, 409, 410, 418, 429, 500, 503)
    },
    "204": "res.status(204).end()",
    "204 with content": "res.status(204).send('a')",
    "205": "res.status(205).end()",
    "304 of its own": "res.status(304).end()",
    "end with text": "res.end('a')",
    "a type of its own": "res.set_header('Content-Type', 'text/csv')\n    res.send('a,b')",
    "a type of its own for JSON": "res.set_header('Content-Type', 'application/ld+json')\n    res.json({})",
    "its own ETag": "res.set_header('ETag', '\"own\"')\n    res.json({'a': 1})",
    "its own weak ETag": "res.set_header('ETag', 'W/\"own\"')\n    res.json({'a': 1})",
    "Last-Modified": (
        "res.set_header('Last-Modified', 'Sat, 01 Jan 2000 00:00:00 GMT')\n    res.json({'a': 1})"
    ),
    "a length of its own": "res.set_header('Content-Length', '1')\n    res.send('a')",
    "headers": "res.set_headers({'X-A': 'b', 'X-C': 'd'})\n    res.send('a')",
    "a header three times": ("for n in 'abc': res.append_header('Link', f'<{n}>')\n    res.send('a')"),
    "a header taken away": "res.set_header('X-A', 'b')\n    res.remove_header('X-A')\n    res.send('a')",
    "a header in Latin-1": "res.set_header('X-A', 'é')\n    res.send('a')",
    "Vary": "res.set_header('Vary', 'Accept-Language, X-Other')\n    res.send('a')",
    "Vary twice": (
        "res.append_header('Vary', 'Accept')\n    res.append_header('Vary', 'X-Other')\n    res.send('a')"
    ),
    "Vary *": "res.set_header('Vary', '*')\n    res.send('a')",
    **{
        f"Cache-Control {value}": f"res.set_header('Cache-Control', {value!r})\n    res.send('a')"
        for value in ("private", "no-store", "max-age=5", "public, s-maxage=5", "No-Cache", "max-age=oops")
    },
    "Expires": "res.set_header('Expires', '0')\n    res.send('a')",
    "Age": "res.set_header('Age', '7')\n    res.send('a')",
    "Date": "res.set_header('Date', 'Sat, 01 Jan 2000 00:00:00 GMT')\n    res.send('a')",
    "Cache-Status of its own": "res.set_header('Cache-Status', 'origin; hit')\n    res.send('a')",
    "Content-Encoding": "res.set_header('Content-Encoding', 'gzip')\n    res.send(b'x')",
    "Content-Range": "res.set_header('Content-Range', 'bytes 0-0/5')\n    res.status(206).send(b'x')",
    "a cookie": "res.set_cookie('a', 'b')\n    res.send('a')",
    "two cookies": "res.set_cookie('a', 'b')\n    res.set_cookie('c', 'd')\n    res.send('a')",
    "a cookie deleted": "res.delete_cookie('a')\n    res.send('a')",
    "a cookie by its header": "res.append_header('set-cookie', 'a=b')\n    res.send('a')",
    "a stream": "res.send(iter([b'a', b'b']))",
    "a generator": "def chunks():\n        yield 'a'\n        yield 'b'\n    return chunks()",
    "a stream of apiroutes": "from apiroutes import stream\n    return stream(iter(['a', 'b']))",
    "events": "from apiroutes import event_stream\n    return event_stream(iter([{'a': 1}]))",
    "a file": "from apiroutes import file\n    return file('/etc/hostname')",
    "written": "res.write('a')\n    res.write('b')\n    res.end()",
    "written, not ended": "res.write('a')",
    "a WSGI response": "from werkzeug import Response\n    return Response('a', 203, {'X-A': 'b'})",
    "a WSGI response, JSON": "import flask\n    return flask.Response('{}', mimetype='text/json')",
    "a WSGI response with a cookie": (
        "from werkzeug import Response\n    r = Response('a')\n    r.set_cookie('a', 'b')\n    return r"
    ),
    "a WSGI response, streamed": "from werkzeug import Response\n    return Response(iter(['a', 'b']))",
    "a WSGI application": (
        "def app(environ, start_response):\n"
        "        start_response('203 Odd', [('X-A', environ.get('HTTP_X_WHO', 'nobody'))])\n"
        "        return [b'a']\n    return app"
    ),
    "delegated": (
        "def app(environ, start_response):\n"
        "        start_response('200 OK', [('Content-Type', 'text/plain')])\n        return [b'a']\n"
        "    res.delegate(app)"
    ),
    "before the head": ("res.before_head(lambda: res.set_header('X-Hook', 'a'))\n    res.json({'a': 1})"),
    "before the head, with the response": (
        "def hook(sent): sent.set_header('X-Hook', str(sent.status_code))\n"
        "    res.before_head(hook)\n    res.json({'a': 1})"
    ),
    "before the head, a cookie": (
        "res.before_head(lambda: res.set_cookie('a', 'b'))\n    res.json({'a': 1})"
    ),
    "before the head, private": (
        "res.before_head(lambda: res.set_header('Cache-Control', 'private'))\n    res.json({'a': 1})"
    ),
    "an error": "raise RuntimeError('s3cr3t')",
    "an error after a header": "res.set_header('X-A', 'b')\n    raise RuntimeError('s3cr3t')",
    "an error after a cookie": "res.set_cookie('a', 'b')\n    raise RuntimeError('s3cr3t')",
    "an error after the answer": "res.json({'a': 1})\n    raise RuntimeError('s3cr3t')",
    "an ApiError": "from apiroutes import ApiError\n    raise ApiError(404, 'None')",
    "an ApiError with headers": (
        "from apiroutes import ApiError\n    raise ApiError(429, 'Slow', headers={'Retry-After': '1'})"
    ),
    "an HTTPException": "from werkzeug.exceptions import Gone\n    raise Gone()",
    "an answer twice": "res.json({'a': 1})\n    res.json({'b': 1})",
    "a header after the answer": "res.json({'a': 1})\n    res.set_header('X-A', 'b')",
    "the answer returned": "return res.json({'a': 1})",
    "not JSON": "return {'a': object()}",
    "NaN": "return {'a': float('nan')}",
    "a surrogate": "return '\\ud800'",
    "large": "return 'x' * 2_000_000",
    "what the class says": "res.send(type(req).__name__ + type(res).__name__)",
    "its own status": "res.status(203)\n    res.send(str(res.status_code))",
    "from the future": "from apiroutes import after\n    after(lambda: None)\n    res.json({'a': 1})",
}
MIDDLEWARE = {
    "none": "",
    "next alone": "def middleware(req, res, next): next()\n",
    "headers before": (
        "def middleware(req, res, next):\n"
        "    res.set_header('X-Before', 'a')\n    res.set_header('Vary', 'Origin')\n"
        "    res.append_header('Link', '<before>')\n    res.set_cookie('before', '1')\n    next()\n"
    ),
    "headers after": (
        "def middleware(req, res, next):\n    next()\n"
        "    res.set_header('X-After', 'a')\n    res.append_header('Vary', 'Origin')\n"
        "    res.append_header('Link', '<after>')\n    res.set_cookie('after', '1')\n"
    ),
    "Cache-Control before": (
        "def middleware(req, res, next):\n    res.set_header('Cache-Control', 'max-age=1')\n    next()\n"
    ),
    "Cache-Control after": (
        "def middleware(req, res, next):\n    next()\n    res.set_header('Cache-Control', 'private')\n"
    ),
    "a type and a status before": (
        "def middleware(req, res, next):\n"
        "    res.status(202)\n    res.set_header('Content-Type', 'text/x-before')\n    next()\n"
    ),
    "a look at the answer": (
        "def middleware(req, res, next):\n    next()\n"
        "    res.set_header('X-Seen', f'{res.status_code} {sorted(res.headers.keys() - HIDDEN)!r}')\n"
        "HIDDEN = {'Age', 'Cache-Status', 'Vary', 'Cache-Control'}\n"
    ),
    "the size of the answer": (
        "def middleware(req, res, next):\n    next()\n"
        "    if res.body and not res.headers_sent: res.set_header('X-Size', str(len(res.body)))\n"
    ),
    "what it raises": (
        "from apiroutes import ApiError\n"
        "def middleware(req, res, next):\n    next()\n"
        "    if req.headers.get('X-Fail'): raise ApiError(418, 'Fail')\n"
    ),
    "what it catches": (
        "def middleware(req, res, next):\n"
        "    try:\n        next()\n    except RuntimeError:\n        res.status(502).json({'caught': True})\n"
    ),
    "before the head": (
        "def middleware(req, res, next):\n"
        "    res.before_head(lambda sent: sent.set_header('X-Head', 'a'))\n    next()\n"
    ),
    "CORS": "from apiroutes.middleware import cors\nmiddleware = cors(['https://a.test'])\n",
    "request ids": "from apiroutes.middleware import request_id\nmiddleware = request_id()\n",
    "WSGI middleware": (
        "from apiroutes import from_wsgi\n"
        "def upper(app):\n"
        "    def wrapped(environ, start_response):\n"
        "        def start(status, headers, exc_info=None):\n"
        "            return start_response(status, [*headers, ('X-Wsgi', 'a')], exc_info)\n"
        "        return app(environ, start)\n"
        "    return wrapped\n"
        "middleware = from_wsgi(upper)\n"
    ),
}
# A handler does not see what middleware has set before it, and of what takes the place of its type or adds to
# its headers the rest is not known.
NOT_SEEN = {
    "a type and a status before": {
        "nothing",
        "json of apiroutes",
        "json of apiroutes with headers",
        "a file",
        "before the head, with the response",
    },
    "Cache-Control before": {"a file"},
    # Its content is in memory.
    "the size of the answer": {name for name in ANSWERS if name.startswith("a WSGI response")},
}
# Different with a cache on purpose.
OURS = {"age", "cache-status", "date", "x-request-id"}

Seen = tuple[int, bytes, list[tuple[str, str]], set[str]]


def seen(answer: Answer, left_out: set[str]) -> Seen:
    lines = [(name.lower(), value) for name, value in answer.headers]
    headers = sorted(line for line in lines if line[0] not in left_out | {"vary"})
    return answer.status, answer.body, headers, varies(answer)


def varies(answer: Answer) -> set[str]:
    return {member.strip().lower() for value in answer.all("Vary") for member in value.split(",")} - {
        "cookie"
    }


def ask(app: App, method: str, path: str, *headers: tuple[str, str]) -> Answer:
    """Return the answer; one that is cut off has the status 0."""
    try:
        return call(app, method, path, headers)
    except ResponseAborted:
        return Answer(0, [], b"")


def asked(app: App, path: str) -> list[tuple[str, Answer]]:
    """Return the answers to requests of every kind, of which later ones may come from the store."""
    future = "Sat, 01 Jan 2050 00:00:00 GMT"
    answers = [
        (title, ask(app, method, path, *headers))
        for title, method, headers in (
            ("first", "GET", []),
            ("second", "GET", []),
            ("hot", "GET", []),
            ("HEAD", "HEAD", []),
            ("another origin", "GET", [("Origin", "https://a.test")]),
            ("with a cookie", "GET", [("Cookie", "a=b")]),
            ("failing", "GET", [("X-Fail", "1")]),
            ("after that", "GET", []),
            ("OPTIONS", "OPTIONS", []),
            ("not modified", "GET", [("If-None-Match", "*")]),
            ("modified", "GET", [("If-None-Match", '"other"')]),
            ("since", "GET", [("If-Modified-Since", future)]),
            ("unmodified", "GET", [("If-Unmodified-Since", "Sat, 01 Jan 1990 00:00:00 GMT")]),
            ("match", "GET", [("If-Match", '"other"')]),
            ("last", "GET", []),
        )
    ]
    tag = answers[0][1].header("ETag")
    if tag is not None:
        for method in ("GET", "HEAD"):
            answers.append((f"{method} with its ETag", ask(app, method, path, ("If-None-Match", tag))))
    return answers


def handler(answer: str) -> str:
    return f"def GET(req, res):\n    {answer}\n"


@pytest.fixture(scope="module", params=MIDDLEWARE)
def middleware(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def apps(middleware: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[App, App]:
    """Return an App without a cache and one with it, with a route for each way to answer."""
    root, made = tmp_path_factory.mktemp("answers"), []
    for declared in ("", "revalidate = 60"):
        sources = [f"{declared}\n{handler(answer)}" for answer in ANSWERS.values()]
        files = {f"pages/api/a{number}.py": source for number, source in enumerate(sources)}
        if MIDDLEWARE[middleware]:
            files["pages/api/_middleware.py"] = MIDDLEWARE[middleware]
        made.append(App(project(root / (declared or "plain"), files)))
    return made[0], made[1]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_cached_route_sends_what_it_sends_without_a_cache(
    apps: tuple[App, App], answer: str, middleware: str
) -> None:
    if answer in NOT_SEEN.get(middleware, ()):
        pytest.skip("what middleware has set before is not seen")
    path = f"/api/a{[*ANSWERS].index(answer)}"
    plain, cached = (asked(app, path) for app in apps)
    for (title, expected), (_, found) in zip(plain, cached, strict=True):
        is_ours = found.header("Cache-Control") == "private, no-cache" or not expected.header("Cache-Control")
        left_out = OURS | {"cache-control"} if is_ours else OURS
        assert seen(found, left_out) == seen(expected, left_out), title


def test_what_fails_is_told_to_no_cache_in_front(tmp_path: Path) -> None:
    failing = [answer for name, answer in ANSWERS.items() if name.startswith("an error")]
    for number, answer in enumerate(failing):
        app = app_of(tmp_path / str(number), "revalidate = 60\n" + handler(answer))
        assert "s-maxage" not in (call(app).header("Cache-Control") or "")


@pytest.mark.parametrize("answer", [name for name, source in ANSWERS.items() if "_cookie" in source])
def test_an_answer_that_sets_a_cookie_is_made_for_one_client(tmp_path: Path, answer: str) -> None:
    source = "revalidate = 60\nruns = []\n" + handler(f"runs.append(1)\n    {ANSWERS[answer]}")
    source += "def POST(): return len(runs)\n"
    app = app_of(tmp_path, source)
    for _ in range(4):
        call(app)
    assert int(call(app, "POST").text) >= 4
