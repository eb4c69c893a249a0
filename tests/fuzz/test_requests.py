"""Any request at all: it gets a whole answer that HTTP can carry, and nothing fails."""

from __future__ import annotations

import atexit
import functools
import io
import logging
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App
from tests.support import Answer, call, environ, project

DATA = bytes(range(256)) * 40

ECHO = """
def handler(req, res):
    files = [[name, file.filename, len(file.read())] for name, file in req.files.items(multi=True)]
    seen = [req.method, req.query, req.params, req.cookies, dict(req.headers), req.path, req.url, files]
    res.set_header("X-Type", type(req.body).__name__)
    res.json([repr(seen), repr(req.body)])
"""
FILES = {
    "pages/api/index.py": ECHO,
    "pages/api/[id].py": ECHO,
    "pages/api/a/[...path].py": ECHO,
    "pages/api/b/[[...path]].py": ECHO,
    "pages/api/small.py": 'config = {"api": {"bodyParser": {"sizeLimit": 16}}}\n' + ECHO,
    "pages/api/raw.py": (
        'config = {"api": {"bodyParser": False}}\n'
        "def handler(req, res): res.send(req.stream.read(100) + req.stream.read())\n"
    ),
    "pages/api/methods.py": "def GET(query): return query\ndef POST(body): return {'body': repr(body)}\n",
    "pages/api/redirect.py": (
        "from apiroutes import ApiError\n"
        "def handler(req, res):\n"
        "    try:\n"
        "        res.redirect(str(req.query.get('to', '/')))\n"
        "    except ValueError:\n"
        "        raise ApiError(400, 'no')\n"
    ),
    "pages/api/file.py": (
        "import pathlib\nfrom apiroutes import file\n"
        "def GET(): return file(pathlib.Path(__file__).parents[2] / 'data.bin')\n"
    ),
    "pages/api/all/[[...all]].py": "def handler(req, res): res.json(req.params.get('all', []))\n",
}


@functools.cache
def application() -> App:
    root = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, root)
    (root / "data.bin").write_bytes(DATA)
    return App(project(root, FILES))


class Faults(logging.Handler):
    """What is logged as a fault while it is in use."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def __enter__(self) -> Faults:
        logging.getLogger("apiroutes").addHandler(self)
        return self

    def __exit__(self, *raised: object) -> None:
        logging.getLogger("apiroutes").removeHandler(self)


latin1 = st.text(st.characters(max_codepoint=255), max_size=20)
WORDS = (
    "api a b small raw methods redirect file all . .. x %2F % %zz %00 %2e%2e %5C %C3%A9 %FF é a+b a;b "
    "\\ // # %25 %0d%0a"
)
words = st.sampled_from(["", *WORDS.split(" ")])
paths = st.lists(words | latin1, max_size=6).map(lambda parts: "/" + "/".join(parts)) | st.lists(
    words, min_size=1, max_size=3
).map(lambda parts: "/api/" + "/".join(parts))
pairs = st.lists(st.tuples(words | latin1, words | latin1).map("=".join), max_size=5)
queries = pairs.map("&".join) | latin1
METHODS = "GET HEAD POST PUT DELETE OPTIONS PATCH PURGE get"
methods = st.sampled_from(["", "A B", *METHODS.split()])
types = st.sampled_from(
    [
        "application/json",
        "application/json; charset=utf-16",
        "application/ld+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=X",
        'multipart/form-data; boundary="X Y"',
        "multipart/form-data",
        "text/plain",
        "text/plain; charset=latin-1",
        "text/plain; charset=punycode",
        "application/octet-stream",
        "",
    ]
)
form_pieces = st.sampled_from(
    b'--X,--,\r\n,\r,\n,Content-Disposition: form-data; name="a",\r\n\r\n,1,; filename="x",'
    b'Content-Type: text/plain,; charset=utf-8,:,",\xff,\0'.split(b",")
)
bodies = (
    st.binary(max_size=40)
    | st.lists(form_pieces, max_size=25).map(b"".join)
    | queries.map(lambda text: text.encode("latin-1"))
    | st.sampled_from([b'{"a":[1,2]}', b"[" * 300, b'{"a":1e999}', b"NaN", b'"\\ud800"', b"\xef\xbb\xbf1"])
)
NAMES = (
    "ACCEPT COOKIE IF_NONE_MATCH IF_MODIFIED_SINCE RANGE IF_RANGE CONTENT_ENCODING X_REQUEST_ID TRACEPARENT "
    "HOST X_FORWARDED_HOST CACHE_CONTROL AUTHORIZATION REFERER"
)
header_names = st.sampled_from(NAMES.split())
VALUES = (
    '*|*/*|application/json|a=1; b=2|"x", W/"y"|bytes=0-1|bytes=-5|bytes=5-,7-9|gzip|identity|'
    "Thu, 01 Jan 1970 00:00:00 GMT"
)
header_values = latin1 | st.sampled_from([*VALUES.split("|"), "a" * 3000, "=;,\"'"])
lengths = st.sampled_from([None, None, None, "0", "5", "-1", "1e3", "9" * 30, "", " 3", "٣"])


def is_sound(answer: Answer, method: str) -> bool:
    """What every answer is (RFC 9110 sections 5.5, 6.4 and 15; PEP 3333)."""
    for name, value in answer.headers:
        assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
        assert re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", value)
    assert 200 <= answer.status <= 599
    lengths = answer.all("Content-Length")
    assert len(lengths) <= 1
    if method == "HEAD" or answer.status in (204, 205, 304):
        assert answer.body == b""
    elif lengths:
        assert lengths == [str(len(answer.body))]
    return True


@given(
    method=methods,
    path=paths,
    query=queries,
    headers=st.dictionaries(header_names, header_values, max_size=4),
    content_type=types | latin1,
    body=bodies,
    length=lengths,
    chunked=st.booleans(),
    has_target=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_any_request_is_answered(
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    content_type: str,
    body: bytes,
    length: str | None,
    chunked: bool,
    has_target: bool,
) -> None:
    made = environ(method, "/", body=body)
    target = f"{path}?{query}" if query else path
    made |= {f"HTTP_{name}": value for name, value in headers.items()}
    made |= {"CONTENT_TYPE": content_type, "QUERY_STRING": query}
    made["PATH_INFO"] = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
    made["RAW_URI"] = target if has_target else ""
    if chunked:
        made.pop("CONTENT_LENGTH", None)
        made["HTTP_TRANSFER_ENCODING"] = "chunked"
    elif length is not None:
        made["CONTENT_LENGTH"] = length
    with Faults() as faults:
        answer = call(application(), **{**dict.fromkeys(environ()), **made})
    assert [record.getMessage() for record in faults.records] == []
    assert answer.status != 500
    assert is_sound(answer, method)


def naive_path(raw: str) -> tuple[int, list[str] | None]:
    """The status of a path below /api/all, and what its catch-all has (docs/behaviour.md §2)."""
    parts = [unquote_to_bytes(part.encode("latin-1")) for part in raw.split("/")[1:]]
    texts = [part.decode("utf-8", "replace") for part in parts]
    if any(piece in (".", "..") for text in texts for piece in re.split(r"[/\\]", text)):
        return 404, None
    is_text = all(part.decode("utf-8", "surrogateescape").isprintable() or _is_text(part) for part in parts)
    has_escape_fault = re.search(r"%(?![0-9A-Fa-f]{2})", raw) is not None
    has_blank = re.search(r"[\x00-\x20\x7f]", raw) is not None
    if has_escape_fault or has_blank or not is_text:
        return 400, None
    if "" in texts:
        return 308, None
    return 200, texts[2:]


def _is_text(part: bytes) -> bool:
    try:
        text = part.decode()
    except UnicodeDecodeError:
        return False
    return not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)


segments = st.text(st.sampled_from([*"ab.%/\\20FfEeCc39\x7f\x1f ", "é", "\xa0", "\x80", "\xad"]), max_size=8)


@given(st.lists(segments, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_a_path_is_read_as_a_naive_reading_reads_it(parts: list[str]) -> None:
    raw = "/api/all/" + "/".join(part.replace("\xad", "%").replace("#", "") for part in parts)
    status, found = naive_path(raw)
    # "?" ends a path and "#" too, which are not drawn.
    path = unquote_to_bytes(raw.encode("latin-1")).decode("latin-1")
    answer = call(application(), PATH_INFO=path, RAW_URI=raw, QUERY_STRING="")
    assert answer.status == status
    assert found is None or answer.json() == found


ranges = st.lists(
    st.sampled_from(
        ["0-", "-1", "0-0", "-", "5-4", "10239-", "10240-", "-99999", "1-2", "a-b", " 3 - 4", "9" * 30]
    )
    | st.tuples(st.integers(0, 11_000), st.integers(0, 11_000)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    max_size=3,
).map(lambda parts: "bytes=" + ",".join(parts))


@given(ranges | latin1)
@settings(max_examples=100, deadline=None)
def test_a_range_is_a_part_of_the_file_that_it_says(header: str) -> None:
    answer = call(application(), target="/api/file", HTTP_RANGE=header)
    assert answer.status in (200, 206, 416)
    if answer.status == 200:
        assert answer.body == DATA
    elif answer.status == 206:
        said = re.fullmatch(rf"bytes (\d+)-(\d+)/{len(DATA)}", answer.header("Content-Range") or "")
        assert said is not None
        assert answer.body == DATA[int(said[1]) : int(said[2]) + 1] != b""


class Pieces(io.RawIOBase):
    """An input that gives what was drawn at each read, whatever is asked for."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        self._content = content
        self._sizes = sizes

    def read(self, size: int = -1, /) -> bytes:
        size = max(1, min(size, self._sizes.pop(0) if self._sizes else size))
        piece, self._content = self._content[:size], self._content[size:]
        return piece


@given(
    content=st.binary(max_size=24),
    announced=st.none() | st.integers(0, 24),
    sizes=st.lists(st.integers(1, 9), max_size=12),
    route=st.sampled_from(["small", "raw"]),
)
@settings(max_examples=200, deadline=None)
def test_a_body_is_whole_or_refused(
    content: bytes, announced: int | None, sizes: list[int], route: str
) -> None:
    """`announced` is the Content-Length; None is chunked, of which the server knows the end."""
    limit = 16 if route == "small" else None
    made: dict[str, Any] = {"wsgi.input": Pieces(content, list(sizes)), "CONTENT_TYPE": "a/octets"}
    if announced is None:
        made["HTTP_TRANSFER_ENCODING"] = "chunked"
    else:
        made["CONTENT_LENGTH"] = str(announced)
    answer = call(application(), "POST", f"/api/{route}", **made)
    expected = content if announced is None else content[:announced]
    if limit is not None and (len(content) if announced is None else announced) > limit:
        assert answer.status == 413
    elif announced is not None and len(content) < announced:
        assert answer.status == 400
    elif route == "raw":
        assert (answer.status, answer.body) == (200, expected)
    else:
        assert (answer.status, answer.json()[1]) == (200, repr(expected or None))
