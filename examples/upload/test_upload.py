"""The way of a file: announced, sent to a signed URL, completed, downloaded; and what is refused on it."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from apiroutes import App
from apiroutes.testing import Client
from store import FileStore, Grant

PROJECT = Path(__file__).parent
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20_000  # 5 MB, more than any limit of a body
TYPE = {"Content-Type": "image/png"}


@pytest.fixture(scope="session", autouse=True)
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPLOADS_DATA", str(directory))
        yield directory


def announce(client: Client, content: bytes = PNG, **changes: Any) -> Any:
    body = {"name": "grüße.png", "type": "image/png", "size": len(content), **changes}
    response = client.post("/uploads", json=body)
    assert response.status_code == 201
    return response.json


def send(client: Client, upload: Any, content: bytes = PNG, **changes: Any) -> tuple[int, str]:
    request = {"method": upload["method"], "headers": upload["headers"], "data": content, **changes}
    response = client.open(upload["url"], **request)
    return response.status_code, response.text


def complete(client: Client, upload: Any) -> tuple[int, Any]:
    response = client.post(f"/uploads/{upload['id']}/complete", json={})
    return response.status_code, response.json if response.is_json else response.text


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 24 * 3600)


def test_a_file_goes_to_the_store_and_comes_back(apiroutes_client: Client) -> None:
    upload = announce(apiroutes_client)
    assert send(apiroutes_client, upload) == (204, "")
    status, completed = complete(apiroutes_client, upload)
    assert (status, completed) == (
        200,
        {
            "id": upload["id"],
            "name": "grüße.png",
            "type": "image/png",
            "size": len(PNG),
            "is_complete": True,
        },
    )
    assert apiroutes_client.get("/uploads").json[0] == completed
    response = apiroutes_client.get(f"/uploads/{upload['id']}", follow_redirects=True)
    assert response.data == PNG
    assert response.headers["Content-Type"] == "image/png"
    assert "attachment" in response.headers["Content-Disposition"]
    assert "gr%C3%BC%C3%9Fe.png" in response.headers["Content-Disposition"]


@pytest.mark.parametrize(
    "wrong",
    [{"size": 0}, {"size": 100 * 1024 * 1024 + 1}, {"type": "text/html"}, {"name": ""}, {"size": None}],
)
def test_what_may_not_be_uploaded_gets_no_url(apiroutes_client: Client, wrong: dict[str, Any]) -> None:
    body = {"name": "a.png", "type": "image/png", "size": 10, **wrong}
    assert apiroutes_client.post("/uploads", json=body).status_code == 422


@pytest.mark.parametrize(
    ("content", "status"), [(PNG + b"x", 413), (PNG[:-1], 400), (b"", 400)], ids=["more", "less", "nothing"]
)
def test_the_size_is_what_was_announced(
    apiroutes_client: Client, data: Path, content: bytes, status: int
) -> None:
    upload = announce(apiroutes_client)
    assert send(apiroutes_client, upload, content)[0] == status
    assert complete(apiroutes_client, upload)[0] == 409
    assert not (data / "files" / upload["id"]).exists()


def test_the_type_is_what_was_announced(apiroutes_client: Client) -> None:
    upload = announce(apiroutes_client)
    assert send(apiroutes_client, upload, headers={"Content-Type": "text/html"})[0] == 403


def test_a_file_of_another_type_is_never_there(
    apiroutes_client: Client, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"<script>alert(1)</script>"
    upload = announce(apiroutes_client, content)
    send(apiroutes_client, upload, content)
    for _ in range(2):
        assert complete(apiroutes_client, upload) == (422, "The file is no image/png")
        assert send(apiroutes_client, upload, content)[0] == 409  # the URL is worth nothing more
    assert apiroutes_client.get(f"/uploads/{upload['id']}").status_code == 404
    later(monkeypatch)
    announce(apiroutes_client)
    assert not (data / "files" / upload["id"]).exists()


def test_what_is_not_complete_is_not_there(apiroutes_client: Client) -> None:
    upload = announce(apiroutes_client)
    assert complete(apiroutes_client, upload) == (409, "The file has not arrived")
    send(apiroutes_client, upload)
    assert apiroutes_client.get(f"/uploads/{upload['id']}").status_code == 404
    assert upload["id"] not in {listed["id"] for listed in apiroutes_client.get("/uploads").json}


def test_a_url_is_worth_one_file(apiroutes_client: Client) -> None:
    upload = announce(apiroutes_client)
    send(apiroutes_client, upload)
    assert send(apiroutes_client, upload) == (409, "There is such a file already")


# What stands in the signature, and what is asked for.
STRETCHED: list[tuple[dict[str, Any], str, str]] = [
    ({"expires": 0}, "PUT", "The URL has expired"),
    ({"method": "GET"}, "PUT", "The signature is for something else"),
    ({}, "GET", "The signature is for something else"),
    ({"key": "0" * 32}, "PUT", "The signature is for something else"),
]


@pytest.mark.parametrize(("changes", "method", "told"), STRETCHED)
def test_a_signature_permits_what_it_says_alone(
    apiroutes_client: Client, apiroutes_app: App, changes: dict[str, Any], method: str, told: str
) -> None:
    upload = announce(apiroutes_client)
    grant = Grant("PUT", upload["id"], "image/png", len(PNG), "a.png", int(time.time()) + 60)
    keys = apiroutes_app.settings.secret_key
    assert keys is not None
    signed = FileStore(keys.reveal(), Path()).url(replace(grant, **changes))
    url = f"/store/{upload['id']}?{urlsplit(signed).query}"
    assert send(apiroutes_client, {**upload, "url": url}, method=method) == (403, told)


def test_a_signature_of_somebody_else_is_refused(apiroutes_client: Client) -> None:
    upload = announce(apiroutes_client)
    grant = Grant("PUT", upload["id"], "image/png", len(PNG), "a.png", int(time.time()) + 60)
    url = FileStore(["x" * 32], Path()).url(grant)
    assert send(apiroutes_client, {**upload, "url": url}) == (403, "The signature does not match")


@pytest.mark.parametrize("changed", [0, 20, -1])
def test_a_changed_signature_is_refused(apiroutes_client: Client, changed: int) -> None:
    upload = announce(apiroutes_client)
    signature = list(parse_qs(urlsplit(upload["url"]).query)["signature"][0])
    signature[changed] = "A" if signature[changed] != "A" else "Q"
    url = f"/store/{upload['id']}?signature={''.join(signature)}"
    assert send(apiroutes_client, {**upload, "url": url})[0] == 403


def test_what_was_abandoned_is_removed(
    apiroutes_client: Client, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = announce(apiroutes_client)
    send(apiroutes_client, upload)
    later(monkeypatch)
    announce(apiroutes_client)
    assert not (data / "files" / upload["id"]).exists()
    assert complete(apiroutes_client, upload)[0] == 404


@pytest.fixture
def port(data: Path, tmp_path: Path) -> Iterator[int]:
    """Serve the project as in production, and yield the port."""
    log = tmp_path / "log"
    command = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--port", "0"]
    variables = {**os.environ, "APIROUTES_SECRET_KEY": "q7Wc2LrXk9Tz4Vb8Nf6Mh3Jd5Gs1PaYe"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT, env=variables, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield int(found[1])
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def test_a_client_that_leaves_leaves_nothing(port: int, data: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = {"name": "a.png", "type": "image/png", "size": len(PNG)}
    connection.request("POST", "/uploads", json.dumps(body), {"Content-Type": "application/json"})
    upload = json.load(connection.getresponse())
    connection.close()
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        head = f"PUT {upload['url']} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        client.sendall(f"{head}Content-Length: {len(PNG)}\r\n\r\n".encode() + PNG[:2_000_000])
        until_there(lambda: len(list((data / "files").glob(".*"))) == 1)
    until_there(lambda: not list((data / "files").glob(".*")))
    assert not (data / "files" / upload["id"]).exists()


def until_there(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_page_in_a_browser(port: int, data: Path, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    (tmp_path / "from a browser.png").write_bytes(PNG)
    for name, content in {"no picture.png": b"text", "empty.png": b"", "text.txt": b"text"}.items():
        (tmp_path / name).write_bytes(content)
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator("input").set_input_files(tmp_path / "from a browser.png")
        page.get_by_text("Done.").wait_for()
        assert page.locator("progress").get_attribute("value") == "1"
        with page.expect_download() as download:
            page.get_by_role("link", name="from a browser.png").click()
        assert Path(download.value.path()).read_bytes() == PNG
        page.locator("input").set_input_files(tmp_path / "no picture.png")
        page.get_by_text("The file is no image/png").wait_for()
        page.locator("input").set_input_files(tmp_path / "empty.png")
        page.get_by_text("The file is empty").wait_for()
        page.locator("input").set_input_files(tmp_path / "text.txt")
        page.get_by_text("The request is not valid").wait_for()
        browser.close()
