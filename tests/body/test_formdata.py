"""multipart/form-data: parts and limits, however the content arrives, and against other parsers."""

from __future__ import annotations

import email
import email.policy
import io
from pathlib import Path
from typing import Any

import pytest
import werkzeug
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App
from apiroutes.body import limits_of
from apiroutes.body.formdata import parse_form
from apiroutes.errors import ApiError
from apiroutes.settings import Settings
from tests.body.bodies import CountingInput
from tests.body.forms import SHOW, field, form, post, upload
from tests.support import Extra, app_of, call

DEFAULTS = limits_of(Settings())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("forms"), SHOW)


def test_fields_and_files_are_told_apart(app: App) -> None:
    body = form(field("a", b"1"), upload("f", "x.txt", b"abc"), field("a", "é".encode()), field("b", b""))
    assert post(app, body).json() == {
        "fields": {"a": ["1", "é"], "b": ""},
        "files": [["f", "x.txt", "text/plain", 3]],
    }


def test_all_files_of_one_name_are_kept(app: App) -> None:
    body = form(upload("f", "1", b"a"), upload("f", "2", b"bb"), field("f", b"field"))
    assert post(app, body).json() == {
        "fields": {"f": "field"},
        "files": [["f", "1", "text/plain", 1], ["f", "2", "text/plain", 2]],
    }


BROKEN = {
    "no end": form(field("a", b"1"), end=b""),
    "cut in a part": form(field("a", b"1"))[:-12],
    "no disposition": form(("Content-Type: text/plain", b"1")),
    "another disposition": form(('Content-Disposition: attachment; name="a"', b"1")),
    "a header that is none": form(("nonsense", b"1")),
    "a field that is not UTF-8": form(field("a", b"\xff")),
    "a name that is not UTF-8": form(field("a", b"1")).replace(b'"a"', b'"\xff"'),
    "a part's length that is wrong": form(field("a", b"1", "\r\nContent-Length: 9")),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_form_is_400(app: App, body: bytes) -> None:
    answer = post(app, body)
    assert (answer.status, answer.body) == (400, b"Invalid body")


AROUND = {
    "a preamble": b"ignored\r\n" + form(field("a", b"1")),
    "a line break first": b"\r\n" + form(field("a", b"1")),
    "an epilogue": form(field("a", b"1")) + b"ignored",
    "no line break at the end": form(field("a", b"1"), end=b"--"),
    "blanks after a delimiter": form(field("a", b"1")).replace(b"--X\r\n", b"--X  \r\n", 1),
}


@pytest.mark.parametrize("body", AROUND.values(), ids=AROUND)
def test_content_around_the_parts_is_ignored_or_refused(app: App, body: bytes) -> None:
    answer = post(app, body)
    assert answer.status in (200, 400)
    assert answer.status != 200 or answer.json() == {"fields": {"a": "1"}, "files": []}


def test_a_form_that_is_refused_is_read_to_its_end(app: App) -> None:
    """Otherwise the server closes on unread content, and a client that is sending loses the response."""
    broken = form(upload("f", "x", b"0" * 200_000)).replace(b"filename=", b"filename\xff=")
    too_many = form(*[field(f"f{number}", b"0" * 100) for number in range(1500)])
    for body, status in ((broken, 400), (b"--Y" * 60_000, 400), (too_many, 413)):
        source = io.BytesIO(body)
        assert post(app, body, **Extra({"wsgi.input": source})).status == status
        assert source.tell() == len(body)


# -- charsets and codings


@pytest.mark.parametrize("charset", ["zlib", "punycode", "utf-7", "latin1", "nonsense"])
def test_the_charset_of_a_part_is_ignored(app: App, charset: str) -> None:
    body = form(field("a", "é".encode(), f"\r\nContent-Type: text/plain; charset={charset}"))
    assert post(app, body).json()["fields"] == {"a": "é"}


CHARSETS = ["zlib", "punycode", "utf-7", "utf-16", "rot13", "x" * 100]


@pytest.mark.parametrize("charset", CHARSETS)
def test_the_charset_of_a_form_is_ignored_too(app: App, charset: str) -> None:
    body = form(field("_charset_", charset.encode()), field("a", "é".encode()))
    headers = [("Content-Type", f"multipart/form-data; boundary=X; charset={charset}")]
    answer = call(app, "POST", "/api/x", headers, body)
    assert answer.json()["fields"] == {"_charset_": charset, "a": "é"}


@pytest.mark.parametrize("coding", ["base64", "quoted-printable", "gzip", "8bit", "binary"])
def test_the_transfer_encoding_of_a_part_is_not_decoded(app: App, coding: str) -> None:
    body = form(field("a", b"YQ==", f"\r\nContent-Transfer-Encoding: {coding}"))
    answer = post(app, body)
    assert answer.status in (200, 400)
    assert answer.status == 400 or answer.json()["fields"] == {"a": "YQ=="}


# -- boundaries


@pytest.mark.parametrize("boundary", ['""', "x" * 101, '"é"'])
def test_an_invalid_boundary_is_400(app: App, boundary: str) -> None:
    assert post(app, form(field("a", b"1")), boundary).status == 400


BOUNDARIES = ["X", "-" * 70, "a'()+_,-./:=?b", "x" * 100, "----WebKitFormBoundary7MA4YWxkTrZu0gW"]


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_boundary_may_have_every_character_of_rfc_2046(app: App, boundary: str) -> None:
    answer = post(app, form(field("a", b"1"), boundary=boundary), f'"{boundary}"')
    assert answer.json()["fields"] == {"a": "1"}


NO_BOUNDARY = [
    "multipart/form-data",
    "multipart/form-data; boundary",
    "multipart/form-data; boundary=",
    'multipart/form-data; boundary=""',
    "multipart/form-data; boundary=X; boundary=Y",
    "multipart/form-data; boundary=Y",
    "multipart/form-data; charset=X",
]


@pytest.mark.parametrize("content_type", NO_BOUNDARY)
def test_a_form_without_its_boundary_is_not_parsed_as_one(app: App, content_type: str) -> None:
    answer = call(app, "POST", "/api/x", [("Content-Type", content_type)], form(field("a", b"1")))
    # a Content-Type that cannot be read counts as missing, and then the body is text
    assert answer.status == 400 or isinstance(answer.json()["fields"], str)


# -- limits


LIMITS = {
    "parts": ({"max_form_parts": 2}, form(*[field("a", b"1")] * 3)),
    "headers of a part": ({"max_part_headers": 2}, form(field("a", b"1", "\r\nA: 1\r\nB: 2"))),
    "a header's size": ({}, form(field("a" * 5000, b"1"))),
    "fields together": ({"max_form_memory": "10b"}, form(field("a", b"123456"), field("b", b"123456"))),
}


@pytest.mark.parametrize(("settings_", "body"), LIMITS.values(), ids=LIMITS)
def test_a_form_over_a_limit_is_413(tmp_path: Path, settings_: dict[str, Any], body: bytes) -> None:
    assert post(app_of(tmp_path, SHOW, **settings_), body).status == 413


def test_files_do_not_count_as_memory(tmp_path: Path) -> None:
    body = form(upload("f", "x", b"0" * 100))
    assert post(app_of(tmp_path, SHOW, max_form_memory="10b"), body).status == 200


EXACT: list[tuple[dict[str, Any], bytes, int]] = [
    ({"max_form_parts": 3}, form(*[field("a", b"1")] * 3), 200),
    ({"max_form_parts": 3}, form(*[field("a", b"1")] * 4), 413),
    ({"max_form_parts": 3}, form(*[upload("a", "x", b"1")] * 4), 413),
    ({"max_part_headers": 3}, form(field("a", b"1", "\r\nA: 1\r\nB: 2")), 200),
    ({"max_part_headers": 3}, form(field("a", b"1", "\r\nA: 1\r\nB: 2\r\nC: 3")), 413),
    ({"max_form_memory": "10b"}, form(field("a", b"12345"), field("b", b"12345")), 200),
    ({"max_form_memory": "10b"}, form(field("a", b"12345"), field("b", b"123456")), 413),
    ({"max_form_memory": "10b"}, form(field("a", b"12345678901")), 413),
]


@pytest.mark.parametrize(("settings_", "body", "status"), EXACT)
@pytest.mark.parametrize("most", [1, 1000])
def test_a_limit_of_a_form_is_exact(
    tmp_path: Path, settings_: dict[str, Any], body: bytes, status: int, most: int
) -> None:
    extra: Extra = {"wsgi.input": CountingInput(body, most), "CONTENT_LENGTH": str(len(body))}
    assert post(app_of(tmp_path, SHOW, **settings_), b"", **extra).status == status


def test_a_thousand_fields_pass_by_default(app: App) -> None:
    body = form(*[field(f"f{number}", b"x" * 100) for number in range(1000)])
    assert len(post(app, body).json()["fields"]) == 1000


def test_a_part_over_the_default_limit_is_413(app: App) -> None:
    assert post(app, form(*[field("a", b"")] * 1001)).status == 413


# -- at every split point


SAMPLE = form(
    field("a", b"1\r\n--Y\r\n--"),
    upload("f", "x.bin", b"\r\n--x-\r\n\r", "application/octet-stream"),
    field("b", "é".encode()),
)


def parsed(chunks: list[bytes]) -> tuple[list[tuple[str, str]], list[tuple[str, bytes]]]:
    result = parse_form(iter(chunks), "X", DEFAULTS)
    assert result is not None
    try:
        return result.fields, [(name, file.read()) for name, file in result.files]
    finally:
        result.close()


def test_a_form_is_the_same_at_every_split_point() -> None:
    whole = parsed([SAMPLE])
    for split in range(1, len(SAMPLE)):
        assert parsed([SAMPLE[:split], SAMPLE[split:]]) == whole


def test_a_form_is_the_same_byte_by_byte() -> None:
    assert parsed([SAMPLE[index : index + 1] for index in range(len(SAMPLE))]) == parsed([SAMPLE])


ODD_BEGINNINGS = [b"------X\r\n--X--\r\n", b"\r--X--\r\n", b"-\r\n--X--\r\n", b"a--X\r\n--X--\r\n"]


ODD_BEGINNINGS += [b"p" * 1022 + b"\r\n" + SAMPLE, b"p" * 1023 + b"\r\n" + SAMPLE, b"p" * 5000]


def parsed_or_refused(chunks: list[bytes]) -> object:
    try:
        return parsed(chunks)
    except ApiError as error:
        return error.status


@pytest.mark.parametrize("content", ODD_BEGINNINGS)
def test_an_odd_beginning_means_the_same_at_every_split_point(content: bytes) -> None:
    whole = parsed_or_refused([content])
    for split in range(1, len(content)):
        assert parsed_or_refused([content[:split], content[split:]]) == whole, split


@pytest.mark.parametrize("most", [*range(1, 40), 100])
def test_a_form_is_the_same_in_reads_of_any_size(app: App, most: int) -> None:
    whole = post(app, SAMPLE).json()
    extra: Extra = {"wsgi.input": CountingInput(SAMPLE, most), "CONTENT_LENGTH": str(len(SAMPLE))}
    assert post(app, b"", **extra).json() == whole


@given(st.lists(st.integers(1, len(SAMPLE) - 1), max_size=8, unique=True).map(sorted))
@settings(deadline=None)
def test_a_form_is_the_same_in_pieces_of_any_sizes(splits: list[int]) -> None:
    ends = [*splits, len(SAMPLE)]
    pieces = [SAMPLE[start:end] for start, end in zip([0, *splits], ends)]
    assert parsed(pieces) == parsed([SAMPLE])


LENGTHS = [base + offset for base in (2**16, 2**17) for offset in range(-6, 7)]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_file_is_the_same_around_the_size_of_a_read(length: int) -> None:
    """Other parsers lose or add a byte where a read ends inside the delimiter."""
    content = (b"\r\n--" * (length // 4 + 1))[:length]
    _, ((_, read),) = parsed_in_reads(form(upload("f", "x", content)))
    assert read == content


@pytest.mark.parametrize("total", LENGTHS)
def test_a_body_of_any_length_ends_with_its_file(total: int) -> None:
    empty = len(form(upload("f", "x", b"")))
    content = b"x" * (total - empty)
    _, ((_, read),) = parsed_in_reads(form(upload("f", "x", content)))
    assert read == content


def parsed_in_reads(body: bytes) -> tuple[list[tuple[str, str]], list[tuple[str, bytes]]]:
    return parsed([body[start : start + 2**16] for start in range(0, len(body), 2**16)])


def test_a_form_cut_off_anywhere_is_400(app: App) -> None:
    end = SAMPLE.rindex(b"--\r\n") + 2  # the epilogue after the last delimiter may be missing
    for length in range(1, end):
        answer = post(app, SAMPLE[:length])
        assert (answer.status, answer.body) == (400, b"Invalid body"), length


# -- against other parsers


names = st.text(alphabet="abcé", min_size=1, max_size=5)


contents = st.text(alphabet="\r\n-Xaé", max_size=20).filter(lambda text: "--X" not in text)


@given(st.lists(st.tuples(names, contents, st.booleans()), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_form_is_parsed_as_werkzeug_parses_it(parts: list[tuple[str, str, bool]]) -> None:
    body = form(
        *[
            upload(name, "f", text.encode()) if is_file else field(name, text.encode())
            for name, text, is_file in parts
        ]
    )
    theirs = werkzeug.Request(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": "multipart/form-data; boundary=X",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
    )
    fields, files = parsed([body])
    assert sorted(fields) == sorted(theirs.form.items(multi=True))
    assert sorted(files) == sorted((name, file.read()) for name, file in theirs.files.items(multi=True))
    theirs.close()


# A line that begins like a delimiter is one, and no client sends such a text.
texts = st.text(alphabet="ab é-X\t", max_size=12).filter(lambda text: not text.startswith("--X"))


@given(st.lists(st.tuples(names, texts), min_size=1, max_size=4))
@settings(deadline=None)
def test_a_form_is_parsed_as_email_parses_it(parts: list[tuple[str, str]]) -> None:
    body = form(*[field(name, text.encode()) for name, text in parts])
    message = email.message_from_bytes(
        b"Content-Type: multipart/form-data; boundary=X\r\n\r\n" + body, policy=email.policy.HTTP
    )
    theirs = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    fields, _ = parsed([body])
    assert [text.encode() for _, text in fields] == theirs


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_form_or_refused(content: bytes) -> None:
    try:
        parsed([b"--X\r\n", content])
        status = 200
    except ApiError as error:
        status = error.status
    assert status in (200, 400, 413)
