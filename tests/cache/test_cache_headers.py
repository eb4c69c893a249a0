"""What leaves a cached route where middleware is around it: a hit is as a handler's answer to it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.cache.route_cases import INTERFACES, KINDS, Routed, get_of, routed, said
from tests.support import Answer

both = pytest.mark.parametrize("interface", INTERFACES)

# What middleware does around a handler.
AROUND = {
    "headers before": "res.set_header('X-A', 'b')\n    res.set_header('Vary', 'Origin')\n    NEXT",
    "headers after": "NEXT\n    res.set_header('X-A', 'b')\n    res.append_header('Vary', 'Origin')",
    "a header for each request": "NEXT\n    res.set_header('X-N', str(next_number()))",
    "a cookie": "NEXT\n    res.set_cookie('a', req.headers.get('X-User', 'nobody'))",
    "a cookie before": "res.set_cookie('a', req.headers.get('X-User', 'nobody'))\n    NEXT",
    "a status before": "res.status(202)\n    NEXT",
    "a status after": "NEXT\n    res.status(202)",
    "a type before": "res.set_header('Content-Type', 'text/x-before')\n    NEXT",
    "a type after": "NEXT\n    res.set_header('Content-Type', 'text/x-after')",
    "Cache-Control before": "res.set_header('Cache-Control', 'private')\n    NEXT",
    "Cache-Control after": "NEXT\n    res.set_header('Cache-Control', 'private')",
    "what it removes": "NEXT\n    res.remove_header('X-Own')\n    res.remove_header('ETag')",
    "another answer": "NEXT\n    res.json({'of': 'middleware'})",
    "a returned answer": "NEXT\n    return json({'of': 'middleware'})",
    "an answer instead": "return json({'of': 'middleware'})",
    "an error after": "NEXT\n    raise ApiError(418)",
    "a look at the body": "NEXT\n    res.set_header('X-Body', str(len(res.body or b'')))",
    "a look at the status": "NEXT\n    res.set_header('X-Seen', str(res.status_code))",
    "a look at a header": "NEXT\n    res.set_header('X-Seen', str(res.headers.get('X-Own')))",
    "before the head": (
        "res.before_head(lambda sent: sent.set_header('X-Head', str(sent.status_code)))\n    NEXT"
    ),
    "an ETag": "NEXT\n    res.set_header('ETag', '\"middleware\"')",
    "Cache-Status": "NEXT\n    res.append_header('Cache-Status', 'own; hit')",
    "Age": "res.set_header('Age', '7')\n    NEXT",
}
HANDLERS = {
    "JSON": "res.set_header('X-Own', 'own')\n    return {'a': 1}",
    "text": "res.set_header('X-Own', 'own')\n    return 'a'",
    "a status": "return res.status(203).json(1)",
    "the usual status": "return res.status(200).json(1)",
    "nothing": "return res.status(204).end()",
    "a type": "res.set_header('Content-Type', 'text/csv')\n    return 'a,b'",
    "an error": "raise ApiError(404)",
    "Vary": "res.set_header('Vary', 'Accept')\n    return 1",
    "a redirect": "res.redirect(308, '/y')",
}
# The headers that tell of the cache.
OURS = {"Age", "Cache-Status", "Date", "Cache-Control", "Vary", "X-N"}


@both
@pytest.mark.parametrize("handler_kind", KINDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("around", AROUND)
def test_a_hit_passes_middleware_as_an_answer_of_the_handler(
    tmp_path: Path, around: str, kind: str, handler_kind: str, interface: str
) -> None:
    source = AROUND[around].replace("NEXT", "await next()" if kind == "async def" else "next()")
    middleware = (
        "numbers = iter(range(1000))\ndef next_number(): return __builtins__['next'](numbers)\n"
        f"{kind} middleware(req, res, next):\n    {source}\n"
    )
    for title, lines in HANDLERS.items():
        plain, cached = (
            routed(
                tmp_path / f"{title}{len(declared)}",
                get_of(lines, declared=declared, kind=handler_kind),
                interface,
                files={"pages/api/_middleware.py": middleware},
            )
            for declared in ("", "revalidate = 60")
        )
        for user in ("ada", "ben", "cy"):
            expected, found = (app.get(headers={"X-User": user}) for app in (plain, cached))
            assert seen_of(found) == seen_of(expected), title
            assert members(expected, "Vary") <= members(found, "Vary")
            if around.startswith("Cache-Control"):
                assert found.header("Cache-Control") == expected.header("Cache-Control")
            if title != "an error" and "instead" not in around and "answer" not in around:
                assert (said(found) == "hit") == (user != "ada") or "error" in around


def seen_of(answer: Answer) -> object:
    return (
        answer.status,
        answer.body,
        sorted((name, value) for name, value in answer.headers if name not in OURS),
    )


def members(answer: Answer, name: str) -> set[str]:
    return {member.strip().lower() for value in answer.all(name) for member in value.split(",") if member}


# -- middleware that many projects have ----------------------------------------------------------


@both
def test_cors_is_of_each_request(tmp_path: Path, interface: str) -> None:
    middleware = (
        "from apiroutes.middleware import cors\nmiddleware = cors(['https://a.test', 'https://b.test'])\n"
    )
    app = routed(tmp_path, get_of(), interface, files={"pages/api/_middleware.py": middleware})
    answers = [app.get(headers={"Origin": f"https://{name}.test"}) for name in "abcab"]
    allowed = [answer.header("Access-Control-Allow-Origin") for answer in answers]
    assert allowed == ["https://a.test", "https://b.test", None, "https://a.test", "https://b.test"]
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", *["hit"] * 4]
    assert all(members(answer, "Vary") == {"origin", "cookie"} for answer in answers)


@both
def test_each_request_has_its_own_id(tmp_path: Path, interface: str) -> None:
    middleware = "from apiroutes.middleware import request_id\nmiddleware = request_id()\n"
    app = routed(tmp_path, get_of(), interface, files={"pages/api/_middleware.py": middleware})
    identifiers = [app.get().header("X-Request-Id") for _ in range(3)]
    assert None not in identifiers
    assert len({*identifiers}) == 3
    assert len(app.seen) == 1


COMPRESSING = """
import gzip
from apiroutes import from_wsgi

def compress(app):
    def compressed(environ, start_response):
        head = []
        def start(status, headers, exc_info=None):
            head[:] = [status, headers]
            return lambda data: None
        content = app(environ, start)
        body = b"".join(content)
        close = getattr(content, "close", None)
        if close is not None:
            close()
        status, headers = head
        if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "") and status.startswith("200"):
            body = gzip.compress(body, mtime=0)
            headers = [(n, v) for n, v in headers if n.lower() not in ("content-length", "vary", "etag")]
            headers += [("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))]
            headers.append(("Vary", "Accept-Encoding"))
        start_response(status, headers)
        return [body]
    return compressed

middleware = from_wsgi(compress)
"""


@both
def test_compression_is_of_each_request(tmp_path: Path, interface: str) -> None:
    app = routed(
        tmp_path, get_of("return 'x' * 1000"), interface, files={"pages/api/_middleware.py": COMPRESSING}
    )
    encodings = ["gzip", "", "gzip", ""]
    answers = [app.get(headers={"Accept-Encoding": encoding}) for encoding in encodings]
    bodies = [gzip.decompress(a.body) if a.header("Content-Encoding") else a.body for a in answers]
    assert bodies == [b"x" * 1000] * 4
    assert [answer.header("Content-Encoding") for answer in answers] == ["gzip", None, "gzip", None]
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", "hit", "hit", "hit"]
    assert len(app.seen) == 1


@both
def test_an_error_that_middleware_catches_is_an_answer(tmp_path: Path, interface: str) -> None:
    middleware = (
        "def middleware(req, res, next):\n    try:\n        return next()\n"
        "    except ValueError:\n        res.status(502).json({'caught': True})\n"
    )
    app = routed(
        tmp_path, get_of("raise ValueError()"), interface, files={"pages/api/_middleware.py": middleware}
    )
    if interface == "asgi":
        middleware = middleware.replace("def", "async def").replace("return next", "return await next")
        app = routed(
            tmp_path / "async",
            get_of("raise ValueError()"),
            interface,
            files={"pages/api/_middleware.py": middleware},
        )
    answers = [app.get(), app.get()]
    assert [answer.status for answer in answers] == [502, 502]
    assert ["stored" in str(said(answer)) for answer in answers] == [False, False]


# -- the response that a handler sends twice -----------------------------------------------------

TWICE = {
    "an answer twice": "res.json({'a': 1})\n    res.json({'b': 1})",
    "a header after the answer": "res.json({'a': 1})\n    res.set_header('X-A', 'b')",
    "a status after the answer": "res.json({'a': 1})\n    res.status(404)",
    "a value after the answer": "res.json({'a': 1})\n    return {'b': 1}",
    "an error after the answer": "res.json({'a': 1})\n    raise ValueError('late')",
    "caught by the handler": (
        "res.json({'a': 1})\n    try: res.json({'b': 1})\n    except RuntimeError: pass"
    ),
    "an answer after a stream": "res.send(iter(['a']))\n    res.json(1)",
    "written after the answer": "res.json({'a': 1})\n    res.write('a')",
}


@both
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("middleware", ["", "def middleware(req, res, next):\n    return next()\n"])
@pytest.mark.parametrize("name", TWICE)
def test_a_second_answer_is_refused_as_without_a_cache(
    tmp_path: Path,
    name: str,
    middleware: str,
    kind: str,
    interface: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    files = {"pages/api/_middleware.py": middleware} if middleware else {}
    shown = []
    for declared in ("", "revalidate = 60"):
        caplog.clear()
        app = routed(
            tmp_path / f"p{len(declared)}",
            get_of(TWICE[name], declared=declared, kind=kind),
            interface,
            files=files,
        )
        answers = [app.get() for _ in range(2)]
        assert [answer.status for answer in answers] == [answers[0].status] * 2
        faults = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        shown.append((seen_of(answers[0]), seen_of(answers[1]), faults[:1]))
    assert shown[0] == shown[1]


def test_the_app_is_the_same_by_both_interfaces(tmp_path: Path) -> None:
    app = routed(tmp_path, get_of())
    assert seen_of(app.get()) == seen_of(Routed(app.app, "asgi").get())
