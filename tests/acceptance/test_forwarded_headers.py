"""Servers that `apiroutes start` runs believe no header of a client's, until a flag names who may set it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.acceptance.client import OverHttp
from tests.acceptance.servers import granian, gunicorn_asgi, serve, uvicorn
from tests.support import project

pytestmark = pytest.mark.slow

SOURCE = """
def GET(req):
    return [req.remote_addr, req.scheme, req.environ["SCRIPT_NAME"]]
"""
CLIENTS = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Protocol": "ssl",
    "X-Forwarded-Ssl": "on",
    "Forwarded": "for=203.0.113.9;proto=https",
    "X-Real-Ip": "203.0.113.9",
}
PLAIN = ["127.0.0.1", "http", ""]
START = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--"]
GUNICORN = [*START, "--bind", "127.0.0.1:0"]
SERVERS = {
    "gunicorn": GUNICORN,
    "gunicorn-sync": [*GUNICORN, "--worker-class", "sync"],
    "gunicorn-asgi": gunicorn_asgi(),
    "uvicorn": uvicorn(),
    "uvicorn-h11": uvicorn("--http", "h11"),
    "granian-wsgi": granian(interface="wsgi"),
    "granian-asgi": granian(interface="asgi"),
}
# What a flag or a variable asks for, and what the handler then sees.
ASKED = {
    "uvicorn, by its flag": (uvicorn("--proxy-headers"), {}, ["203.0.113.9", "https", ""]),
    "uvicorn, by its list": (
        uvicorn("--forwarded-allow-ips", "127.0.0.1"),
        {},
        ["203.0.113.9", "https", ""],
    ),
    "uvicorn, by a variable": (
        uvicorn(),
        {"FORWARDED_ALLOW_IPS": "127.0.0.1"},
        ["203.0.113.9", "https", ""],
    ),
    "uvicorn, off by its flag": (
        uvicorn("--no-proxy-headers"),
        {"FORWARDED_ALLOW_IPS": "127.0.0.1"},
        PLAIN,
    ),
    "uvicorn, another proxy": (uvicorn("--forwarded-allow-ips", "192.0.2.1"), {}, PLAIN),
    "gunicorn, by its list": (
        [*GUNICORN, "--forwarded-allow-ips", "127.0.0.1"],
        {},
        ["127.0.0.1", "https", ""],
    ),
    "gunicorn, by a variable": (GUNICORN, {"FORWARDED_ALLOW_IPS": "127.0.0.1"}, ["127.0.0.1", "https", ""]),
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_clients_header_tells_no_server_who_it_is(server: str, tmp_path: Path) -> None:
    directory = project(tmp_path / "site", {"pages/api/who.py": SOURCE})
    with serve(SERVERS[server], tmp_path / "log", {}, directory) as port:
        send = OverHttp(port)
        assert send("GET", "/api/who", CLIENTS, b"").json() == PLAIN
        mounted = send("GET", "/x/api/who", {"SCRIPT_NAME": "/x"}, b"")
        assert mounted.status in (400, 404)


@pytest.mark.parametrize("case", ASKED)
def test_a_server_believes_whom_it_is_told_to(case: str, tmp_path: Path) -> None:
    command, variables, seen = ASKED[case]
    headers = {name: CLIENTS[name] for name in ("X-Forwarded-For", "X-Forwarded-Proto")}
    directory = project(tmp_path / "site", {"pages/api/who.py": SOURCE})
    with serve(command, tmp_path / "log", variables, directory) as port:
        assert OverHttp(port)("GET", "/api/who", headers, b"").json() == seen
