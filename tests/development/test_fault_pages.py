"""A fault as the development server shows it: as a page, as text and as JSON."""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from apiroutes import App
from apiroutes.development.application import load_application
from tests.support import Answer, call, project

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
JSON = "application/json"
# Python 3.10 knows no columns.
MARKS = pytest.mark.skipif(sys.version_info < (3, 11), reason="PEP 657 came with Python 3.11")


def fault(root: Path, handler: str, accept: str | None = None, **request: Any) -> Answer:
    """The answer of a route of the development server, `pages/api/x.py` with this source."""
    files = request.pop("files", {})
    app = load_application(project(root, {"pages/api/x.py": handler, **files}), lambda line: None)
    answer = call(app, HTTP_ACCEPT=accept, **request)
    assert answer.status == 500
    return answer


def page(root: Path, handler: str, **request: Any) -> str:
    return fault(root, handler, HTML, **request).text


def text(root: Path, handler: str, **request: Any) -> str:
    return fault(root, handler, **request).text


def shown(page: str) -> str:
    """What a page says, without its copy as text."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.partition('<details class="more" id="text">')[0]))


FAILING = "def GET(req):\n    value = 1\n    return value + len(req.nothing) + value\n"


# -- the three forms ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (HTML, "text/html; charset=utf-8"),
        (JSON, "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("*/*", "text/plain; charset=utf-8"),
        (None, "text/plain; charset=utf-8"),
    ],
)
def test_a_client_gets_the_form_that_it_prefers(tmp_path: Path, accept: str | None, media_type: str) -> None:
    answer = fault(tmp_path, FAILING, accept)
    assert answer.header("Content-Type") == media_type
    assert answer.header("Cache-Control") == "no-store"
    assert b"AttributeError" in answer.body


@MARKS
def test_the_text_begins_with_the_error_and_the_marked_place(tmp_path: Path) -> None:
    expected = """\
AttributeError: 'Request' object has no attribute 'nothing'

pages/api/x.py:3 in GET
    1 | def GET(req):
    2 |     value = 1
  > 3 |     return value + len(req.nothing) + value
      |                        ^^^^^^^^^^^

Request: GET /api/x
Route: /api/x (pages/api/x.py:1, GET)
"""
    # Through one of the interfaces the handler is made async.
    assert text(tmp_path, FAILING).replace("async def", "def") == expected


@MARKS
def test_the_page_marks_the_expression_that_failed(tmp_path: Path) -> None:
    assert "<mark>req.nothing</mark>" in page(tmp_path, FAILING)


@MARKS
def test_an_expression_of_several_lines_is_marked_in_each(tmp_path: Path) -> None:
    handler = "def GET():\n    return sum(\n        ['é'],\n    )\n"
    assert re.findall("<mark>(.*?)</mark>", page(tmp_path, handler)) == [
        "sum(",
        "[&#x27;é&#x27;],",
        ")",
    ]


@MARKS
@pytest.mark.parametrize(
    "handler",
    [
        "def GET():\n    for k in 1 + 1: pass\n",
        "def GET():\n    for k in 1 + 1:\n        pass\n",
        "def GET(): return [k for k in 1 + 1]\n",
        "def GET():\n    with 1 + 1 as k:\n        return k\n",
    ],
)
def test_of_a_statement_what_it_goes_through_or_enters_is_marked(tmp_path: Path, handler: str) -> None:
    assert re.findall("<mark>(.*?)</mark>", page(tmp_path, handler)) == ["1 + 1"]


@MARKS
def test_a_mark_stands_below_its_characters_after_wide_ones_and_tabs(tmp_path: Path) -> None:
    handler = "def GET():\n\treturn 'ü€😀', none\n"
    lines = text(tmp_path, handler).splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("  > 2"))
    assert lines[at].index("none") == lines[at + 1].index("^")
    assert lines[at + 1].count("^") == 4


def test_the_problem_document_has_the_place_and_the_frames(tmp_path: Path) -> None:
    problem = fault(tmp_path, FAILING, JSON).json()
    assert (problem["title"], problem["status"]) == ("Internal Server Error", 500)
    assert problem["detail"] == "AttributeError: 'Request' object has no attribute 'nothing'"
    assert problem["place"] == "pages/api/x.py:3"
    assert problem["frames"][-1] == {
        "file": "pages/api/x.py",
        "line": 3,
        "function": "GET",
        "source": "return value + len(req.nothing) + value",
        "own": True,
    }
    assert problem["route"]["place"] == "pages/api/x.py:1"


# -- frames -----------------------------------------------------------------------------------------

CALLS = {
    "pages/api/_first.py": "from ._second import second\ndef first(): return second()\n",
    "pages/api/_second.py": "import json\ndef second(): return json.loads('{')\n",
}
CALLING = "from ._first import first\ndef GET(): return first()\n"


def test_the_innermost_frame_of_the_project_is_shown_first(tmp_path: Path) -> None:
    document = page(tmp_path, CALLING, files=CALLS)
    places = re.findall(r'<span class="path">([^<]*)</span>', document)
    assert places[0] == "pages/api/_second.py:2"
    own = [place for place in places[1:] if place.startswith("pages/")]
    assert own[:3] == ["pages/api/x.py:2", "pages/api/_first.py:2", "pages/api/_second.py:2"]


def test_frames_that_call_the_projects_own_code_are_open_and_those_that_pass_on_are_folded(
    tmp_path: Path,
) -> None:
    files = {**CALLS, "pages/api/_middleware.py": "def middleware(req, res, next): next()\n"}
    document = page(tmp_path, CALLING, files=files)
    states = re.findall(r'<details( open)?><summary><span class="path">([^<]*)<', document)
    assert states == [
        ("", "pages/api/_middleware.py:1"),
        (" open", "pages/api/x.py:2"),
        (" open", "pages/api/_first.py:2"),
    ]


def test_frames_of_others_are_folded_in_groups(tmp_path: Path) -> None:
    document = page(tmp_path, CALLING, files=CALLS)
    groups = re.findall(r'<details class="foreign"><summary>([^<]*)</summary>', document)
    assert groups[0].endswith("in apiroutes")
    assert groups[-1] == "3 calls in Python"


def test_the_text_has_the_frame_that_raised_though_it_is_not_the_projects(tmp_path: Path) -> None:
    lines = text(tmp_path, CALLING, files=CALLS).splitlines()
    assert "  (2 calls in Python)" in lines
    assert any(line.startswith("  json/decoder.py:") for line in lines)


@pytest.mark.parametrize("place", [".venv/lib/python3/site-packages", "vendor/dist-packages"])
def test_a_library_below_the_project_is_not_its_own(tmp_path: Path, place: str) -> None:
    files = {f"{place}/installed.py": "def fail(): raise RuntimeError('there')\n"}
    path = f"import sys\nsys.path.append({str(tmp_path / place)!r})\n"
    handler = f"{path}from installed import fail\ndef GET(): fail()\n"
    sys.modules.pop("installed", None)
    problem = fault(tmp_path, handler, JSON, files=files).json()
    assert problem["place"] == "pages/api/x.py:4"
    assert (problem["frames"][-1]["file"], problem["frames"][-1]["own"]) == ("installed.py", False)


def test_without_a_frame_of_the_project_the_handler_is_shown(tmp_path: Path) -> None:
    handler = "def GET():\n    return {'key': object()}\n"
    assert fault(tmp_path, handler, JSON).json()["place"] == "pages/api/x.py:2"
    assert "<mark>{&#x27;key&#x27;: object()}</mark>" in page(tmp_path, handler)


# Middleware, and the line of it that is marked.
REFUSED = {
    "def mw(req, res, next):\n    return {}, 401": "3 in mw",
    "def mw(req, res, next):\n    if 0: return 1\n    return {}, 401": "4 in mw",
    "def mw(req, res, next):\n    if 0: return 1\n    return object()": "2 in mw",
    "def mw(req, res, next):\n    pass": "2 in mw",
    "def mw(req, res, next):\n    return next": "3 in mw",
    "async def mw(req, res, next):\n    1\n    next()": "4 in mw",
    "class A:\n    def __call__(self, req, res, next):\n        return {}, 401\nmw = A()": "4 in __call__",
}


@pytest.mark.parametrize("source", REFUSED)
def test_a_refused_result_is_marked_where_it_is_returned(tmp_path: Path, source: str) -> None:
    handler = f"from apiroutes import use\n{source}\n@use(mw)\ndef GET(): return 1\n"
    outer = {"pages/api/_middleware.py": "def middleware(req, res, next):\n    next()\n"}
    for files in ({}, outer):  # also inside middleware that has called `next()`
        shown = text(tmp_path / str(len(files)), handler, files=files)
        assert shown.split("\n")[2] == f"pages/api/x.py:{REFUSED[source]}"
        assert str(tmp_path) not in shown


@pytest.mark.parametrize(
    ("handler", "line"),
    [("def GET():\n    return {}, 201\n", 2), ("def GET():\n    x = {}\n", 2), ("def GET():\n    pass\n", 1)],
)
def test_a_refused_result_of_a_handler_inside_middleware_is_marked(
    tmp_path: Path, handler: str, line: int
) -> None:
    files = {"pages/api/_middleware.py": "def middleware(req, res, next):\n    next()\n"}
    assert text(tmp_path, handler, files=files).split("\n")[2] == f"pages/api/x.py:{line} in GET"


def test_a_recursion_is_one_turn(tmp_path: Path) -> None:
    handler = "def even(n): return odd(n)\ndef odd(n): return even(n)\ndef GET(): return even(1)\n"
    document = text(tmp_path, handler)
    assert re.search(r"\(these 2 calls repeated [0-9]{3} more times\)", document)
    assert document.count("in odd") < 5
    assert len(document.splitlines()) < 50


def test_a_deep_stack_without_a_turn_is_bounded(tmp_path: Path) -> None:
    functions = "".join(f"def f{n}(): return f{n + 1}()\n" for n in range(300))
    handler = f"{functions}def f300(): return 1 / 0\ndef GET(): return f0()\n"
    document = page(tmp_path, handler)
    assert "more calls are left out" in document
    assert len(document) < 250_000


def test_a_file_that_was_changed_since_its_import_shows_no_lines(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": FAILING})
    app = load_application(root, lambda line: None)
    (root / "pages/api/x.py").write_text(f"# a line more\n{FAILING}", encoding="utf-8")
    answer = call(app, HTTP_ACCEPT=HTML)
    assert "was changed since it was imported" in answer.text
    assert "<mark>" not in answer.text
    assert "value = 1" not in answer.text


def test_a_file_that_was_touched_only_shows_its_lines(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": FAILING})
    app = load_application(root, lambda line: None)
    os.utime(root / "pages/api/x.py", (time.time() + 5, time.time() + 5))
    assert "value = 1" in call(app, HTTP_ACCEPT=HTML).text


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_warnings_of_a_source_are_not_repeated(tmp_path: Path) -> None:
    handler = "PATTERN = '\\d'\ndef GET(): return 1 / 0\n"
    root = project(tmp_path, {"pages/api/x.py": handler})
    app = load_application(root, lambda line: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = call(app, HTTP_ACCEPT=HTML)
    assert "return <mark>1 / 0</mark>" in answer.text


def test_a_file_that_is_gone_shows_no_lines(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": FAILING})
    app = load_application(root, lambda line: None)
    (root / "pages/api/x.py").unlink()
    answer = call(app, HTTP_ACCEPT=HTML)
    assert "AttributeError" in answer.text
    assert "value = 1" not in answer.text


# -- exceptions -------------------------------------------------------------------------------------


def test_a_cause_follows_with_its_own_place(tmp_path: Path) -> None:
    handler = """
def find():
    return {}["key"]

def GET():
    try:
        find()
    except KeyError as error:
        raise RuntimeError("no user") from error
"""
    document = text(tmp_path, handler)
    first, cause, second = document.partition("It was caused by:\n\nKeyError: 'key'")
    assert first.startswith("RuntimeError: no user")
    assert cause
    assert "pages/api/x.py:3 in find" in second
    problem = fault(tmp_path, handler, JSON).json()
    assert [each["exception"]["type"] for each in problem["causes"]] == ["KeyError"]


def test_a_context_is_shown_unless_it_is_suppressed(tmp_path: Path) -> None:
    handler = "def GET():\n    try:\n        {}['key']\n    except KeyError:\n        raise RuntimeError('x')"
    assert "It was raised while this was handled:" in text(tmp_path / "shown", handler)
    assert "handled" not in text(tmp_path / "suppressed", f"{handler} from None")


def test_a_chain_that_leads_to_itself_ends(tmp_path: Path) -> None:
    handler = """
def GET():
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    raise first
"""
    assert text(tmp_path, handler).count("RuntimeError: first") == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="notes came with Python 3.11")
def test_notes_are_shown(tmp_path: Path) -> None:
    handler = """
def GET():
    error = ValueError("wrong")
    error.add_note("while <b>reading</b>")
    raise error
"""
    document = page(tmp_path, handler)
    assert '<p class="note">while &lt;b&gt;reading&lt;/b&gt;</p>' in document
    assert "  while <b>reading</b>" in text(tmp_path, handler)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_the_exceptions_of_a_group_are_shown(tmp_path: Path) -> None:
    handler = """
def GET():
    inner = ExceptionGroup("inner", [KeyError("deep")])
    raise ExceptionGroup("outer", [ValueError("one"), inner, *[OSError(n) for n in range(20)]])
"""
    said = shown(page(tmp_path, handler))
    assert "The 22 exceptions of the group" in said
    assert "'deep'" in said
    assert "12 more are left out" in said
    assert "| ValueError: one" in text(tmp_path, handler)


def test_a_syntax_error_shows_the_place_that_it_is_about(tmp_path: Path) -> None:
    files = {"pages/api/_broken.py": "x = 1\ny = (2 +\n"}
    handler = "def GET():\n    from . import _broken\n"
    document = text(tmp_path, handler, files=files)
    assert document.startswith("SyntaxError: '(' was never closed\n\npages/api/_broken.py:2\n")
    line, mark = document.splitlines()[4:6]
    assert line.index("(") == mark.index("^")


@pytest.mark.parametrize(
    ("source", "marked"),
    [("def GET(:\n", ":"), ("x = 'a\n", "'"), ("if x\n    pass\n", "x"), ("x = (1,\n\n\n", "(")],
)
@MARKS
def test_the_mark_of_a_syntax_error_is_where_python_has_it(tmp_path: Path, source: str, marked: str) -> None:
    files = {"pages/api/_broken.py": source}
    document = page(tmp_path, "def GET():\n    from . import _broken\n", files=files)
    assert html.unescape(re.findall("<mark>(.*?)</mark>", document)[0]) == marked


def test_a_long_message_is_bounded(tmp_path: Path) -> None:
    document = page(tmp_path, "def GET():\n    raise ValueError('x' * 10**6)\n")
    assert "more characters)" in document
    assert len(document) < 100_000


def test_an_exception_without_a_text_is_its_type(tmp_path: Path) -> None:
    assert "<h1>RuntimeError</h1>" in page(tmp_path, "def GET():\n    raise RuntimeError\n")


def test_an_exception_whose_text_fails_is_shown(tmp_path: Path) -> None:
    handler = """
class Odd(Exception):
    def __str__(self): raise KeyError(1)

def GET(): raise Odd
"""
    assert "Odd" in text(tmp_path, handler)
    assert "str() raised KeyError" in text(tmp_path, handler)


def test_the_package_of_the_projects_modules_is_not_shown(tmp_path: Path) -> None:
    handler = "class Odd(Exception): pass\ndef GET(): raise Odd(repr(Odd))\n"
    assert "_apiroutes_project_" not in page(tmp_path, handler)
    assert text(tmp_path, handler).startswith("Odd: <class 'pages.api.x.Odd'>")


ODD = {
    "a module that is no text": "class Odd(Exception): __module__ = None",
    "notes that are none": "class Odd(Exception):\n    def __init__(self): self.__notes__ = [1, 'a']",
    "an attribute that raises": (
        "class Odd(AttributeError):\n    @property\n    def name(self): raise KeyError\n    obj = name"
    ),
    "an equality that raises": (
        "class Odd(Exception):\n    def __eq__(self, other): raise KeyError\n    __hash__ = None"
    ),
    "a text that is none": "class Odd(Exception):\n    def __str__(self): return 1",
    "a syntax error of no file": "class Odd(SyntaxError): pass",
    "a syntax error of a missing file": "def Odd(): return SyntaxError('x', ('nowhere.py', 3, 5, 'a = = 1'))",
    "a syntax error of odd numbers": "def Odd(): return SyntaxError('x', (__file__, 0, -7, 'a'))",
    "a syntax error past the end": "def Odd(): return SyntaxError('x', (__file__, 1, 9999, 'a', 9999, 9999))",
}


@pytest.mark.parametrize("accept", [HTML, JSON, None])
@pytest.mark.parametrize("name", ODD)
def test_no_exception_is_too_odd_to_be_shown(tmp_path: Path, name: str, accept: str | None) -> None:
    answer = fault(tmp_path, f"{ODD[name]}\ndef GET(): raise Odd()\n", accept)
    assert b"GET" in answer.body
    assert b"_is_group" not in answer.body


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_groups_in_groups_are_bounded(tmp_path: Path) -> None:
    handler = """
def group(depth):
    return ExceptionGroup(str(depth), [group(depth - 1) if depth else ValueError(n) for n in range(9)])

def GET(): raise group(4)
"""
    document = page(tmp_path, handler)
    assert "more are left out" in document
    assert len(document) < 100_000


def test_a_hint_is_in_the_log_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "apiroutes")
    fault(tmp_path, "def GET(req, res): res.status('200')\n")
    assert [record.getMessage() for record in caplog.records if record.levelname == "INFO"] == [
        "Hint: A status is a number: write `res.status(200)`."
    ]


@pytest.mark.parametrize(
    ("handler", "written"),
    [
        ("def GET(req, res): res.json({}).status(201)", "`res.status(...).json(...)`"),
        (
            "def GET(req, res):\n    x = res.send('a')\n    x.status(201)",
            "`res.status(...).send(...)`",
        ),
    ],
)
def test_a_hint_is_in_the_log_where_the_response_stands(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, handler: str, written: str
) -> None:
    app = load_application(project(tmp_path, {"pages/api/x.py": handler}), lambda line: None)
    with caplog.at_level("INFO", logger="apiroutes"):
        assert call(app).status == 200
    assert written in caplog.text


@pytest.mark.parametrize("error", ["SystemExit(3)", "GeneratorExit()", "StopIteration(1)"])
def test_an_exception_that_is_none_of_an_error_is_shown(tmp_path: Path, error: str) -> None:
    assert error.partition("(")[0] in page(tmp_path, f"def GET():\n    raise {error}\n")


# -- what a client sent is escaped, what is secret is hidden ----------------------------------------

ATTACK = "</pre></textarea><script>alert(1)</script><img src=x onerror=alert(1)>'\"&"
QUOTING = """
def GET(req, **rest):
    raise ValueError(req.query["q"] + "\\x1b[31m\\ud800")
"""


def test_what_an_exception_quotes_is_escaped(tmp_path: Path) -> None:
    target = f"/api/x?q={quote(ATTACK)}&{quote(ATTACK)}=1"
    headers = [("X-Attack", ATTACK), ("User-Agent", ATTACK)]
    document = page(tmp_path, QUOTING, target=target, headers=headers)
    assert document.count("<script>") == document.count("</script>") == 1
    assert "<img" not in document
    assert "\x1b" not in document
    assert html.escape(ATTACK) in document


def test_the_source_is_escaped(tmp_path: Path) -> None:
    handler = 'def GET():\n    raise ValueError("<script>alert(1)</script>")\n'
    assert page(tmp_path, handler).count("<script>") == 1


def test_text_moves_no_cursor(tmp_path: Path) -> None:
    document = text(tmp_path, QUOTING, target="/api/x?q=%1b[2J%0d%c2%9b%e2%80%ae")
    assert all(character.isprintable() or character == "\n" for character in document)


SECRETS = [
    ("Authorization", "Bearer abc123", "Bearer"),
    ("Authorization", "abc123", ""),
    ("Proxy-Authorization", "Basic abc123", "Basic"),
    ("Cookie", "session=abc123; theme=abc123", "session="),
    ("X-Api-Key", "abc123", ""),
    ("X-Auth-Token", "abc123", ""),
    ("X-CSRFToken", "abc123", ""),
    ("X-Pass", "abc123", ""),
    ("X-Passphrase", "abc123", ""),
    ("X-Hub-Signature-256", "abc123", ""),
    ("Referer", "http://localhost/?code=abc123", "http://localhost/"),
]


@pytest.mark.parametrize("accept", [HTML, JSON, None])
@pytest.mark.parametrize(("name", "value", "kept"), SECRETS)
def test_the_value_of_a_secret_header_is_hidden(
    tmp_path: Path, name: str, value: str, kept: str, accept: str | None
) -> None:
    answer = fault(tmp_path, "def GET(): 1 / 0\n", accept, headers=[(name, value)])
    assert "abc123" not in answer.text
    if accept == HTML:
        assert name.lower() in answer.text.lower()
        assert kept in answer.text


@pytest.mark.parametrize(
    "name",
    ["pass", "user_pass", "pw", "token", "access_token", "password", "sig", "code"],
)
def test_the_value_of_a_secret_in_the_query_is_hidden(tmp_path: Path, name: str) -> None:
    document = page(tmp_path, "def GET(): 1 / 0\n", target=f"/api/x?{name}=abc123&page=7&keyword=shown")
    assert "abc123" not in document
    assert "shown" in document


def test_local_variables_and_the_body_are_not_shown(tmp_path: Path) -> None:
    handler = "def POST(body):\n    password = 'abc' + '123'\n    1 / 0\n"
    document = page(tmp_path, handler, method="POST", body=b"card=4111")
    assert "abc123" not in document
    assert "4111" not in document


# -- the request and its route ----------------------------------------------------------------------


def test_the_request_and_the_middleware_are_shown_in_order(tmp_path: Path) -> None:
    files = {
        "pages/api/_middleware.py": "def outer(req, res, next): next()\nmiddleware = [outer]\n",
        "pages/api/u/[id].py": """
from apiroutes import use

def inner(req, res, next): next()
def own(req, res, next): next()
middleware = [inner]

@use(own)
def GET(params): return 1 / 0
""",
    }
    said = shown(page(tmp_path, "def GET(): 1", target="/api/u/5?page=2", files=files))
    for part in ("GET /api/u/5", "Path parametersid5", "Querypage2", "/api/u/[id]", "outerinnerown"):
        assert part in re.sub(r"\n", "", said)
    problem = fault(tmp_path, "def GET(): 1", JSON, target="/api/u/5", files=files).json()
    assert problem["route"]["middleware"] == ["outer", "inner", "own"]


def test_the_page_allows_its_own_style_and_script_alone(tmp_path: Path) -> None:
    answer = fault(tmp_path, FAILING, HTML)
    policy = answer.header("Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"\sstyle=|\son\w+=|https?://", answer.text.partition("</style>")[2])


def test_production_shows_nothing_of_it(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": FAILING}))
    assert call(app, HTTP_ACCEPT=HTML).body == b"Internal Server Error"
    assert call(app, HTTP_ACCEPT=HTML, target="/api/y").body == b"Not Found"


# -- what handlers and middleware leave in the environ ---------------------------------------------

ENTRIES = (
    *("HTTP_X_LOCALE", "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_REFERER", "HTTP_ACCEPT", "CONTENT_TYPE"),
    *("CONTENT_LENGTH", "QUERY_STRING", "PATH_INFO", "SCRIPT_NAME", "HTTP_HOST", "RAW_URI"),
)
VALUES = ("None", "3", "b'x'", "['x']", "'\\udcff'", "type('T', (), {'__str__': None})()")


@pytest.mark.parametrize("value", VALUES)
def test_any_value_in_the_environ_is_shown_or_left_out(tmp_path: Path, value: str) -> None:
    handler = (
        f"def GET(req):\n    req.environ[req.query['name']] = {value}\n    raise ZeroDivisionError('shown')\n"
    )
    app = load_application(project(tmp_path, {"pages/api/x.py": handler}), lambda line: None)
    for name in ENTRIES:
        answer = call(app, target=f"/api/x?name={name}")
        assert (answer.status, "shown" in answer.text) == (500, True), name


@pytest.mark.parametrize("accept", [HTML, JSON, None])
def test_a_header_may_be_none_in_each_form(tmp_path: Path, accept: str | None) -> None:
    handler = "def GET(req):\n    req.environ['HTTP_X_LOCALE'] = None\n    return 1 / 0\n"
    assert "ZeroDivisionError" in fault(tmp_path, handler, accept).text


@pytest.mark.parametrize("name", ["HTTP_TRACEPARENT", "HTTP_X_REQUEST_ID"])
def test_a_header_that_the_log_reads_may_be_none(tmp_path: Path, name: str) -> None:
    assert "ZeroDivisionError" in text(
        tmp_path, f"def GET(req):\n    req.environ['{name}'] = None\n    return 1 / 0\n"
    )


@pytest.mark.parametrize("value", ["None", "3", "[1, None]", "object()"])
def test_any_value_in_the_params_is_shown(tmp_path: Path, value: str) -> None:
    assert "ZeroDivisionError" in text(
        tmp_path, f"def GET(req):\n    req.params['id'] = {value}\n    return 1 / 0\n"
    )
