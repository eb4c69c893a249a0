"""Names of files, `config`, settings, sizes, forms and cookies: each is read, or refused with its place."""

from __future__ import annotations

import io
import logging
import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App, ProjectError, Response
from apiroutes.body import limits_of
from apiroutes.body.formdata import parse_form
from apiroutes.errors import ApiError, Problem
from apiroutes.handlers.config import RouteConfig, read_config
from apiroutes.http.cookies import parse_cookies
from apiroutes.settings import Settings, read_settings
from apiroutes.sizes import Size, parse_size
from apiroutes.structs import replace
from tests.support import HELLO, project

NAME_PARTS = ["a", "b", "[id]", "[x]", "[...all]", "[[...all]]", "[[x]]", "[", "]", "...", "$", "$id", "_p"]
NAME_PARTS += [
    ".",
    "index",
    "route",
    "(group)",
    "@slot",
    "_middleware",
    "api",
    "é",
    " ",
    "-",
    "%",
    "[.]",
    "{-$o}",
]
names = st.lists(st.sampled_from(NAME_PARTS), min_size=1, max_size=3).map("".join)
files = st.tuples(
    st.sampled_from(["pages/api", "app/api", "routes/api"]),
    st.lists(names, max_size=2),
    names | st.just("route"),
).map(lambda parts: "/".join([parts[0], *parts[1], parts[2] + ".py"]))


@given(st.lists(files, min_size=1, max_size=5, unique=True))
@settings(max_examples=50, deadline=None)
def test_any_tree_of_files_is_a_project_or_says_what_is_wrong(paths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for path in paths:
            try:
                project(root, {path: HELLO + "middleware = []\n"})
            except OSError:  # a directory where another has a file, or a name that is none
                continue
        for problem in problems_of(root):
            check_problem(problem)


def problems_of(root: Path) -> tuple[Problem, ...]:
    try:
        App(root)
    except ProjectError as error:
        return error.problems
    return ()


def check_problem(problem: Problem) -> None:
    assert problem.message
    assert problem.remedy
    assert not Path(problem.file).is_absolute()
    if problem.span is not None:
        assert problem.source is not None
        assert 0 <= problem.span[0] <= problem.span[1] <= len(problem.source)


KEYS = ["api", "bodyParser", "body_parser", "sizeLimit", "size_limit", "responseLimit", "limit", "enforce"]
KEYS += ["maxDuration", "max_duration", "externalResolver", "x", ""]
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["1mb", "", "-1", "1 kb", "é"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(KEYS) | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=3) | values)
@settings(max_examples=200, deadline=None)
def test_any_config_is_read_or_refused(config: Any) -> None:
    problems: tuple[Problem, ...] = ()
    read = RouteConfig(size_limit=Size(7, "7"), response_limit=None)
    try:
        read = read_config(config, "pages/api/x.py", read)
    except ProjectError as error:
        problems = error.problems
    assert all(problem.file == "pages/api/x.py" and problem.remedy for problem in problems)
    assert read.size_limit.bytes >= 0
    assert read.max_duration is None or 0 < read.max_duration < float("inf")


SETTINGS = sorted(Settings.__dataclass_fields__)


@given(
    st.dictionaries(st.sampled_from([*SETTINGS, "body_size", "x"]), values | st.text(max_size=8), max_size=4)
)
@settings(max_examples=200, deadline=None)
def test_any_setting_is_read_or_refused(arguments: dict[str, Any]) -> None:
    _, problems = read_settings(Path("/nonexistent"), {}, arguments)
    assert all(problem.message and problem.remedy for problem in problems)
    assert {"body_size", "x"} & arguments.keys() <= set(" ".join(one.message for one in problems).split())


def naive_size(text: str) -> int | None:
    """npm's `bytes`, read from its documentation: a number and a unit, or else a leading integer."""
    whole = re.fullmatch(r"\+?(\d+(?:\.\d+)?) *(kb|mb|gb|tb|pb)", text, re.IGNORECASE | re.ASCII)
    if whole is not None:
        power = "kmgtp".index(whole[2][0].lower()) + 1
        return int(float(whole[1]) * 1024**power)
    leading = re.match(r"[ \t]*\+?(\d+)", text, re.ASCII)
    return None if leading is None else int(leading[1])


@given(st.text("0123456789.kKmMgGtTpPbB \t-+e\u0663", max_size=12))
@settings(max_examples=500, deadline=None)
def test_a_size_is_what_a_naive_reading_says(text: str) -> None:
    try:
        found: int | None = parse_size(text).bytes
    except ValueError:
        found = None
    assert found == naive_size(text)


# -- forms, whatever is in them and however they arrive

PIECES = [
    b"--X",
    b"--",
    b"\r\n",
    b"\r",
    b"\n",
    b'Content-Disposition: form-data; name="a"',
    b"\r\n\r\n",
    b"1",
]
PIECES += [
    b'; filename="x"',
    b"Content-Type: text/plain",
    b": ",
    b"\xff",
    b"\0",
    b"--X--",
    b"--X\r\n",
    b"y" * 50,
]
PART = b'--X\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\ncontent\r\n'
forms = st.lists(st.sampled_from([*PIECES, PART, PART]), max_size=30).map(b"".join)
forms |= forms.map(lambda content: content + b"\r\n--X--\r\n")


def outcome(chunks: list[bytes]) -> Any:
    """The form as data, or the status that refuses it."""
    try:
        form = parse_form(iter(chunks), "X", replace(limits_of(Settings()), spool_size=16))
    except ApiError as error:
        return error.status
    if form is None:
        return None
    try:
        return form.fields, [(name, file.filename, file.read()) for name, file in form.files]
    finally:
        form.close()


@given(
    forms | forms.map(lambda content: content + b"\r\n--X--\r\n"), st.lists(st.integers(0, 400), max_size=8)
)
@settings(max_examples=300, deadline=None)
def test_a_form_is_the_same_however_it_is_cut(content: bytes, cuts: list[int]) -> None:
    ends = [*sorted({cut for cut in cuts if 0 < cut < len(content)}), len(content)]
    pieces = [content[start:end] for start, end in zip([0, *ends], ends) if start < end]
    assert outcome(pieces) == outcome([content] if content else [])


@given(st.binary(min_size=1, max_size=60), st.integers(0, 60), st.binary(max_size=4))
@settings(max_examples=300, deadline=None)
def test_a_file_comes_as_it_was_sent_or_the_form_is_refused(content: bytes, at: int, wrong: bytes) -> None:
    head = b'--X\r\nContent-Disposition: form-data; name="f"; filename="b"\r\n\r\n'
    body = head + content + b"\r\n--X--\r\n"
    if b"\r\n--X" not in content:
        assert outcome([body]) == ([], [("f", "b", content)])
    assert outcome([body[: len(head) + at] + wrong + body[len(head) + at :]]) is not None


# -- cookies and the log

tokens = st.text("abcXYZ0189_-", min_size=1, max_size=5)


@given(st.lists(st.tuples(tokens, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)), max_size=5))
@settings(max_examples=200, deadline=None)
def test_cookies_come_back_as_they_were_set(cookies: list[tuple[str, str]]) -> None:
    response = Response()
    for name, value in cookies:
        response.set_cookie(name, value, path=None, samesite=None)
    lines = response.get_header("Set-Cookie") or []
    expected: dict[str, str] = {}
    for name, value in cookies:
        expected.setdefault(name, value)
    assert parse_cookies("; ".join(lines)) == expected


@given(st.text(max_size=40), st.text(max_size=10))
@settings(max_examples=200, deadline=None)
def test_no_exception_makes_a_line_of_its_own(text: str, cause: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    log = logging.getLogger("apiroutes")
    log.addHandler(handler)
    try:
        try:
            try:
                raise KeyError(cause)
            except KeyError:
                raise ValueError(text) from OSError(cause)
        except ValueError as error:
            log.error("failed", exc_info=error)
    finally:
        log.removeHandler(handler)
    first, *rest = stream.getvalue().removesuffix("\n").splitlines()
    assert first == "failed"
    assert all(line.startswith("  ") for line in rest)
    assert stream.getvalue().encode()
