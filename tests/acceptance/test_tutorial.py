"""docs/tutorial.md from its first line to its last: files are written, commands print what the page shows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.acceptance.images import PYTHON, build, run, why_not
from tests.acceptance.locks import clone
from tests.acceptance.locks import run as run_with_registry
from tests.documents.page_runs import why_not as curl_is_missing
from tests.documents.page_runs import wrong_on
from tests.documents.reading import shown_by
from tests.support import project, until

pytestmark = pytest.mark.slow

GET = """
import http.client
connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=25)
connection.request("GET", "/api/bookmarks")
print(connection.getresponse().read().decode())
"""


def test_the_tutorial_is_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := curl_is_missing("docs/tutorial.md"):
        pytest.skip(reason)
    monkeypatch.delenv("API_TOKEN", raising=False)  # the tutorial makes it
    wrong = wrong_on("docs/tutorial.md", tmp_path)
    assert not wrong, "\n\n".join(["", *wrong])


def test_its_container_serves_the_project(tmp_path: Path) -> None:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    files = shown_by("docs/tutorial.md")[-1].files
    files["Dockerfile"] = files["Dockerfile"].replace("python:3.13-slim", f"python:{PYTHON}-slim")
    context = project(tmp_path / "bookmarks", files)
    # With the packages that the tutorial's build takes from an index.
    wheel = [sys.executable, "-m", "pip", "wheel", "--wheel-dir", "wheels", f"{clone(tmp_path)}[limits]"]
    run_with_registry(wheel, context)
    image = build(context, tmp_path)
    owner = "uid={},gid={}".format(*image.config["User"].split(":"))
    mounts = [f"tmpfs {place} mode=0755,{owner}" for place in ("/data", "/app/.apiroutes")]
    mounts.append("tmpfs /tmp mode=1777")
    with run(image, tmp_path / "log", mounts, {"API_TOKEN": "Vb8Kq2Tz6Wn4Xc9Rm3Lp7Yd"}) as container:
        until(lambda: container.has_ended or container.is_healthy())
        assert not container.has_ended, container.log()
        assert container.execute("python", "-c", GET).stdout.strip() == "[]"
