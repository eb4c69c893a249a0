"""Uploaded files: in memory or on disk, closed in every case, and saved inside a directory."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.body.bodies import CountingInput
from tests.body.forms import SHOW, field, form, post, upload
from tests.support import Extra, app_of, call, environ, project

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("forms"), SHOW)


KEEP = """
import {module}
def handler(req, res):
    file = req.files["f"].stream
    {module}.kept.append(file)
    {then}
"""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Files that handlers append here, to be examined after the request."""
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


@pytest.mark.parametrize("answer", ["res.json(1)", "1 / 0"])
def test_an_upload_is_closed_once_the_app_has_returned(tmp_path: Path, answer: str) -> None:
    keep = "req.environ['streams'].append(req.files['f'].stream)"
    handler = f"def handler(req, res):\n    {keep}\n    {answer}\n"
    streams: list[Any] = []
    body = form(upload("f", "x", b"0" * 100_000))
    request = environ(
        "POST", headers=[("Content-Type", "multipart/form-data; boundary=X")], body=body, streams=streams
    )
    app_of(tmp_path, handler)(request, lambda *head: lambda content: None)
    assert streams[0].closed


@pytest.fixture
def spools(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All temporary files that are opened, to be examined after the request."""
    opened: list[Any] = []

    def open_and_keep(temporary_file: Any = tempfile.TemporaryFile) -> Any:
        opened.append(temporary_file())
        return opened[-1]

    monkeypatch.setattr("apiroutes.body.formdata.TemporaryFile", open_and_keep)
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
    stream = CountingInput(form(upload("f", "1", b"b" * 200_000)), 1000)
    extra: Extra = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": stream}
    assert post(app, b"", **extra).status == 413
    assert [file.closed for file in spools] == [True]


def test_a_connection_that_breaks_leaves_no_file_open(tmp_path: Path, spools: list[Any]) -> None:
    class Breaking(CountingInput):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 100_000:
                raise ConnectionResetError
            return super().read(size)

    app = app_of(tmp_path, "def handler(req, res): res.end()\n")
    body = form(upload("f", "1", b"b" * 200_000))
    extra: Extra = {"wsgi.input": Breaking(body, 2**16), "CONTENT_LENGTH": str(len(body))}
    assert post(app, b"", **extra).status == 400
    assert [file.closed for file in spools] == [True]


# -- disks


@pytest.mark.parametrize(("size", "on_disk"), [(65_536, False), (65_537, True)])
def test_a_file_is_spooled_to_disk_past_64_kib(tmp_path: Path, size: int, on_disk: bool) -> None:
    line = "res.json(not isinstance(req.files['f'].stream, io.BytesIO))"
    app = app_of(tmp_path, f"import io\ndef handler(req, res):\n    {line}\n")
    assert post(app, form(upload("f", "x", b"0" * size))).json() is on_disk


def test_files_within_64_kib_need_no_disk(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert post(app, form(upload("f", "1", b"b" * 65_536))).status == 200


def test_a_spooled_file_is_gone_from_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(len(req.files['g'].read()))\n")
    assert post(app, FILES).json() == 100_000
    assert list(disk.iterdir()) == []


# The limit holds for a whole process, and pytest writes files too: so a child process lowers its own.
SMALL_DISK = """
import json, resource, sys
from apiroutes import App
from apiroutes.body import formdata
from tests.body.forms import form, post, upload
opened = []
def open_and_keep(temporary_file=formdata.TemporaryFile):
    opened.append(temporary_file())
    return opened[-1]
formdata.TemporaryFile = open_and_keep
app = App(sys.argv[1])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, hard))
bodies = [form(upload("f", "x", b"0" * int(size))) for size in sys.argv[2:]]
statuses = [post(app, body).status for body in bodies]
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
print(json.dumps({"statuses": statuses, "closed": [file.closed for file in opened]}))
"""


def on_a_small_disk(directory: Path, *sizes: int) -> dict[str, list[Any]]:
    """Upload files of these sizes where no file can grow past 70,000 bytes."""
    project(directory, {"pages/api/x.py": SHOW})
    command = [sys.executable, "-c", SMALL_DISK, str(directory), *map(str, sizes)]
    done = subprocess.run(command, cwd=TOP, timeout=60, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    report: dict[str, list[Any]] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("size", [70_001, 72_000, 200_000])
def test_a_disk_that_fills_up_is_507(tmp_path: Path, size: int) -> None:
    assert on_a_small_disk(tmp_path, size, 100)["statuses"] == [507, 200]


def test_a_full_disk_is_507(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    answer = post(app, form(upload("f", "x", b"0" * 100_000)))
    assert (answer.status, answer.body) == (507, b"Insufficient Storage")


def test_a_full_disk_leaves_no_file_open(tmp_path: Path) -> None:
    assert on_a_small_disk(tmp_path, 100_000)["closed"] == [True]


# -- saving


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
    [saved] = (tmp_path / "uploads").iterdir()
    assert (saved.name, saved.read_bytes()) == (stored, b"abc")


def test_a_name_set_by_the_handler_does_not_lead_out_of_the_directory(tmp_path: Path) -> None:
    assert _save(tmp_path, "a.txt", rename="../../b.txt") == 200
    assert [saved.name for saved in (tmp_path / "uploads").iterdir()] == ["b.txt"]


@pytest.mark.parametrize("name", ["..", ".", "a/"])
def test_an_upload_without_a_usable_name_is_not_saved(tmp_path: Path, name: str) -> None:
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


@pytest.mark.parametrize("name", ["'uploads/a.txt'", "'uploads/'", "Path('uploads') / 'a.txt'"])
def test_a_file_that_is_saved_in_no_directory_is_told_how_to_make_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    source = f"from pathlib import Path\ndef POST(req):\n    req.files['f'].save({name})\n    return 1\n"
    source = source.replace("uploads", f"{tmp_path}/uploads")
    content = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nabc\r\n--b--\r\n'
    headers = [("Content-Type", "multipart/form-data; boundary=b")]
    assert call(app_of(tmp_path, source), "POST", headers=headers, body=content).status == 500
    (record,) = caplog.records
    assert f"there is no directory '{tmp_path}/uploads' to save the file in" in str(record.exc_text)
    assert f"os.makedirs('{tmp_path}/uploads', exist_ok=True)" in str(record.exc_text)
    assert 'x.py", line 3' in str(record.exc_text)
