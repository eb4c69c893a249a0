"""How generators are left: in which order, with which exception, and what they can change by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import ApiError
from tests.exits.support import HEAD, seen_in, through
from tests.support import app_of, call, until

BOTH = pytest.mark.parametrize("prefix", ["", "async "])
INTERFACES = pytest.mark.parametrize("interface", ["wsgi", "asgi"])
THREE = """
{0}def one():
    try:
        yield 1
        seen.append("one")
    except BaseException as error:
        seen.append(f"one {{error!r}}")
        {1}
{0}def two(one: Annotated[int, Depends(one)]):
    try:
        yield 2
        seen.append("two")
        {3}
    except BaseException as error:
        seen.append(f"two {{error!r}}")
        {2}
{0}def three(two: Annotated[int, Depends(two)]):
    try:
        yield 3
    finally:
        seen.append("three")
"""
GET = "def GET(three: Annotated[int, Depends(three)], one: Annotated[int, Depends(one)]):\n    {}\n"


@BOTH
@INTERFACES
@pytest.mark.parametrize(
    ("in_one", "in_two", "after_two", "line", "status", "seen"),
    [
        ("raise", "raise", "", "return [1]", 200, "three, two, one"),
        ("raise", "raise", "", "raise ApiError(404)", 404, "three, two ERROR, one ERROR"),
        ("pass", "pass", "", "raise ApiError(404)", 404, "three, two ERROR, one ERROR"),
        ("raise", "raise KeyError", "", "raise ApiError(404)", 404, "three, two ERROR, one ERROR"),
        ("raise", "raise ApiError(409)", "", "raise ApiError(404)", 404, "three, two ERROR, one ERROR"),
        ("raise", "raise", "raise ApiError(404)", "return [1]", 404, "three, two, two ERROR, one ERROR"),
        ("pass", "raise", "raise ApiError(404)", "return [1]", 404, "three, two, two ERROR, one ERROR"),
        ("yield", "yield", "", "raise ApiError(404)", 404, "three, two ERROR, one ERROR"),
    ],
)
def test_every_generator_gets_the_first_exception(
    tmp_path: Path,
    in_one: str,
    in_two: str,
    after_two: str,
    line: str,
    status: int,
    seen: str,
    prefix: str,
    interface: str,
) -> None:
    source = HEAD + THREE.format(prefix, in_one, in_two, after_two) + GET.format(line)
    app = app_of(tmp_path, source)
    assert call(through(app, interface)).status == status
    error = repr(ApiError(404))
    assert seen_in(app) == [note.replace("ERROR", error) for note in seen.split(", ")]


def test_a_stop_iteration_is_no_second_exception(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = HEAD + THREE.format("", "raise", "raise", "") + GET.format("raise StopIteration")
    app = app_of(tmp_path, source)
    assert call(app).status == 500
    assert seen_in(app) == ["three", "two StopIteration()", "one StopIteration()"]
    assert len(caplog.records) == 1


@BOTH
@INTERFACES
def test_a_second_exception_is_logged_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, prefix: str, interface: str
) -> None:
    source = HEAD + THREE.format(prefix, "raise", "raise KeyError('second')", "")
    app = app_of(tmp_path, source + GET.format("raise ValueError('first')"))
    assert call(through(app, interface)).status == 500
    second, first = (record.exc_info[1] for record in caplog.records if record.exc_info)
    assert repr(second) == "KeyError('second')"
    assert repr(first) == "ValueError('first')"
    assert second is not None
    assert second.__context__ is first
    assert "failed to end a dependency" in caplog.messages[0]


# What a dependency raises in place of the handler's exception, and the status and the second fault that come.
TRANSLATIONS = [
    ("raise KeyError", "raise ApiError(409) from error", 409, ["three", "two KeyError()", "one 409"]),
    ("raise KeyError", "raise Conflict() from error", 409, ["three", "two KeyError()", "one 409"]),
    ("raise KeyError", "raise ApiError(409)", 500, ["three", "two KeyError()", "one KeyError()"]),
    ("raise KeyError", "raise ApiError(409) from None", 500, ["three", "two KeyError()", "one KeyError()"]),
    ("raise KeyError", "raise ValueError from error", 500, ["three", "two KeyError()", "one KeyError()"]),
    ("raise ApiError(404)", "raise ApiError(409) from error", 404, ["three", "two 404", "one 404"]),
    (
        "raise SystemExit",
        "raise ApiError(409) from error",
        500,
        ["three", "two SystemExit()", "one SystemExit()"],
    ),
]


@BOTH
@INTERFACES
@pytest.mark.parametrize(("fault", "translation", "status", "seen"), TRANSLATIONS)
def test_an_http_error_raised_from_a_fault_takes_its_place(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    prefix: str,
    interface: str,
    fault: str,
    translation: str,
    status: int,
    seen: list[str],
) -> None:
    source = f"from werkzeug.exceptions import Conflict{HEAD}" + THREE.format(
        prefix, "raise", translation, ""
    )
    source += GET.format(fault)
    app = app_of(tmp_path, source)
    assert call(through(app, interface)).status == status
    assert len(caplog.records) == {409: 0, 404: 1, 500: 2}[status]
    shown = seen_in(app)
    for number in (404, 409):
        shown = [note.replace(repr(ApiError(number)), str(number)) for note in shown]
    assert [note.replace("<Conflict '409: Conflict'>", "409") for note in shown] == seen


@BOTH
@INTERFACES
def test_a_failing_commit_may_become_an_http_error(tmp_path: Path, prefix: str, interface: str) -> None:
    translation = "raise ApiError(409, 'it exists') from error"
    source = (
        HEAD
        + THREE.format(prefix, translation, "raise", "raise KeyError('unique')")
        + GET.format("return [1]")
    )
    answer = call(through(app_of(tmp_path, source), interface))
    assert (answer.status, "it exists" in answer.text) == (409, True)


@BOTH
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("if False:\n        yield 1", "`made` (x.py:6) ended without a value"),
        ("yield 1\n    yield 2", "`made` (x.py:6) yielded twice"),
    ],
)
def test_a_generator_has_one_value(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    prefix: str,
    body: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    source = f"{HEAD}{prefix}def made():\n    {body}\n"
    source += "def GET(made: Annotated[int, Depends(made)]): return [made]\n"
    assert call(app_of(tmp_path, source)).status == 500
    (record,) = caplog.records
    assert record.exc_info
    assert message in str(record.exc_info[1]).replace("pages/api/", "")


@BOTH
@INTERFACES
def test_the_traceback_is_the_handlers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, prefix: str, interface: str
) -> None:
    source = HEAD + THREE.format(prefix, "raise", "raise", "") + GET.format("raise ValueError")
    assert call(through(app_of(tmp_path, source), interface)).status == 500
    (record,) = caplog.records
    assert record.exc_info
    traceback, names = record.exc_info[2], []
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert names[-1] == "GET"
    assert "two" not in names


@BOTH
@INTERFACES
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_middleware_goes_on_when_all_have_ended(
    tmp_path: Path, prefix: str, interface: str, kind: str
) -> None:
    middleware = {
        "plain": "def middleware(req, res, next):\n    {}\n    {}next()\n    {}\n",
        "async": "async def middleware(req, res, next):\n    {}\n    await {}next()\n    {}\n",
    }[kind].format("seen.append('in')", "", "seen.append(res.status_code)")
    source = HEAD + THREE.format(prefix, "raise", "raise", "") + middleware + GET.format("return [1]")
    app = app_of(tmp_path, source)
    call(through(app, interface))
    assert seen_in(app) == ["in", "three", "two", "one", 200]


@BOTH
@INTERFACES
def test_middleware_sees_a_failing_commit_as_an_exception(
    tmp_path: Path, prefix: str, interface: str
) -> None:
    middleware = (
        "def middleware(req, res, next):\n    try:\n        next()\n    except RuntimeError as error:\n"
        "        return {'caught': str(error), 'status': res.status_code}\n"
    )
    source = HEAD + THREE.format(prefix, "raise", "raise", "raise RuntimeError('no commit')") + middleware
    app = app_of(tmp_path, source + GET.format("return {'secret': 1}"))
    answer = call(through(app, interface))
    assert (answer.status, answer.json()) == (200, {"caught": "no commit", "status": 200})


@BOTH
@INTERFACES
@pytest.mark.parametrize("handler", ["", "async "])
@pytest.mark.parametrize("stream", ["iter(['a', 'b'])", "chunks()"])
@pytest.mark.parametrize("middleware", ["", "async "])
@pytest.mark.parametrize(("line", "status"), [("return {'own': 1}", 200), ("raise ApiError(418)", 418)])
def test_a_stream_that_middleware_replaces_commits_nothing(
    tmp_path: Path,
    handler: str,
    stream: str,
    middleware: str,
    line: str,
    status: int,
    prefix: str,
    interface: str,
) -> None:
    source = f"""{HEAD}
{prefix}def session():
    try:
        yield
        seen.append("commit")
    finally:
        seen.append("close")
async def chunks():
    yield "a"
    yield "b"
{middleware}def middleware(req, res, next):
    {"await " if middleware else ""}next()
    {line}
{handler}def GET(session: Annotated[None, Depends(session)]): return {stream}
"""
    app = app_of(tmp_path, source)
    assert call(through(app, interface)).status == status
    seen = seen_in(app)
    until(lambda: "close" in seen)
    assert seen == ["close"]
