"""The ETag of a response, and conditional requests (RFC 9110 section 13)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.support import app_of, call, project, respond

TAGGED = ["res.json([1])", "res.send('x')", "res.send(b'x')", "res.send([1])", "return [1]", "return 'x'"]
UNTAGGED = [
    "res.end('x')",
    "res.redirect('/x')",
    "res.send(iter('x'))",
    "res.write('x')",
    "res.send()",
    "1 / 0",
]


@pytest.mark.parametrize("line", TAGGED)
def test_a_response_carries_a_strong_etag(tmp_path: Path, line: str) -> None:
    etag = respond(tmp_path, line).header("ETag")
    assert etag is not None
    assert etag.startswith('"')
    assert len(etag) >= 2 + 16  # hexadecimal digits of 64 bits


@pytest.mark.parametrize("line", UNTAGGED)
def test_other_responses_carry_no_etag(tmp_path: Path, line: str) -> None:
    assert respond(tmp_path, line).header("ETag") is None


def test_the_handlers_own_etag_stays(tmp_path: Path) -> None:
    answer = respond(
        tmp_path, "res.set_header('ETag', 'W/\"mine\"').json(1)", headers=[("If-None-Match", '"mine"')]
    )
    assert (answer.status, answer.header("ETag")) == (304, 'W/"mine"')


MATCHES = [
    ("{}", 304),
    ("W/{}", 304),
    ('"a", {}', 304),
    ('"a",W/"b" , {}', 304),
    ("{},", 304),
    ("*", 304),
    (" * ", 304),
    ('"a"', 200),
    ('"a", "b"', 200),
    ("", 200),
    ("nonsense", 200),
    ('"*"', 200),
]


@pytest.mark.parametrize(("header", "status"), MATCHES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_is_compared(tmp_path: Path, method: str, header: str, status: int) -> None:
    etag = respond(tmp_path, "res.json([1])").header("ETag")
    headers = [("If-None-Match", header.format(etag))]
    answer = respond(tmp_path, "res.json([1])", method=method, headers=headers)
    assert (answer.status, answer.header("ETag")) == (status, etag)
    assert answer.body == (b"[1]" if (status, method) == (200, "GET") else b"")


def test_no_cache_gets_the_whole_response(tmp_path: Path) -> None:
    headers = [("If-None-Match", "*"), ("Cache-Control", "max-age=0, no-cache")]
    assert respond(tmp_path, "res.json([1])", headers=headers).status == 200


@pytest.mark.parametrize(("method", "status"), [("POST", 200), ("DELETE", 200), ("GET", 201), ("GET", 404)])
def test_only_get_and_head_of_a_200_are_conditional(tmp_path: Path, method: str, status: int) -> None:
    answer = respond(
        tmp_path, f"res.status({status}).json([1])", method=method, headers=[("If-None-Match", "*")]
    )
    assert answer.status == status


DATES = [
    ("Wed, 01 Jan 2020 00:00:00 GMT", None, 304),
    ("Wed, 01 Jan 2025 00:00:00 GMT", None, 304),
    ("Tue, 31 Dec 2019 23:59:59 GMT", None, 200),
    ("nonsense", None, 200),
    ("Wed, 01 Jan 2025 00:00:00 GMT", '"other"', 200),
]


@pytest.mark.parametrize(("since", "etag", "status"), DATES)
def test_if_modified_since_is_compared(tmp_path: Path, since: str, etag: str | None, status: int) -> None:
    headers = [("If-Modified-Since", since)] + ([("If-None-Match", etag)] if etag else [])
    lines = ["res.set_header('Last-Modified', 'Wed, 01 Jan 2020 00:00:00 GMT')", "res.json([1])"]
    assert respond(tmp_path, *lines, headers=headers).status == status


def test_without_last_modified_a_date_is_ignored(tmp_path: Path) -> None:
    headers = [("If-Modified-Since", "Wed, 01 Jan 2025 00:00:00 GMT")]
    assert respond(tmp_path, "res.json([1])", headers=headers).status == 200


def test_a_304_keeps_what_the_handler_set(tmp_path: Path) -> None:
    lines = ["res.set_header('Cache-Control', 'max-age=1').set_header('Vary', 'Cookie')", "res.send('x')"]
    answer = respond(tmp_path, *lines, headers=[("If-None-Match", "*")])
    assert {name for name, _ in answer.headers} == {"Cache-Control", "Vary", "ETag"}


# -- the settings `etag` and `etag_max_size`

ETAGS: list[Any] = [True, False, "weak"]


def handling(root: Path, line: str, **settings: Any) -> App:
    return app_of(root, f"def handler(req, res):\n    {line}\n", **settings)


@pytest.mark.parametrize("line", TAGGED)
def test_a_weak_etag_is_the_strong_one_marked_as_weak(tmp_path: Path, line: str) -> None:
    strong, weak = (call(handling(tmp_path, line, etag=etag)).header("ETag") for etag in (True, "weak"))
    assert weak == f"W/{strong}"


@pytest.mark.parametrize("line", TAGGED)
def test_without_the_setting_no_response_carries_an_etag(tmp_path: Path, line: str) -> None:
    answer = call(handling(tmp_path, line, etag=False))
    assert (answer.status, answer.header("ETag")) == (200, None)
    assert answer.header("Content-Length") == str(len(answer.body))


@pytest.mark.parametrize("etag", ETAGS)
@pytest.mark.parametrize("line", UNTAGGED)
def test_other_responses_carry_no_etag_whatever_is_set(tmp_path: Path, line: str, etag: Any) -> None:
    assert call(handling(tmp_path, line, etag=etag)).header("ETag") is None


@pytest.mark.parametrize("etag", ETAGS)
@pytest.mark.parametrize("own", ['"mine"', 'W/"mine"'])
@pytest.mark.parametrize(("wanted", "status"), [('"mine"', 304), ('W/"mine"', 304), ('"other"', 200)])
def test_an_etag_of_the_handlers_stays_and_is_compared(
    tmp_path: Path, etag: Any, own: str, wanted: str, status: int
) -> None:
    app = handling(tmp_path, f"res.set_header('ETag', {own!r}).json(1)", etag=etag)
    answer = call(app, headers=[("If-None-Match", wanted)])
    assert (answer.status, answer.header("ETag")) == (status, own)


@pytest.mark.parametrize("etag", ETAGS)
@pytest.mark.parametrize(("since", "status"), [(date, status) for date, tag, status in DATES if tag is None])
def test_a_date_is_compared_whatever_is_set(tmp_path: Path, etag: Any, since: str, status: int) -> None:
    line = "res.set_header('Last-Modified', 'Wed, 01 Jan 2020 00:00:00 GMT').json(1)"
    app = handling(tmp_path, line, etag=etag)
    assert call(app, headers=[("If-Modified-Since", since)]).status == status


@pytest.mark.parametrize(("header", "status"), MATCHES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_weak_etag_is_compared_weakly(tmp_path: Path, method: str, header: str, status: int) -> None:
    app = handling(tmp_path, "res.json([1])", etag="weak")
    weak = call(app).header("ETag") or ""
    wanted = header.format(weak.removeprefix("W/"))
    answer = call(app, method, headers=[("If-None-Match", wanted)])
    assert (answer.status, answer.header("ETag")) == (status, weak)


@pytest.mark.parametrize(("header", "status"), [("*", 304), ('"a"', 200), ("nonsense", 200)])
def test_without_an_etag_only_any_representation_matches(tmp_path: Path, header: str, status: int) -> None:
    app = handling(tmp_path, "res.json([1])", etag=False)
    answer = call(app, headers=[("If-None-Match", header)])
    assert (answer.status, answer.header("ETag")) == (status, None)


LIMITS: list[tuple[Any, Any, int, str | None]] = [
    (True, 10, 10, '"'),
    (True, 10, 11, None),
    ("weak", 10, 10, "W"),
    ("weak", 10, 11, None),
    (False, 10, 10, None),
    (True, "1kb", 1024, '"'),
    (True, "1kb", 1025, None),
    (True, 0, 1, None),
    (True, None, 5_000_000, '"'),
]


@pytest.mark.parametrize(("etag", "max_size", "size", "first"), LIMITS)
@pytest.mark.parametrize("send", ["return 'x' * {}", "res.json('x' * ({} - 2))"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_larger_content_gets_no_etag(
    tmp_path: Path, method: str, send: str, etag: Any, max_size: Any, size: int, first: str | None
) -> None:
    limit = {} if max_size is None else {"etag_max_size": max_size}
    app = handling(tmp_path, send.format(max(size, 2)), etag=etag, **limit)
    answer = call(app, method)
    assert (answer.header("ETag") or "")[:1] == (first or "")
    assert answer.header("Content-Length") == str(max(size, 2))


def test_content_without_an_etag_of_its_own_may_have_the_handlers(tmp_path: Path) -> None:
    app = handling(tmp_path, "res.set_header('ETag', '\"v1\"').send('x' * 100)", etag_max_size=10)
    answer = call(app, headers=[("If-None-Match", '"v1"')])
    assert (answer.status, answer.header("ETag")) == (304, '"v1"')


def test_two_apps_have_settings_of_their_own(tmp_path: Path) -> None:
    apps = [handling(tmp_path, "res.json(1)", etag=etag) for etag in ETAGS]
    assert [(call(app).header("ETag") or "").partition('"')[:2] for app in apps] == [
        ("", '"'),
        ("", ""),
        ("W/", '"'),
    ]


@pytest.mark.parametrize("etag", ETAGS)
@pytest.mark.parametrize(
    ("own", "if_range", "status"),
    [('"v1"', '"v1"', 206), ('W/"v1"', 'W/"v1"', 200), ('"v1"', 'W/"v1"', 200), ('W/"v1"', '"v1"', 200)],
)
def test_a_part_of_a_file_is_never_chosen_by_a_weak_etag(
    tmp_path: Path, etag: Any, own: str, if_range: str, status: int
) -> None:
    handler = f"from apiroutes import file\ndef GET(): return file(__file__, headers={{'ETag': {own!r}}})\n"
    app = App(project(tmp_path, {"pages/api/x.py": handler}), etag=etag)
    answer = call(app, headers=[("Range", "bytes=0-0"), ("If-Range", if_range)])
    assert (answer.status, answer.header("ETag")) == (status, own)


@pytest.mark.parametrize("etag", ETAGS)
def test_a_file_has_its_own_etag_whatever_is_set(tmp_path: Path, etag: Any) -> None:
    handler = "from apiroutes import file\ndef GET(): return file(__file__)\n"
    app = App(project(tmp_path, {"pages/api/x.py": handler}), etag=etag, etag_max_size=1)
    own = call(app).header("ETag") or ""
    answer = call(app, headers=[("Range", "bytes=0-0"), ("If-Range", own)])
    assert (answer.status, own[:1]) == (206, '"')
