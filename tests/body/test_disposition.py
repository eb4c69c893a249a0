"""The names of fields and files, from the Content-Disposition of a part."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App
from apiroutes.body import limits_of
from apiroutes.body.formdata import parse_form
from apiroutes.errors import ApiError
from apiroutes.settings import Settings
from tests.body.forms import SHOW, field, form, post, upload
from tests.support import app_of

DEFAULTS = limits_of(Settings())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("forms"), SHOW)


FILENAMES = [
    ("x.txt", "x.txt"),
    ("../../x.txt", "x.txt"),
    ("C:\\dir\\x.txt", "x.txt"),
    ("/etc/passwd", "passwd"),
    ("..", ""),
    ("a/..", ""),
    ("a/", ""),
    ("", ""),
    ("a%0D%0Ab", "ab"),
    ("naïve.txt", "naïve.txt"),
]


@pytest.mark.parametrize(("sent", "name"), FILENAMES)
def test_a_file_name_is_a_base_name(app: App, sent: str, name: str) -> None:
    assert post(app, form(upload("f", sent, b""))).json()["files"][0][1] == name


@given(st.text(alphabet="abé./\\:\x00\x01\x7f\x85\u2028\u202e \t", max_size=10))
@settings(deadline=None)
def test_a_file_name_is_never_a_path(name: str) -> None:
    try:
        parsed = parse_form(iter([form(upload("f", name, b""))]), "X", DEFAULTS)
        assert parsed is not None
    except ApiError:  # a line break in the name, which no header can have
        return
    filename = parsed.files[0][1].filename or ""
    parsed.close()
    assert not set(filename) & set("/\\\0\r\n\x01\x7f\x85\u2028\u202e")
    assert filename not in (".", "..")


DISPOSITIONS = [
    ('form-data; name="a"', {"a": "1"}, 0),
    ("form-data; name=a", {"a": "1"}, 0),
    ('FORM-DATA; NAME="a"', {"a": "1"}, 0),
    ('form-data; name="a;b"', {"a;b": "1"}, 0),
    ('form-data; name="a%22b"', {'a"b': "1"}, 0),
    ('form-data; name=""', {"": "1"}, 0),
    ('form-data; name="a"; filename="x"', {}, 1),
    ('form-data; name="a"; filename=""', {}, 1),
    ("form-data; name=\"a\"; filename*=UTF-8''%2e%2e%2fx", {}, 1),
    ('form-data; name="a"; filename="x"; filename*=zlib\'\'%78', {}, 1),
    ("form-data; name=\"a\"; name*=UTF-8''b", {"a": "1"}, 0),
]


@pytest.mark.parametrize(("disposition", "fields", "files"), DISPOSITIONS)
def test_a_disposition_names_a_field_or_a_file(
    app: App, disposition: str, fields: dict[str, str], files: int
) -> None:
    answer = post(app, form((f"Content-Disposition: {disposition}", b"1")))
    assert answer.status == 200
    assert (answer.json()["fields"], len(answer.json()["files"])) == (fields, files)


# -- the extended notation


DOT_NET = "=?utf-8?B?Z3LDtsOfZS50eHQ=?="


EXTENDED = [
    ("filename*=UTF-8''gr%C3%B6%C3%9Fe.txt", "größe.txt"),
    ("filename*=utf-8'de'gr%c3%b6%c3%9fe.txt", "größe.txt"),
    ("FILENAME*=UTF-8''x.txt", "x.txt"),
    ("filename*=\"UTF-8''x.txt\"", "x.txt"),
    ("filename* = UTF-8''x.txt", "x.txt"),
    ("filename*=iso-8859-1''gr%F6%DFe.txt", "größe.txt"),
    ("filename*=UTF-8''..%2F..%5Cx.txt", "x.txt"),
    ("filename*=UTF-8''a%00%0D%0Ab", "ab"),
    ("filename*=UTF-8''..", ""),
    ("filename*=UTF-8''" + "x" * 300, "x" * 255),
    # A file without a name, as its name cannot be read.
    ("filename*=", ""),
    ("filename*=x.txt", ""),
    ("filename*=UTF-8'x.txt", ""),
    ("filename*=UTF-8''%FF", ""),
    ("filename*=UTF-8''\u00e9", ""),
    ("filename*=punycode''b-aaa", ""),
    ("filename*=zlib''%78", ""),
    ("filename*=utf-7''%2B", ""),
    # Continuations (RFC 2231).
    ('filename*0="a"; filename*1="b.txt"', "ab.txt"),
    ("filename*1*=%9F.txt; filename*0*=UTF-8''gr%C3%B6%C3", "größ.txt"),
    ("filename*0*=UTF-8''gr%C3%B6; filename*1=\"e.txt\"", "gröe.txt"),
    ('filename*1="b.txt"', ""),
    ("filename*01=b", ""),
    ("filename*0*=zlib''a", ""),
    # A plain name wins, unless no client means it as a name.
    ("filename=\"x.txt\"; filename*=UTF-8''evil.php", "x.txt"),
    ("filename=\"\"; filename*=UTF-8''evil.php", ""),
    (f"filename=\"{DOT_NET}\"; filename*=utf-8''gr%C3%B6%C3%9Fe.txt", "größe.txt"),
    (f"filename={DOT_NET}; filename*=utf-8''gr%C3%B6%C3%9Fe.txt", "größe.txt"),
    (f"filename*=utf-8''gr%C3%B6%C3%9Fe.txt; filename=\"{DOT_NET}\"", "größe.txt"),
    (f'filename="{DOT_NET}"', DOT_NET),
    (f"filename=\"{DOT_NET}\"; filename*=zlib''x", DOT_NET),
    ("filename=\"a; filename*=UTF-8''b\"", "a; filename*=UTF-8''b"),
]


@pytest.mark.parametrize(("parameters", "name"), EXTENDED)
def test_a_part_with_an_extended_file_name_is_a_file(app: App, parameters: str, name: str) -> None:
    answer = post(app, form(field("f", b"1", f"; {parameters}")))
    assert answer.status == 200
    assert (answer.json()["fields"], [file[:2] for file in answer.json()["files"]]) == ({}, [["f", name]])


def test_a_field_whose_name_mentions_an_extended_file_name_is_text(app: App) -> None:
    body = form(field("a; filename*=UTF-8''b", b"1"), field("*", b"2", "; x*=y"))
    assert post(app, body).json() == {"fields": {"a; filename*=UTF-8''b": "1", "*": "2"}, "files": []}


@given(st.text(alphabet="filename*=0123\"'; %C3utf-8\\", max_size=40))
@settings(deadline=None)
def test_any_extended_file_name_makes_a_file_or_is_refused(text: str) -> None:
    try:
        parsed = parse_form(iter([form(field("f", b"1", f"; filename*={text}"))]), "X", DEFAULTS)
    except ApiError:
        return
    assert parsed is not None
    assert (parsed.fields, len(parsed.files)) == ([], 1)
    parsed.close()


def test_a_file_name_of_another_charset_is_ignored(app: App) -> None:
    header = 'Content-Disposition: form-data; name="f"; filename="x.txt"; filename*=punycode\'\'evil'
    assert post(app, form((header, b""))).json()["files"][0][1] == "x.txt"
