"""The handler for AWS Lambda of examples/deployment, with events of each service that calls it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.documents.reading import blocks
from tests.lambda_events import CLIENT, EVENTS, function_url, http_api, rest_api
from tests.support import project

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "deployment"
FILES = {
    "pages/api/items/[id].py": "def GET(params): return {'id': params['id']}\n",
    "pages/api/seen.py": """
def GET(req):
    return {
        "address": req.remote_addr,
        "url": req.url,
        "query": {name: req.args.getlist(name) for name in req.args},
        "cookies": dict(req.cookies),
    }
""",
    "pages/api/echo.py": (
        "def POST(req, res):\n"
        "    res.set_header('Content-Type', 'application/octet-stream')\n"
        "    res.send(req.raw_body)\n"
    ),
    "pages/api/text.py": (
        "def GET(res):\n"
        "    res.set_header('Content-Type', 'text/plain; charset=iso-8859-1')\n"
        "    res.send(bytes([0xE9]))\n"
    ),
    "pages/api/cookies.py": "def GET(res):\n    res.set_cookie('a', '1').set_cookie('b', '2').json({})\n",
    "pages/api/cached.py": (
        "revalidate = 60\n\ncount = [0]\n\ndef GET():\n    count[0] += 1\n    return count[0]\n"
    ),
    "instrumentation.py": ("def register():\n    yield {'started': True}\n"),
    "pages/api/started.py": "def GET(req): return {'started': req.app['started']}\n",
}


@dataclass(frozen=True)
class Answer:
    """What a client gets of a handler's result."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


def answer_of(result: dict[str, Any]) -> Answer:
    """Read a result as the services do."""
    fields = [
        (name, value) for name, values in result.get("multiValueHeaders", {}).items() for value in values
    ]
    fields += result.get("headers", {}).items()
    fields += [("set-cookie", cookie) for cookie in result.get("cookies", ())]
    body = result["body"]
    content = b64decode(body) if result["isBase64Encoded"] else body.encode()
    return Answer(result["statusCode"], fields, content)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    root = project(tmp_path_factory.mktemp("task"), FILES)
    shutil.copy(EXAMPLE / "lambda_handler.py", root)
    spec = importlib.util.spec_from_file_location("lambda_handler", root / "lambda_handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("APIROUTES_CACHE", "APIROUTES_RATE_LIMIT_STORE"):
            patch.setenv(name, "")  # so that it is what it was afterwards
            patch.delenv(name)
        patch.setattr(sys, "path", [*sys.path])
        spec.loader.exec_module(module)
        yield module
        module.app.stop()


Send = Callable[..., Answer]


@pytest.fixture(params=EVENTS)
def send(request: pytest.FixtureRequest, module: ModuleType) -> Send:
    """Return what sends a request by one of the services."""
    event = EVENTS[request.param]

    def send(method: str, target: str, *arguments: Any, **options: Any) -> Answer:
        # An event is JSON, and so is a result.
        given = json.loads(json.dumps(event(method, target, *arguments, **options)))
        result = module.handler(given, SimpleNamespace(aws_request_id="1"))
        return answer_of(json.loads(json.dumps(result)))

    send.service = request.param  # type: ignore[attr-defined]
    return send


def test_the_app_has_started_before_the_first_request(module: ModuleType) -> None:
    assert module.app.is_started


def test_a_route_answers(send: Send) -> None:
    answer = send("GET", "/api/started")
    assert (answer.status, json.loads(answer.body)) == (200, {"started": True})


def test_the_query_and_cookies_arrive(send: Send) -> None:
    fields = [("cookie", "a=1; b=2")]
    seen = json.loads(send("GET", "/api/seen?x=1&x=a%26b&y=%C3%A9", fields).body)
    assert seen["query"] == {"x": ["1", "a&b"], "y": ["é"]}
    assert seen["cookies"] == {"a": "1", "b": "2"}


def test_the_address_is_the_clients_whatever_it_says(send: Send) -> None:
    seen = json.loads(send("GET", "/api/seen", [("x-forwarded-for", "203.0.113.9")]).body)
    assert seen["address"] == CLIENT


def test_a_path_is_decoded_once(send: Send) -> None:
    ids = {"%C3%A9": "é", "a%20b": "a b", "100%25": "100%", "%2541": "%41", "a+b": "a+b"}
    seen = {sent: json.loads(send("GET", f"/api/items/{sent}").body)["id"] for sent in ids}
    assert seen == ids


def test_an_encoded_slash_stays_inside_its_segment_but_where_the_gateway_decodes_it(send: Send) -> None:
    answer = send("GET", "/api/items/a%2Fb")
    if send.service == "HTTP API":  # type: ignore[attr-defined]
        assert answer.status == 404
    else:
        assert json.loads(answer.body) == {"id": "a/b"}


def test_content_is_bytes_both_ways(send: Send) -> None:
    content = bytes(range(256))
    answer = send("POST", "/api/echo", [("content-type", "application/octet-stream")], content)
    assert answer.body == content


def test_text_in_any_charset_is_sent_as_it_is(send: Send) -> None:
    assert send("GET", "/api/text").body == b"\xe9"


def test_each_of_several_cookies_is_set(send: Send) -> None:
    cookies = send("GET", "/api/cookies").all("Set-Cookie")
    assert [cookie.partition(";")[0] for cookie in cookies] == ["a=1", "b=2"]


def test_nothing_is_cached_in_files(send: Send, module: ModuleType) -> None:
    assert send("GET", "/api/cached").body != send("GET", "/api/cached").body
    assert not (Path(module.__file__ or "").parent / ".apiroutes").exists()


STAGES = {
    "REST API": (rest_api, "prod", "/prod"),
    "HTTP API": (http_api, "prod", "/prod"),
    "HTTP API without a name": (http_api, "$default", ""),
}


@pytest.mark.parametrize("case", STAGES)
def test_urls_and_redirects_have_the_stage(case: str, module: ModuleType) -> None:
    event, stage, mount = STAGES[case]
    seen = answer_of(module.handler(event("GET", "/api/seen", stage=stage), None))
    host = "abc123.execute-api.eu-central-1.amazonaws.com"
    assert json.loads(seen.body)["url"] == f"https://{host}{mount}/api/seen"
    moved = answer_of(module.handler(event("GET", "/api/seen/", stage=stage), None))
    assert moved.status == 308
    assert moved.all("Location") in ([f"{mount}/api/seen"], [f"https://{host}{mount}/api/seen"])


# -- the log

# What Lambda's runtime does before it imports the function. Its handler does not write to standard error.
RUNTIME = """
import json, logging, sys

handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
logging.getLogger().addHandler(handler)
import lambda_handler

lambda_handler.handler(json.load(sys.stdin), None)
"""
LOGGED = """
import logging

log = logging.getLogger(__name__)

def GET():
    log.info("ordered")
    log.warning("sold out")
    return {}
"""


def logged(root: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Answer a request as Lambda does; standard output has what its runtime logs."""
    project(root, {"pages/api/orders.py": LOGGED, **files})
    for name in ("lambda_handler.py", "pyproject.toml"):
        shutil.copy(EXAMPLE / name, root)
    event = json.dumps(function_url("GET", "/api/orders", [("x-request-id", "abc")]))
    command = [sys.executable, "-c", RUNTIME]
    return subprocess.run(command, cwd=root, input=event, capture_output=True, text=True, check=True)


def test_log_format_counts_for_nothing_beside_the_handler_of_the_runtime(tmp_path: Path) -> None:
    done = logged(tmp_path, {})
    assert (done.stdout, done.stderr) == ("[WARNING] sold out\n", "")


def test_a_configuration_of_the_project_takes_the_place_of_the_runtimes(tmp_path: Path) -> None:
    page = [block for block in blocks("docs/logging.md") if block.name in ("logs.py", "middleware.py")]
    logs = next(block for block in page if "apiroutes.logging.RequestFilter" in block.source)
    middleware = page[page.index(logs) + 1]
    done = logged(tmp_path, {"logs.py": logs.source, "middleware.py": middleware.source})
    assert done.stdout == ""
    assert "INFO pages.api.orders request_id=abc ordered\n" in done.stderr
