"""Validators and conditional requests (RFC 9110 sections 8.8 and 13)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App
from apiroutes.http.conditional import entity_tags, timestamp
from tests.support import Answer, app_of, call

ECHO = "def handler(req, res):\n    res.send(req.query['v'])\n"
DATED = (
    "def handler(req, res):\n"
    "    res.set_header('Last-Modified', req.query['last'])\n"
    "    res.status(int(req.query.get('status', 200))).json([1])\n"
)
TAGGED = "def handler(req, res):\n    res.set_header('ETag', req.query['tag']).json([1])\n"
LAST = "Wed,%2001%20Jan%202020%2000:00:00%20GMT"


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("echo"), ECHO)


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("dated"), DATED)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("tagged"), TAGGED)


def test_equal_content_has_an_equal_etag(echo: App) -> None:
    tags = {call(echo, target="/api/x?v=a").header("ETag") for _ in range(3)}
    assert len(tags) == 1


@given(a=st.text(alphabet="abc", min_size=1), b=st.text(alphabet="abc", min_size=1))
@settings(deadline=None)
def test_an_etag_tells_contents_apart(echo: App, a: str, b: str) -> None:
    tags = [call(echo, target=f"/api/x?v={text}").header("ETag") for text in (a, b)]
    assert (tags[0] == tags[1]) is (a == b)


def test_an_etag_follows_the_grammar(echo: App) -> None:
    assert re.fullmatch(r'"[\x21\x23-\x7e]+"', call(echo, target="/api/x?v=a").header("ETag") or "")


@pytest.mark.parametrize(
    "handler",
    [
        "res.status(404).json([1])",
        "res.status(500).send('x')",
        "return [1]",
        "return 'x'",
        "return b'x'",
        "res.status(201); return [1]",
    ],
)
def test_content_of_json_and_send_has_an_etag(tmp_path: Path, handler: str) -> None:
    answer = call(app_of(tmp_path, f"def handler(req, res):\n    {handler}\n"))
    assert answer.all("ETag") != []


WITHOUT = [
    "res.end(b'x')",
    "res.redirect('/')",
    "raise apiroutes.ApiError(404, 'x')",
    "raise werkzeug.exceptions.NotFound",
    "res.send(io.BytesIO(b'x'))",
    "return iter('x')",
    "return werkzeug.Response('x')",
    "res.write('x'); res.end('y')",
    "res.json()",
    "res.send(None)",
    "pass",
]


@pytest.mark.parametrize("handler", WITHOUT)
def test_other_content_has_no_etag(tmp_path: Path, handler: str) -> None:
    source = f"import apiroutes, io, werkzeug.exceptions\ndef handler(req, res):\n    {handler}\n"
    assert call(app_of(tmp_path, source)).all("ETag") == []


def test_a_stream_with_an_etag_of_its_own_is_sent_whole(tmp_path: Path) -> None:
    source = "def handler(req, res):\n    res.set_header('ETag', '\"a\"').send(iter('xy'))\n"
    answer = call(app_of(tmp_path, source), headers=[("If-None-Match", '"a"')])
    assert (answer.status, answer.body, answer.header("ETag")) == (200, b"xy", '"a"')


# -- If-None-Match

TAGS = [
    ('"a"', '"a"', 304),
    ('"a"', 'W/"a"', 304),
    ('W/"a"', '"a"', 304),
    ('W/"a"', 'W/"a"', 304),
    ('"a"', '"b", W/"a", "c"', 304),
    ('"a"', '"b" , ,\t"a",', 304),
    ('"a"', ',"a"', 304),
    ('"\xe9"', '"\xe9"'.encode().decode("latin-1"), 304),
    ('W/"\xe9"', '"b", W/"\xe9"'.encode().decode("latin-1"), 304),
    ('"!#~"', '"!#~"', 304),
    ('"a"', "*", 304),
    ('"a"', " * ", 304),
    ('"a"', 'w/"a"', 200),
    ('"a"', 'W/ "a"', 200),
    ('"a"', 'W"a"', 200),
    # one member that is no tag, and the field cannot be read
    ('"a"', '"b""a"', 200),
    ('"a"', '"a" "b"', 200),
    ('"a"', '"a";"b"', 200),
    ('"a"', 'b, "a"', 200),
    ('"a"', '"a", b', 200),
    ('"a"', '"a", *', 200),
    ('"a"', '*, "a"', 200),
    ('"a"', '"b, "a"', 200),
    ('"a"', '"a", "b', 200),
    ('"a"', '"a\x7f"', 200),
    ('"a%20b"', '"a b"', 200),
    ('"a"', "", 200),
    ('"a"', ",", 200),
    ('"a"', "a", 200),
    ('"a"', "'a'", 200),
    ('"a"', '"A"', 200),
    ('"a"', '"a', 200),
    ('"a"', 'w/"a', 200),
    ('"a"', '"b*a"', 200),
    ('"a"', "**", 200),
    ('"a,b"', '"a,b"', 304),
    ('"a,b"', '"a","b"', 200),
    ('""', '""', 304),
    ("bare", "bare", 200),
    ("bare", '"bare"', 200),
    ("bare", "*", 304),
]


@pytest.mark.parametrize(("tag", "header", "status"), TAGS)
def test_entity_tags_are_compared_weakly(tagged: App, tag: str, header: str, status: int) -> None:
    target = "/api/x?tag=" + tag.replace('"', "%22")
    assert call(tagged, target=target, headers=[("If-None-Match", header)]).status == status


opaque = st.text(alphabet="ab,*/W", max_size=3)


@given(mine=opaque, theirs=st.lists(st.tuples(st.booleans(), opaque), max_size=4))
@settings(deadline=None)
def test_a_tag_is_found_in_a_list_of_them(tagged: App, mine: str, theirs: list[tuple[bool, str]]) -> None:
    header = ", ".join(("W/" if weak else "") + f'"{text}"' for weak, text in theirs)
    answer = call(tagged, target=f"/api/x?tag=%22{mine}%22", headers=[("If-None-Match", header)])
    assert answer.status == (304 if mine in [text for _, text in theirs] else 200)


@given(st.text(alphabet='"W/*, a\\\x80\xff', max_size=12))
@settings(deadline=None)
def test_any_if_none_match_is_answered(tagged: App, header: str) -> None:
    assert call(tagged, target="/api/x?tag=%22a%22", HTTP_IF_NONE_MATCH=header).status in (200, 304)


tag = st.builds(
    lambda weak, text: ("W/" if weak else "") + f'"{text}"',
    st.booleans(),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f'), max_size=5),
)
junk = st.sampled_from(["a", '"', "*", 'w/"a"', '"a" "b"', "\n"])
blank = st.text(alphabet=" \t", max_size=2)


@given(tags=st.lists(tag | st.just(""), max_size=5), blanks=st.lists(blank, min_size=12, max_size=12))
def test_a_list_of_tags_is_read_as_it_was_written(tags: list[str], blanks: list[str]) -> None:
    field = ",".join(before + tag + after for before, tag, after in zip(blanks, tags, blanks[6:]))
    assert entity_tags(field) == [tag for tag in tags if tag]


@given(
    tags=st.lists(tag, min_size=1, max_size=3),
    junk=junk,
)
def test_a_list_with_another_member_is_not_a_list_of_tags(tags: list[str], junk: str) -> None:
    for position in range(len(tags) + 1):
        assert entity_tags(",".join([*tags[:position], junk, *tags[position:]])) is None


@pytest.mark.parametrize("unit", ['"', '""', '"",', ",", " ", ", ", 'W/"', '"a",', '"a" ', "*", "\t,"])
@pytest.mark.parametrize("name", ["If-None-Match", "If-Modified-Since"])
def test_a_field_of_any_length_is_read_once(tagged: App, unit: str, name: str) -> None:
    """A parser that backtracks would take seconds for these 400 KB."""
    field = unit * (400_000 // len(unit))
    expected = 304 if unit == '"a",' and name == "If-None-Match" else 200
    assert call(tagged, target="/api/x?tag=%22a%22", headers=[(name, field)]).status == expected


CACHE_CONTROLS = [
    ("no-cache", 200),
    ("No-Cache", 200),
    ("max-age=0,no-cache", 200),
    (" no-cache ", 200),
    ("no-cache, no-store", 200),
    ("max-age=0", 304),
    ("no-store", 304),
    ("no-cached", 304),
    ("x-no-cache", 304),
    ("", 304),
]


@pytest.mark.parametrize(("header", "status"), CACHE_CONTROLS)
def test_no_cache_is_matched_as_a_whole_directive(tagged: App, header: str, status: int) -> None:
    headers = [("If-None-Match", "*"), ("Cache-Control", header)]
    assert call(tagged, target="/api/x?tag=%22a%22", headers=headers).status == status


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
@pytest.mark.parametrize("header", [("If-None-Match", "*"), ("If-Modified-Since", LAST.replace("%20", " "))])
def test_other_methods_are_answered_whole(dated: App, method: str, header: tuple[str, str]) -> None:
    answer = call(dated, method, f"/api/x?last={LAST}", [header])
    assert (answer.status, answer.body) == (200, b"[1]")


@pytest.mark.parametrize("status", [201, 203, 206, 301, 400, 404, 412, 500])
@pytest.mark.parametrize("header", [("If-None-Match", "*"), ("If-Modified-Since", LAST.replace("%20", " "))])
def test_other_statuses_are_answered_whole(dated: App, status: int, header: tuple[str, str]) -> None:
    answer = call(dated, "GET", f"/api/x?last={LAST}&status={status}", [header])
    assert (answer.status, answer.body) == (status, b"[1]")


# -- If-Modified-Since


def since(app: App, value: str, last: str = LAST) -> Answer:
    return call(app, target=f"/api/x?last={last}", headers=[("If-Modified-Since", value)])


SINCE = [
    ("Wed, 01 Jan 2020 00:00:00 GMT", 304),
    ("Wednesday, 01-Jan-20 00:00:00 GMT", 304),
    ("Wed Jan  1 00:00:00 2020", 304),
    ("Wed, 01 Jan 2020 00:00:01 GMT", 304),
    (" Wed, 01 Jan 2020 00:00:00 GMT\t", 304),
    ("Wed Jan 01 00:00:00 2020", 304),
    ("Tue, 31 Dec 2019 23:59:60 GMT", 304),
    ("Fri, 01 Jan 2020 00:00:00 GMT", 304),  # no day of the week makes another day of it
    # what RFC 9110 section 5.6.7 does not have
    ("wed, 01 jan 2020 00:00:00 gmt", 200),
    ("Wed, 1 Jan 2020 00:00:00 GMT", 200),
    ("Wed, 01 Jan 20 00:00:00 GMT", 200),
    ("Wed, 01-Jan-2020 00:00:00 GMT", 200),
    ("Wed, 01 Jan 2020 00:00:00", 200),
    ("Wed, 01 Jan 2020 00:00:00 +0000", 200),
    ("Wed, 01 Jan 2020 00:00:00 UTC", 200),
    ("Wed, 01 Jan 2020 24:00:00 GMT", 200),
    ("Wed, 01 Jan 2020 00:00:00 GMT; length=3", 200),
    ("Wed, 01 Jan 2020 00:00:00 GMT, Wed, 01 Jan 2020 00:00:00 GMT", 200),
    ("2020-01-01T00:00:00Z", 200),
    ("Wed, 29 Feb 2023 00:00:00 GMT", 200),
    ("Wed, 01 Jan 0000 00:00:00 GMT", 200),
    ("Wed, \u0660\u0661 Jan 2020 00:00:00 GMT", 200),
    ("Tue, 31 Dec 2019 23:59:59 GMT", 200),
    ("", 200),
    ("0", 200),
    ("-1", 200),
    ("Wed, 32 Jan 2020 00:00:00 GMT", 200),
    ("Wed, 01 Jan 2020 99:99:99 GMT", 200),
    ("Wed, 01 Jan 10000 00:00:00 GMT", 200),
    ("\xff", 200),
    ("x" * 5000, 200),
    ("Wed, 01 Jan 99999999999999999999 00:00:00 GMT", 200),
    ("Wed, 01 Jan 2020 00:00:00 +99999999999999999999", 200),
]


@pytest.mark.parametrize(("value", "status"), SINCE)
def test_a_date_in_any_form_is_compared(dated: App, value: str, status: int) -> None:
    assert since(dated, value).status == status


CENTURIES = [(1, 1), (49, 49), (51, -49), (75, -25), (99, -1), (0, 0)]


@pytest.mark.parametrize(("ahead", "meant"), CENTURIES)
def test_a_year_of_two_digits_is_never_more_than_50_years_ahead(ahead: int, meant: int) -> None:
    now = datetime.now(timezone.utc)
    seconds = timestamp(f"Monday, 01-Jan-{(now.year + ahead) % 100:02} 00:00:00 GMT")
    assert seconds == datetime(now.year + meant, 1, 1, tzinfo=timezone.utc).timestamp()


@given(st.datetimes(timezones=st.just(timezone.utc)).map(lambda moment: moment.replace(microsecond=0)))
def test_a_date_is_read_as_it_was_written(moment: datetime) -> None:
    seconds = (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)
    assert timestamp(format_datetime(moment, usegmt=True)) == seconds
    assert timestamp(moment.ctime()) == seconds


LATER_THAN_ALL = "Wed,%2001%20Jan%2099999999999999999999%2000:00:00%20GMT"


@pytest.mark.parametrize(
    "last", ["nonsense", "", LATER_THAN_ALL, "Wed,%2001%20Jan%202020%2000:00:00%20-0000"]
)
def test_a_last_modified_of_any_form_is_answered(dated: App, last: str) -> None:
    assert since(dated, "Wed, 01 Jan 2020 00:00:00 GMT", last).status in (200, 304)


def test_a_304_for_a_date_keeps_the_validators(dated: App) -> None:
    answer = since(dated, "Wed, 01 Jan 2020 00:00:00 GMT")
    assert (answer.status, answer.body) == (304, b"")
    assert {name for name, _ in answer.headers} >= {"Last-Modified", "ETag"}


# -- in unusual places


def test_a_fault_after_the_response_leaves_it_conditional(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(1)\n    raise RuntimeError\n")
    assert (call(app, headers=[("If-None-Match", "*")]).status, len(caplog.records)) == (304, 1)


def test_an_unreadable_if_none_match_still_makes_the_date_moot(dated: App) -> None:
    headers = [("If-None-Match", "a"), ("If-Modified-Since", LAST.replace("%20", " "))]
    assert call(dated, target=f"/api/x?last={LAST}", headers=headers).status == 200


def test_two_etag_lines_stay_two(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.set_header('ETag', ['\"a\"', '\"b\"']).json(1)\n")
    assert call(app).all("ETag") == ['"a"', '"b"']
