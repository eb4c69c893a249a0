"""Downloads by curl: resumed, conditional, and truncated."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.servers import SECONDS, gunicorn, serve

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")

HANDLER = """
from apiroutes import file

def GET(query):
    return file("data.bin")
"""
# The file is truncated once its response has started.
SHRINKING = """
import os
from apiroutes import file

def middleware(req, res, next):
    next()
    os.truncate("data.bin", 1_000_000)

middleware = [middleware]

def GET():
    return file("data.bin")
"""
CONTENT = os.urandom(3_000_000)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    root = tmp_path_factory.mktemp("served")
    (root / "pages" / "api").mkdir(parents=True)
    (root / "pages" / "api" / "x.py").write_text(HANDLER, encoding="utf-8")
    (root / "pages" / "api" / "shrinking.py").write_text(SHRINKING, encoding="utf-8")
    with serve(gunicorn("apiroutes:create_app()", "--threads=2"), root / "log", {}, root) as port:
        yield root, f"http://127.0.0.1:{port}/api/"


@pytest.fixture(autouse=True)
def _whole(served: tuple[Path, str]) -> None:
    (served[0] / "data.bin").write_bytes(CONTENT)


def curl(*arguments: str) -> tuple[int, str]:
    """Run curl; return its exit status and the HTTP status."""
    command = ["curl", "--silent", "--max-time", str(SECONDS), "--write-out", "%{http_code}", *arguments]
    done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS * 2)
    return done.returncode, done.stdout.decode()


def test_a_download_resumes(served: tuple[Path, str], tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(CONTENT[:1_234_567])
    assert curl("-C", "-", "-o", str(part), served[1] + "x") == (0, "206")
    assert part.read_bytes() == CONTENT


def test_a_file_that_did_not_change_is_not_sent_again(served: tuple[Path, str], tmp_path: Path) -> None:
    etag, out = str(tmp_path / "etag"), str(tmp_path / "out")
    assert curl("--etag-save", etag, "-o", out, served[1] + "x") == (0, "200")
    assert curl("--etag-compare", etag, "-o", out, served[1] + "x") == (0, "304")
    assert curl("--time-cond", str(served[0] / "data.bin"), "-o", out, served[1] + "x") == (0, "304")


def test_curl_notices_a_truncated_file(served: tuple[Path, str], tmp_path: Path) -> None:
    status, seen = curl("-o", str(tmp_path / "out"), served[1] + "shrinking")
    assert (status != 0, seen) == (True, "200")
    assert (tmp_path / "out").stat().st_size < len(CONTENT)
