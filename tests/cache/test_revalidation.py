from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiroutes import App, RevalidationError, revalidate_path, revalidate_tag
from apiroutes.cache.names import path_name
from apiroutes.http import parse_path, path_of
from tests.cache.revalidation_cases import INTERFACES, KINDS, NotingStore, served
from tests.support import HELLO, project, until

ROUTES = {
    "pages/api/index.py": HELLO,
    "pages/api/posts/[id].py": HELLO,
    "pages/api/posts/[id]/comments.py": HELLO,
    "pages/api/posts/new.py": HELLO,
    "pages/api/orgs/[org]/users.py": HELLO,
    "pages/api/rest/[...path].py": HELLO,
    "pages/api/perhaps/[[...path]].py": HELLO,
}


@pytest.fixture
def store(tmp_path: Path) -> NotingStore:
    """The store of the latest App, which code outside of a request uses."""
    return store_of(App(project(tmp_path, ROUTES)))


def store_of(app: App) -> NotingStore:
    return NotingStore(app, [])


# -- paths


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/posts/1", "path:/api/posts/1"),
        ("/", "path:/"),
        ("/api/c60/x%20y", "path:/api/c60/x%20y"),
        ("/api/c60/x y", "path:/api/c60/x%20y"),
        ("/api/%C3%A4", "path:/api/%C3%A4"),
        ("/api/%c3%a4", "path:/api/%C3%A4"),
        ("/api/ä", "path:/api/%C3%A4"),
        ("/%61pi/posts/%31", "path:/api/posts/1"),
        ("/api/a%2Fb", "path:/api/a%2Fb"),
        ("/api/a%3Fb%23c", "path:/api/a%3Fb%23c"),
        ("/api/a%5Cb", "path:/api/a%5Cb"),
        ("/api/100%25", "path:/api/100%25"),
        ("/api/posts/1/", "path:/api/posts/1"),
        ("/api//posts///1", "path:/api/posts/1"),
        ("/api/.hidden/...", "path:/api/.hidden/..."),
        ("/api/%5Bid%5D", "path:/api/%5Bid%5D"),
        ("/api/unheard-of", "path:/api/unheard-of"),
        ("/api/posts/[id]", "route:/api/posts/[id]"),
        ("/api/posts/[id]/", "route:/api/posts/[id]"),
        ("/api/rest/[...path]", "route:/api/rest/[...path]"),
        ("/api/perhaps/[[...path]]", "route:/api/perhaps/[[...path]]"),
    ],
)
def test_a_path_is_revalidated_by_its_name(store: NotingStore, path: str, name: str) -> None:
    revalidate_path(path)
    assert store.events == [name]


def _is_plain(segment: str) -> bool:
    return segment.isprintable() and {".", ".."}.isdisjoint(re.split(r"[/\\\\]", segment))


SEGMENTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(_is_plain))


@given(SEGMENTS)
def test_the_path_of_a_request_is_that_of_its_name(segments: list[str]) -> None:
    assert path_name(parse_path(path_of(segments))) == path_name(segments)


@given(st.text())
def test_every_text_is_a_path_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        segments = parse_path(text)
        assert parse_path(path_of(segments)) == segments


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "does not begin with '/'"),
        ("api/posts/1", "does not begin with '/'"),
        ("//evil.test/", "begins with two slashes"),
        ("///", "begins with two slashes"),
        ("https://169.254.169.254/latest", "does not begin with '/'"),
        ("\\\\evil", "does not begin with '/'"),
        ("/\\evil", "has '\\\\'"),
        ("/api/x?y=1", "has '?'"),
        ("/api/x#y", "has '#'"),
        ("/api/../x", "a dot segment"),
        ("/api/./x", "a dot segment"),
        ("/api/..", "a dot segment"),
        ("/api/%2e%2E/x", "a dot segment"),
        ("/api/.%2e/x", "a dot segment"),
        ("/api/..%5Cx", "a dot segment"),
        ("/api/..%2Fx", "a dot segment"),
        ("/api/x\x00", "a control character"),
        ("/api/x\r\ny", "a control character"),
        ("/api/x%00", "a control character"),
        ("/api/x%0a", "a control character"),
        ("/api/x\x7f", "a control character"),
        ("/api/x\x85", "a control character"),
        ("/api/100%", "'%' without two hexadecimal digits"),
        ("/api/%zz", "'%' without two hexadecimal digits"),
        ("/api/%u0041", "'%' without two hexadecimal digits"),
        ("/api/%ff", "malformed percent-encoding"),
        ("/api/%C3", "malformed percent-encoding"),
        ("/api/\ud800", "a lone surrogate"),
        ("/api/posts/[slug]", "Did you mean '/api/posts/[id]'?"),
        ("/api/[id]", "no route has '/api/[id]' as its pattern"),
        ("/api/posts/id]", "as its pattern"),
        ("/api%2Fposts/[id]", "as its pattern"),
        ("/api/orgs/[org]", "as its pattern"),
        ("/api/posts/[id]?x", "has '?'"),
    ],
)
def test_what_is_no_path_of_the_app_is_refused(store: NotingStore, path: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the next line)
        revalidate_path(path)
    assert reason in str(caught.value)
    assert store.events == []


@pytest.mark.parametrize("path", [None, b"/api/x", 1, ["/api/x"]])
def test_a_path_that_is_no_str_is_a_type_error(store: NotingStore, path: object) -> None:
    with pytest.raises(TypeError, match="a path must be a str"):
        revalidate_path(path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/api/posts", ["below:/api/posts"]),
        ("/api/posts/", ["below:/api/posts"]),
        ("/", ["below:/"]),
        ("/api/posts/[id]", ["route:/api/posts/[id]", "route:/api/posts/[id]/comments"]),
        ("/api/orgs/[org]", ["route:/api/orgs/[org]/users"]),
    ],
)
def test_a_layout_is_a_path_and_all_below_it(store: NotingStore, path: str, names: list[str]) -> None:
    revalidate_path(path, type="layout")
    assert sorted(store.events) == names


def test_a_layout_of_no_route_is_refused(store: NotingStore) -> None:
    with pytest.raises(ValueError, match=r"no route has '/api/\[x\]' or begins with it"):
        revalidate_path("/api/[x]", type="layout")


def test_a_page_is_a_path_alone(store: NotingStore) -> None:
    revalidate_path("/api/posts", type="page")
    assert store.events == ["path:/api/posts"]


@pytest.mark.parametrize(
    ("name", "value"), [("type", "Page"), ("type", ""), ("mode", "soft"), ("mode", None)]
)
def test_an_unknown_type_or_mode_is_refused(store: NotingStore, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must be '"):
        revalidate_path("/api/x", **{name: value})  # type: ignore[arg-type]
    assert store.events == []


def test_the_mode_stale_reaches_the_store(store: NotingStore) -> None:
    revalidate_path("/api/x", mode="stale")
    revalidate_tag("posts", mode="stale")
    assert store.events == ["path:/api/x (stale)", "tag:posts (stale)"]


def test_a_splat_is_a_path_and_a_pattern(tmp_path: Path) -> None:
    files = {"routes/api.files.$.py": HELLO}
    store = store_of(App(project(tmp_path, files)))
    revalidate_path("/api/files/$")
    revalidate_path("/api/other/$")
    assert store.events == ["path:/api/files/$", "route:/api/files/$", "path:/api/other/$"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/shop/api/x", "path:/shop/api/x"),
        ("/shop", "path:/shop"),
        ("/", "path:/"),
        ("/shop/api/posts/[id]", "route:/shop/api/posts/[id]"),
    ],
)
def test_paths_begin_with_the_base_path(tmp_path: Path, path: str, name: str) -> None:
    store = store_of(App(project(tmp_path, ROUTES), base_path="/shop"))
    revalidate_path(path)
    assert store.events == [name]


def test_a_path_outside_of_the_base_path_is_refused(tmp_path: Path) -> None:
    store = store_of(App(project(tmp_path, ROUTES), base_path="/shop"))
    with pytest.raises(ValueError, match="write '/shop/api/x'"):
        revalidate_path("/api/x")
    assert store.events == []


# -- tags


@pytest.mark.parametrize("tag", ["p", "post:1", "ä", "x" * 256, "[id]", "/api"])
def test_a_tag_is_revalidated_by_its_name(store: NotingStore, tag: str) -> None:
    revalidate_tag(tag)
    assert store.events == [f"tag:{tag}"]


@pytest.mark.parametrize("tag", ["", "x" * 257, "a b", "a\n", "\x00", "\x7f", "\u200b", "\ud800"])
def test_what_is_no_tag_is_refused(store: NotingStore, tag: str) -> None:
    with pytest.raises(ValueError, match="1 to 256 visible characters"):
        revalidate_tag(tag)
    assert store.events == []


@pytest.mark.parametrize("tag", [None, b"posts", ["posts"]])
def test_a_tag_that_is_no_str_is_a_type_error(store: NotingStore, tag: object) -> None:
    with pytest.raises(TypeError, match="1 to 256 visible characters"):
        revalidate_tag(tag)  # type: ignore[arg-type]


# -- outside of a request


def test_the_latest_app_is_revalidated_outside_of_requests(tmp_path: Path) -> None:
    first = store_of(App(project(tmp_path / "first", ROUTES)))
    second = store_of(App(project(tmp_path / "second", ROUTES)))
    revalidate_path("/api/x")
    assert (first.events, second.events) == ([], ["path:/api/x"])


def test_without_an_app_the_error_says_what_to_do() -> None:
    script = "from apiroutes import revalidate_tag; revalidate_tag('posts')"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "RuntimeError: there is no App yet" in ended.stderr
    assert "apiroutes cache revalidate" in ended.stderr


def test_a_store_that_fails_is_an_error_in_plain_code(store: NotingStore) -> None:
    store.fails = True
    with pytest.raises(RevalidationError, match="did not accept the revalidation of path:/api/x: it is full"):
        revalidate_path("/api/x")


def test_what_plain_code_has_begun_can_be_awaited(store: NotingStore) -> None:
    revalidation = revalidate_path("/api/x")

    async def wait() -> None:
        await revalidation
        await revalidation

    asyncio.run(wait())
    assert store.events == ["path:/api/x"]


def test_a_coroutine_of_a_script_can_await_it(store: NotingStore) -> None:
    async def run() -> list[str]:
        await revalidate_path("/api/x")
        return [*store.events]

    assert asyncio.run(run()) == ["path:/api/x"]


def test_a_script_ends_with_what_its_coroutine_has_begun(store: NotingStore) -> None:
    async def run() -> None:
        revalidate_path("/api/x")

    asyncio.run(run())
    assert store.events == ["path:/api/x"]


def test_a_coroutine_of_a_script_gets_the_error(store: NotingStore) -> None:
    store.fails = True

    async def run() -> None:
        with pytest.raises(RevalidationError):
            await revalidate_path("/api/x")

    asyncio.run(run())


def test_an_error_that_nobody_waited_for_is_logged(
    store: NotingStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.fails = True

    async def run() -> None:
        revalidate_path("/api/x")

    with caplog.at_level(logging.ERROR, "apiroutes"):
        asyncio.run(run())
    assert "A revalidation that nobody waited for failed" in caplog.text


# -- inside a request

X = "path:/api/y"


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", ["revalidate_path('/api/y')", "res.revalidate('/api/y')"])
def test_it_is_done_at_the_call_and_before_the_head(
    tmp_path: Path, interface: str, kind: str, call: str
) -> None:
    app = served(tmp_path, f"def POST(req, res):\n    {call}\n    return {{}}", interface, kind)
    assert app.call().status == 200
    assert app.events == [X, X, "sent 200"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_that_computes_for_the_store_can_revalidate(
    tmp_path: Path, interface: str, kind: str
) -> None:
    lines = "revalidate_tag('t')", "res.revalidate('/api/y')", "return {}"
    source = f"revalidate = 60\n{kind} GET(req, res):\n    " + "\n    ".join(lines)
    app = served(tmp_path, source, interface)
    assert app.call("GET").status == 200
    assert sorted(app.events[:2]) == sorted(app.events[2:4]) == [X, "tag:t"]
    assert app.events[4:] == ["sent 200"]


@pytest.mark.parametrize("interface", INTERFACES)
def test_an_awaited_call_has_been_done(tmp_path: Path, interface: str) -> None:
    lines = (
        "await revalidate_path('/api/y')",
        "note('awaited')",
        "await res.revalidate('/api/z')",
        "return {}",
    )
    app = served(tmp_path, "async def POST(req, res):\n    " + "\n    ".join(lines), interface)
    assert app.call().status == 200
    z = "path:/api/z"
    assert app.events == [X, "awaited", z, X, z, "sent 200"]


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_commit_after_the_call_is_followed_by_another(tmp_path: Path, interface: str) -> None:
    middleware = "def middle(req, res, next):\n    next()\n    note('commit')\nmiddleware = [middle]"
    dependency = "def session():\n    yield\n    note('closed')\n"
    post = "def POST(req, res, session: Annotated[object, Depends(session)]):"
    handler = f"{dependency}{post}\n    revalidate_tag('t')\n    return {{}}"
    app = served(tmp_path, handler, interface, files={"pages/api/_middleware.py": middleware})
    app.call()
    assert app.events == ["tag:t", "closed", "commit", "tag:t", "sent 200"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_repeated_once_in_each_mode(tmp_path: Path, interface: str, kind: str) -> None:
    calls = "[revalidate_tag('t', mode=mode) for mode in ('expire', 'stale', 'expire')]"
    app = served(tmp_path, f"def POST(req, res):\n    {calls}\n    return {{}}", interface, kind)
    app.call()
    assert sorted(app.events[:3]) == ["tag:t", "tag:t", "tag:t (stale)"]
    assert sorted(app.events[3:5]) == ["tag:t", "tag:t (stale)"]
    assert app.events[5:] == ["sent 200"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["raise ValueError('after it')"], 500),
        (["raise ApiError(409, 'no')"], 409),
        (["res.json({})", "raise ValueError('after its response')"], 500),
        (["res.status(201)", "return object()"], 500),
        (["return None"], 500),
    ],
)
@pytest.mark.parametrize("has_middleware", [False, True])
def test_it_is_repeated_before_an_error(
    tmp_path: Path, interface: str, kind: str, lines: list[str], status: int, has_middleware: bool
) -> None:
    middleware = "def middle(req, res, next):\n    next()\nmiddleware = [middle]"
    files = {"pages/api/_middleware.py": middleware} if has_middleware else {}
    source = "\n    ".join(["def POST(req, res):", "revalidate_tag('t')", "res.revalidate('/api/y')", *lines])
    app = served(tmp_path, source, interface, kind, files)
    answer = app.call()
    assert answer.status in (status, 200)  # without middleware a response that was given stands
    assert sorted(app.events[:2]) == sorted(app.events[2:4]) == [X, "tag:t"]
    assert app.events[4:] == [f"sent {answer.status}"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
def test_it_outlives_a_response_that_middleware_replaces(tmp_path: Path, interface: str, kind: str) -> None:
    middleware = (
        "def middle(req, res, next):\n    next()\n    return {'instead': True}\nmiddleware = [middle]"
    )
    files = {"pages/api/_middleware.py": middleware}
    app = served(
        tmp_path, "def POST(req, res):\n    res.revalidate('/api/y')\n    return {}", interface, kind, files
    )
    assert app.call().json() == {"instead": True}
    assert app.events == [X, X, "sent 200"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", ["revalidate_path('/api/y')", "res.revalidate('/api/y')"])
@pytest.mark.parametrize(
    "end", ["return {}", "res.write('a')", "raise ValueError()", "import time; time.sleep(5)"]
)
def test_it_is_repeated_behind_a_deadline(
    tmp_path: Path, interface: str, kind: str, call: str, end: str
) -> None:
    if kind == "async def":
        end = end.replace("import time; time.sleep", "import asyncio; await asyncio.sleep")
    source = f"config = {{'maxDuration': 1}}\ndef POST(req, res):\n    {call}\n    {end}"
    app = served(tmp_path, source, interface, kind)
    answer = app.call()
    assert app.events == [X, X, f"sent {answer.status}"]


WSGI = """
from apiroutes.middleware import from_wsgi

def twice(application):
    def call(environ, start_response):
        list(application(environ, lambda *head: lambda chunk: None))
        content = list(application(environ, start_response))
        note("wsgi")
        return content
    return call

middleware = [from_wsgi(twice)]
"""


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", ["revalidate_path('/api/y')", "res.revalidate('/api/y')"])
@pytest.mark.parametrize("end", ["return {}", "raise ValueError()", "return iter('ab')"])
def test_it_is_repeated_once_behind_wsgi_middleware(
    tmp_path: Path, interface: str, kind: str, call: str, end: str
) -> None:
    source = f"def POST(req, res):\n    {call}\n    {end}"
    app = served(tmp_path, source, interface, kind, {"pages/api/_middleware.py": WSGI})
    answer = app.call()
    assert sorted(app.events[:3]) == sorted([X, X, "wsgi"])
    *repeated, sent = app.events[3:]
    assert sent == f"sent {answer.status}"
    # The thread that a coroutine has begun it in may still be at it, and then it is done once more.
    assert repeated == [X] or (kind == "async def" and repeated == [X, X])


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_repeated_before_the_first_write(tmp_path: Path, interface: str, kind: str) -> None:
    lines = "res.revalidate('/api/y')", "revalidate_tag('t')", "res.write('a')", "note('wrote')", "res.end()"
    app = served(tmp_path, "def POST(req, res):\n    " + "\n    ".join(lines), interface, kind)
    assert app.call().text == "a"
    events = [event for event in app.events if event != "wrote"]  # on a loop it does not wait
    assert sorted(events[:4]) == [X, X, "tag:t", "tag:t"]
    assert events[4:] == ["sent 200"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
def test_in_a_stream_it_is_done_at_the_call_alone(tmp_path: Path, interface: str, kind: str) -> None:
    chunks = f"{kind} chunks():\n    yield b'a'\n    revalidate_tag('t')\n    yield b'b'\n"
    app = served(tmp_path, f"{chunks}def POST(req, res):\n    return chunks()", interface)
    assert app.call().text == "ab"
    until(lambda: app.events == ["sent 200", "tag:t"])  # a coroutine has only begun it


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
def test_after_the_response_it_is_done_at_the_call_alone(tmp_path: Path, interface: str, kind: str) -> None:
    later = f"{kind} later():\n    revalidate_tag('t')\n"
    app = served(tmp_path, f"{later}def POST(req, res):\n    after(later)\n    return {{}}", interface)
    app.call()
    until(lambda: sorted(app.events) == ["sent 200", "tag:t"])  # a coroutine has only begun it


@pytest.mark.parametrize("interface", INTERFACES)
def test_functions_of_before_head_come_first(tmp_path: Path, interface: str) -> None:
    lines = "res.before_head(lambda: note('hook'))", "revalidate_tag('t')", "return {}"
    app = served(tmp_path, "def POST(req, res):\n    " + "\n    ".join(lines), interface)
    app.call()
    assert app.events == ["tag:t", "hook", "tag:t", "sent 200"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_store_that_fails_makes_the_answer_a_500(
    tmp_path: Path, interface: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = "def POST(req, res):\n    for tag in 'abcd': revalidate_tag(tag)\n    return {}"
    app = served(tmp_path, source, interface, kind)
    app.store.fails = True
    assert app.call().status == 500
    assert app.events[-1] == "sent 500"
    assert "RevalidationError" in caplog.text


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_store_that_fails_later_makes_the_answer_a_500(tmp_path: Path, interface: str, kind: str) -> None:
    wait = "await " if kind == "async def" else ""
    lines = f"for tag in 'abcd': {wait}revalidate_tag(tag)", "note('called')", "fail()", "return {}"
    app = served(tmp_path, "def POST(req, res):\n    " + "\n    ".join(lines), interface, kind)
    assert app.call().status == 500
    assert app.events == ["tag:a", "tag:b", "tag:c", "tag:d", "called", *["refused"] * 4, "sent 500"]


@pytest.mark.parametrize("interface", INTERFACES)
def test_an_error_that_a_coroutine_has_caught_is_its_own_affair(tmp_path: Path, interface: str) -> None:
    lines = (
        "from apiroutes import RevalidationError",
        "try: await revalidate_tag('t')",
        "except RevalidationError: return {'caught': True}",
    )
    app = served(tmp_path, "async def POST(req, res):\n    " + "\n    ".join(lines), interface)
    app.store.fails = True
    assert app.call().json() == {"caught": True}
    assert app.events == ["refused", "sent 200"]


@pytest.mark.parametrize("end", ["return thread", "res.write(str(thread))"])
def test_a_coroutine_does_not_hold_its_loop(tmp_path: Path, end: str) -> None:
    lines = "import threading", "thread = threading.get_ident()", "revalidate_tag('t')", end
    app = served(tmp_path, "async def POST(req, res):\n    " + "\n    ".join(lines), "asgi")
    loop_thread = app.call().json()
    assert len(app.store.threads) == 2
    assert loop_thread not in app.store.threads


def test_a_store_that_fails_lets_nothing_leave_that_a_coroutine_writes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = "revalidate_tag('t')", "fail()", "res.write('a')", "res.end()"
    app = served(tmp_path, "async def POST(req, res):\n    " + "\n    ".join(lines), "asgi")
    with pytest.raises(OSError):  # noqa: PT011  (which cuts the connection)
        app.call()
    assert "sent 200" not in app.events
    assert "RevalidationError" in caplog.text


@pytest.mark.parametrize("interface", INTERFACES)
def test_an_import_inside_the_handler_is_enough(tmp_path: Path, interface: str) -> None:
    handler = "def POST(req, res):\n    import apiroutes\n    apiroutes.revalidate_tag('t')\n    return {}"
    script = f"""
import pathlib
from apiroutes import App
from tests.cache.revalidation_cases import Served
from tests.support import project
root = pathlib.Path({str(tmp_path)!r})
served = Served(App(project(root, {{"pages/api/x.py": {handler!r}}})), [], [], {interface!r})
served.call()
print(served.events)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.stdout == "['tag:t', 'tag:t', 'sent 200']\n", ended.stderr
