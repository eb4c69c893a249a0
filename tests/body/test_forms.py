"""multipart/form-data: parts, limits, files and where they go."""

from __future__ import annotations

import email
import email.policy
import io
import json
import logging
import subprocess
import sys
import tempfile
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
from tests.support import Answer, Extra, app_of, call, environ, project

DEFAULTS = limits_of(Settings())
TOP = Path(__file__).parents[2]
Part = tuple[str, bytes]

SHOW = """
config = {"api": {"bodyParser": {"sizeLimit": "3mb"}}}
def handler(req, res):
    files = req.files.items(multi=True)
    shown = [[name, file.filename, file.mimetype, len(file.read())] for name, file in files]
    res.json({"fields": req.body, "files": shown})
"""


def form(*parts: Part, boundary: str = "X", end: bytes = b"--\r\n") -> bytes:
    """Each part is its header lines, joined by CRLF, and its content."""
    pieces = [f"--{boundary}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n" for headers, content in parts]
    return b"".join(pieces) + f"--{boundary}".encode() + end


def field(name: str, content: bytes, more: str = "") -> Part:
    return (f'Content-Disposition: form-data; name="{name}"{more}', content)


def upload(name: str, filename: str, content: bytes, media_type: str = "text/plain") -> Part:
    headers, _ = field(name, b"", f'; filename="{filename}"')
    return (f"{headers}\r\nContent-Type: {media_type}", content)


def post(app: App, body: bytes, boundary: str = "X", **extra: Any) -> Answer:
    return call(
        app, "POST", "/api/x", [("Content-Type", f"multipart/form-data; boundary={boundary}")], body, **extra
    )


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("forms"), SHOW)


def test_fields_and_files_are_told_apart(app: App) -> None:
    body = form(field("a", b"1"), upload("f", "x.txt", b"abc"), field("a", "é".encode()), field("b", b""))
    assert post(app, body).json() == {
        "fields": {"a": ["1", "é"], "b": ""},
        "files": [["f", "x.txt", "text/plain", 3]],
    }


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
    # What cannot be read has no name, and is a file.
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
    # A plain name counts, unless it is what no client means.
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


def test_a_name_that_mentions_an_extended_file_name_is_a_text_s(app: App) -> None:
    body = form(field("a; filename*=UTF-8''b", b"1"), field("*", b"2", "; x*=y"))
    assert post(app, body).json() == {"fields": {"a; filename*=UTF-8''b": "1", "*": "2"}, "files": []}


@given(st.text(alphabet="filename*=0123\"'; %C3utf-8\\", max_size=40))
@settings(deadline=None)
def test_any_extended_file_name_is_a_file_s_or_refused(text: str) -> None:
    try:
        found = parse_form(iter([form(field("f", b"1", f"; filename*={text}"))]), "X", DEFAULTS)
    except ApiError:
        return
    assert found is not None
    assert (found.fields, len(found.files)) == ([], 1)
    found.close()


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


@pytest.mark.parametrize("boundary", ['""', "x" * 101, '"é"'])
def test_a_boundary_that_is_none_is_400(app: App, boundary: str) -> None:
    assert post(app, form(field("a", b"1")), boundary).status == 400


@pytest.mark.parametrize("charset", ["zlib", "punycode", "utf-7", "latin1", "nonsense"])
def test_a_part_chooses_no_charset(app: App, charset: str) -> None:
    body = form(field("a", "é".encode(), f"\r\nContent-Type: text/plain; charset={charset}"))
    assert post(app, body).json()["fields"] == {"a": "é"}


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


# -- files and where they go

KEEP = """
import {module}
def handler(req, res):
    file = req.files["f"].stream
    {module}.kept.append(file)
    {then}
"""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What handlers put here can be looked at after the request."""
    files: list[Any] = []
    monkeypatch.setattr(logging, "kept", files, raising=False)
    return files


ENDINGS = {
    "an answer": "res.json(1)",
    "an exception": "raise RuntimeError",
    "a stream": "res.send(iter([b'a', b'b']))",
    "nothing": "pass",
}


@pytest.mark.parametrize("then", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("size", [10, 100_000])
def test_files_are_closed_when_the_request_ends(
    tmp_path: Path, kept: list[Any], then: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(tmp_path, KEEP.format(module="logging", then=then))
    post(app, form(upload("f", "x", b"0" * size)))
    assert [file.closed for file in kept] == [True]


@pytest.mark.parametrize(("size", "on_disk"), [(65_536, False), (65_537, True)])
def test_a_file_is_spooled_to_disk_past_64_kib(tmp_path: Path, size: int, on_disk: bool) -> None:
    line = "res.json(not isinstance(req.files['f'].stream, io.BytesIO))"
    app = app_of(tmp_path, f"import io\ndef handler(req, res):\n    {line}\n")
    assert post(app, form(upload("f", "x", b"0" * size))).json() is on_disk


# The limit is a process's, and pytest writes files too: it is lowered in a process of its own.
SMALL_DISK = """
import json, resource, sys
from apiroutes import App
from apiroutes.body import formdata
from tests.body.test_forms import form, post, upload
opened = []
def noted(temporary_file=formdata.TemporaryFile):
    opened.append(temporary_file())
    return opened[-1]
formdata.TemporaryFile = noted
app = App(sys.argv[1])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, hard))
sent = [form(upload("f", "x", b"0" * int(size))) for size in sys.argv[2:]]
statuses = [post(app, body).status for body in sent]
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
print(json.dumps({"statuses": statuses, "closed": [file.closed for file in opened]}))
"""


def on_a_small_disk(directory: Path, *sizes: int) -> dict[str, list[Any]]:
    """Upload files of these sizes where no file can grow past 70,000 bytes."""
    project(directory, {"pages/api/x.py": SHOW})
    command = [sys.executable, "-c", SMALL_DISK, str(directory), *map(str, sizes)]
    done = subprocess.run(command, cwd=TOP, timeout=60, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("size", [70_001, 72_000, 200_000])
def test_a_disk_that_fills_up_is_507(tmp_path: Path, size: int) -> None:
    assert on_a_small_disk(tmp_path, size, 100)["statuses"] == [507, 200]


def test_a_full_disk_is_507(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    answer = post(app, form(upload("f", "x", b"0" * 100_000)))
    assert (answer.status, answer.body) == (507, b"Insufficient Storage")


def test_a_form_that_is_refused_is_read_to_its_end(app: App) -> None:
    """Who still sends loses the answer: the server closes on what was not read."""
    broken = form(upload("f", "x", b"0" * 200_000)).replace(b"filename=", b"filename\xff=")
    too_many = form(*[field(f"f{number}", b"0" * 100) for number in range(1500)])
    for body, status in ((broken, 400), (b"--Y" * 60_000, 400), (too_many, 413)):
        source = io.BytesIO(body)
        assert post(app, body, **Extra({"wsgi.input": source})).status == status
        assert source.tell() == len(body)


@pytest.mark.parametrize("answer", ["res.json(1)", "1 / 0"])
def test_an_upload_is_closed_when_its_answer_is_given(tmp_path: Path, answer: str) -> None:
    see = "req.environ['seen'].append(req.files['f'].stream)"
    handler = f"def handler(req, res):\n    {see}\n    {answer}\n"
    seen: list[Any] = []
    body = form(upload("f", "x", b"0" * 100_000))
    asked = environ(
        "POST", headers=[("Content-Type", "multipart/form-data; boundary=X")], body=body, seen=seen
    )
    app_of(tmp_path, handler)(asked, lambda *said: lambda content: None)
    assert seen[0].closed


SAVE = """
def handler(req, res):
    file = req.files["f"]
    file.filename = {rename!r} or file.filename
    file.save({directory!r})
    res.end()
"""

NAMES = [
    ("a.txt", "a.txt"),
    ("../a.txt", "a.txt"),
    ("..\\\\a.txt", "a.txt"),
    ("/etc/a.txt", "a.txt"),
    ("C:\\\\a.txt", "a.txt"),
    ("%2e%2e%2fa.txt", "%2e%2e%2fa.txt"),
    ("é" * 200 + ".txt", "é" * 125 + ".txt"),
    ("a." + "x" * 300, "a"),
]


def _save(tmp_path: Path, name: str, rename: str = "") -> int:
    directory = tmp_path / "uploads"
    directory.mkdir(exist_ok=True)
    app = app_of(tmp_path, SAVE.format(directory=str(directory), rename=rename))
    return post(app, form(upload("f", name, b"abc"))).status


@pytest.mark.parametrize(("name", "stored"), NAMES)
def test_an_upload_saved_to_a_directory_stays_in_it(tmp_path: Path, name: str, stored: str) -> None:
    assert _save(tmp_path, name) == 200
    [found] = (tmp_path / "uploads").iterdir()
    assert (found.name, found.read_bytes()) == (stored, b"abc")


def test_a_name_that_the_handler_takes_from_elsewhere_does_not_lead_out(tmp_path: Path) -> None:
    assert _save(tmp_path, "a.txt", rename="../../b.txt") == 200
    assert [found.name for found in (tmp_path / "uploads").iterdir()] == ["b.txt"]


@pytest.mark.parametrize("name", ["..", ".", "a/"])
def test_an_upload_without_a_name_of_its_own_is_not_saved(tmp_path: Path, name: str) -> None:
    assert _save(tmp_path, name) == 500
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_link_in_the_directory_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("kept")
    directory = tmp_path / "uploads"
    directory.mkdir()
    (directory / "a.txt").symlink_to(outside)
    assert _save(tmp_path, "a.txt") == 500
    assert outside.read_text() == "kept"


def test_an_upload_can_be_saved(tmp_path: Path) -> None:
    app = app_of(
        tmp_path,
        f"def handler(req, res):\n    req.files['f'].save({str(tmp_path / 'saved')!r})\n    res.end()\n",
    )
    content = bytes(range(256)) * 1000
    post(app, form(upload("f", "x", content)))
    assert (tmp_path / "saved").read_bytes() == content


# -- at every split point, and against another implementation

SAMPLE = form(
    field("a", b"1\r\n--Y\r\n--"),
    upload("f", "x.bin", b"\r\n--x-\r\n\r", "application/octet-stream"),
    field("b", "é".encode()),
)


def parsed(chunks: list[bytes]) -> tuple[list[tuple[str, str]], list[tuple[str, bytes]]]:
    found = parse_form(iter(chunks), "X", DEFAULTS)
    assert found is not None
    try:
        return found.fields, [(name, file.read()) for name, file in found.files]
    finally:
        found.close()


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


names = st.text(alphabet="abcé", min_size=1, max_size=5)
contents = st.text(alphabet="\r\n-Xaé", max_size=20).filter(lambda text: "--X" not in text)


@given(st.lists(st.tuples(names, contents, st.booleans()), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_form_reads_as_werkzeug_reads_it(parts: list[tuple[str, str, bool]]) -> None:
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


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_form_or_refused(content: bytes) -> None:
    try:
        parsed([b"--X\r\n", content])
        status = 200
    except ApiError as error:
        status = error.status
    assert status in (200, 400, 413)


# -- through a whole App, however the content arrives


class Pieces(io.BytesIO):
    """A stream that gives at most so many bytes a read."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0
        return super().read(min(size, self.most))


@pytest.mark.parametrize("most", [*range(1, 40), 100])
def test_a_form_is_the_same_in_reads_of_any_size(app: App, most: int) -> None:
    whole = post(app, SAMPLE).json()
    extra: Extra = {"wsgi.input": Pieces(SAMPLE, most), "CONTENT_LENGTH": str(len(SAMPLE))}
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
    end = SAMPLE.rindex(b"--\r\n") + 2  # what follows the last delimiter is no part of a form
    for length in range(1, end):
        answer = post(app, SAMPLE[:length])
        assert (answer.status, answer.body) == (400, b"Invalid body"), length


AROUND = {
    "a preamble": b"ignored\r\n" + form(field("a", b"1")),
    "a line break first": b"\r\n" + form(field("a", b"1")),
    "an epilogue": form(field("a", b"1")) + b"ignored",
    "no line break at the end": form(field("a", b"1"), end=b"--"),
    "blanks after a delimiter": form(field("a", b"1")).replace(b"--X\r\n", b"--X  \r\n", 1),
}


@pytest.mark.parametrize("body", AROUND.values(), ids=AROUND)
def test_what_is_around_the_parts_is_ignored_or_refused(app: App, body: bytes) -> None:
    answer = post(app, body)
    assert answer.status in (200, 400)
    assert answer.status != 200 or answer.json() == {"fields": {"a": "1"}, "files": []}


# -- against email's parser, where both can read it

# What begins like a delimiter is one, and no client sends it.
texts = st.text(alphabet="ab é-X\t", max_size=12).filter(lambda text: not text.startswith("--X"))


@given(st.lists(st.tuples(names, texts), min_size=1, max_size=4))
@settings(deadline=None)
def test_a_form_reads_as_email_reads_it(parts: list[tuple[str, str]]) -> None:
    body = form(*[field(name, text.encode()) for name, text in parts])
    message = email.message_from_bytes(
        b"Content-Type: multipart/form-data; boundary=X\r\n\r\n" + body, policy=email.policy.HTTP
    )
    theirs = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    fields, _ = parsed([body])
    assert [text.encode() for _, text in fields] == theirs


# -- names and headers of parts


@given(st.text(alphabet="abé./\\:\x00\x01\x7f\x85\u2028\u202e \t", max_size=10))
@settings(deadline=None)
def test_a_file_name_is_never_a_path(name: str) -> None:
    try:
        found = parse_form(iter([form(upload("f", name, b""))]), "X", DEFAULTS)
        assert found is not None
    except ApiError:  # a line break in it, which no header can have
        return
    filename = found.files[0][1].filename or ""
    found.close()
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


def test_a_file_name_of_another_charset_is_ignored(app: App) -> None:
    header = 'Content-Disposition: form-data; name="f"; filename="x.txt"; filename*=punycode\'\'evil'
    assert post(app, form((header, b""))).json()["files"][0][1] == "x.txt"


CHARSETS = ["zlib", "punycode", "utf-7", "utf-16", "rot13", "x" * 100]


@pytest.mark.parametrize("charset", CHARSETS)
def test_the_form_chooses_no_charset_either(app: App, charset: str) -> None:
    body = form(field("_charset_", charset.encode()), field("a", "é".encode()))
    headers = [("Content-Type", f"multipart/form-data; boundary=X; charset={charset}")]
    answer = call(app, "POST", "/api/x", headers, body)
    assert answer.json()["fields"] == {"_charset_": charset, "a": "é"}


@pytest.mark.parametrize("coding", ["base64", "quoted-printable", "gzip", "8bit", "binary"])
def test_a_transfer_encoding_of_a_part_is_not_undone(app: App, coding: str) -> None:
    body = form(field("a", b"YQ==", f"\r\nContent-Transfer-Encoding: {coding}"))
    answer = post(app, body)
    assert answer.status in (200, 400)
    assert answer.status == 400 or answer.json()["fields"] == {"a": "YQ=="}


BOUNDARIES = ["X", "-" * 70, "a'()+_,-./:=?b", "x" * 100, "----WebKitFormBoundary7MA4YWxkTrZu0gW"]


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_boundary_may_have_all_that_rfc_2046_allows(app: App, boundary: str) -> None:
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
def test_a_form_without_its_boundary_is_no_form(app: App, content_type: str) -> None:
    answer = call(app, "POST", "/api/x", [("Content-Type", content_type)], form(field("a", b"1")))
    # a Content-Type that cannot be read counts as none, and then the body is a text
    assert answer.status == 400 or isinstance(answer.json()["fields"], str)


def test_files_of_one_name_are_all_there(app: App) -> None:
    body = form(upload("f", "1", b"a"), upload("f", "2", b"bb"), field("f", b"field"))
    assert post(app, body).json() == {
        "fields": {"f": "field"},
        "files": [["f", "1", "text/plain", 1], ["f", "2", "text/plain", 2]],
    }


# -- limits, exactly

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
    extra: Extra = {"wsgi.input": Pieces(body, most), "CONTENT_LENGTH": str(len(body))}
    assert post(app_of(tmp_path, SHOW, **settings_), b"", **extra).status == status


def test_the_usual_limits_take_what_people_send(app: App) -> None:
    body = form(*[field(f"f{number}", b"x" * 100) for number in range(1000)])
    assert len(post(app, body).json()["fields"]) == 1000


def test_a_part_more_than_the_usual_limit_is_413(app: App) -> None:
    assert post(app, form(*[field("a", b"")] * 1001)).status == 413


# -- where files go


@pytest.fixture
def spools(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every temporary file that is opened, so that it can be looked at after the request."""
    opened: list[Any] = []

    def noted(temporary_file: Any = tempfile.TemporaryFile) -> Any:
        opened.append(temporary_file())
        return opened[-1]

    monkeypatch.setattr("apiroutes.body.formdata.TemporaryFile", noted)
    return opened


FILES = form(upload("f", "1", b"a"), upload("g", "2", b"b" * 100_000), field("a", b"1"))
REFUSED: dict[str, tuple[dict[str, Any], bytes, int]] = {
    "cut off": ({}, FILES[:-10], 400),
    "a field that is not UTF-8": ({}, FILES.replace(b"\r\n1\r\n", b"\r\n\xff\r\n"), 400),
    "too many parts": ({"max_form_parts": 2}, FILES, 413),
    "too much memory": ({"max_form_memory": 0}, FILES, 413),
    "a header that is none": ({}, FILES.replace(b'Content-Disposition: form-data; name="a"', b"x"), 400),
}


@pytest.mark.parametrize(("settings_", "body", "status"), REFUSED.values(), ids=REFUSED)
def test_a_form_that_is_refused_leaves_no_file_open(
    tmp_path: Path, spools: list[Any], settings_: dict[str, Any], body: bytes, status: int
) -> None:
    app = app_of(tmp_path, SHOW, **settings_, upload_spool_size=0)
    assert post(app, body).status == status
    assert [file.closed for file in spools] == [True, True]


def test_a_form_over_its_size_leaves_no_file_open(tmp_path: Path, spools: list[Any]) -> None:
    app = app_of(
        tmp_path, "def handler(req, res): res.end()\n", body_size_limit="50kb", upload_spool_size="1kb"
    )
    stream = Pieces(form(upload("f", "1", b"b" * 200_000)), 1000)
    extra: Extra = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": stream}
    assert post(app, b"", **extra).status == 413
    assert [file.closed for file in spools] == [True]


def test_a_connection_that_breaks_leaves_no_file_open(tmp_path: Path, spools: list[Any]) -> None:
    class Breaking(Pieces):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 100_000:
                raise ConnectionResetError
            return super().read(size)

    app = app_of(tmp_path, "def handler(req, res): res.end()\n")
    body = form(upload("f", "1", b"b" * 200_000))
    extra: Extra = {"wsgi.input": Breaking(body, 2**16), "CONTENT_LENGTH": str(len(body))}
    assert post(app, b"", **extra).status == 400
    assert [file.closed for file in spools] == [True]


def test_a_full_disk_leaves_no_file_open(tmp_path: Path) -> None:
    assert on_a_small_disk(tmp_path, 100_000)["closed"] == [True]


def test_a_spooled_file_is_gone_from_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(len(req.files['g'].read()))\n")
    assert post(app, FILES).json() == 100_000
    assert list(disk.iterdir()) == []


def test_files_within_64_kib_need_no_disk(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert post(app, form(upload("f", "1", b"b" * 65_536))).status == 200
