"""Debian's nginx in front, with the site of examples/deployment: what each side sees of the other.

The server has one thread, so that a client that holds it would hold up all others.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from itertools import cycle
from pathlib import Path

import pytest

from tests.acceptance.client import Answer
from tests.acceptance.load import Load
from tests.acceptance.nginx import EXAMPLE, HOST, Site, Unix, answer_on, needs_nginx, nginx, with_locations
from tests.acceptance.servers import SECONDS, running
from tests.support import project, until

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, needs_nginx]

FILES = {
    "pages/api/items/[id].py": "def GET(params): return params['id']\n",
    "pages/api/echo.py": "def POST(req): return {'size': len(req.body)}\n",
    "pages/api/who.py": """
def GET(req):
    return {
        "address": req.remote_addr,
        "url": req.url,
        "secure": req.is_secure,
        "underscored": "x_user" in str(req.headers).lower(),
    }
""",
    "pages/api/cookie.py": "def GET(req, res):\n    req.session['a'] = 1\n    return {}\n",
    "pages/api/_middleware.py": """
from apiroutes.middleware import sessions

middleware = [sessions(store="sqlite")]
""",
    "pages/api/limited.py": "config = {'rateLimit': '1/day'}\n\ndef GET(): return {}\n",
    "pages/api/events.py": """
import os, time
from apiroutes import Event, event_stream

def GET():
    def steps():
        yield Event("one")
        deadline = time.monotonic() + 20
        while not os.path.exists("go") and time.monotonic() < deadline:
            time.sleep(0.01)
        yield Event("two" if os.path.exists("go") else "late")
    return event_stream(steps())
""",
    "pages/api/large.py": (
        "config = {'api': {'responseLimit': False}}\n\ndef GET(): return b'x' * 8_000_000\n"
    ),
    "pages/api/text.py": "def GET(): return {'text': 'abc' * 1000}\n",
    "pages/api/connection.py": """
import os

def GET(req):
    # The inode of a socket tells one connection from another.
    return os.readlink(f"/proc/self/fd/{req.environ['gunicorn.socket'].fileno()}")
""",
}


class Server:
    """`apiroutes start` on the Unix socket of the site."""

    def __init__(self, directory: Path, *flags: str, **variables: str) -> None:
        self.directory, self.socket, self.log = directory, directory / "shop.sock", directory / "log"
        self._command = [sys.executable, "-m", "apiroutes", "start", *flags, "--"]
        self._command += ["--bind", f"unix:{self.socket}"]
        self._variables = {"PROXIES": "1", **variables}
        self._running = ExitStack()

    def start(self) -> None:
        with ExitStack() as stack:
            self._process = stack.enter_context(
                running(self._command, self.log, self._variables, self.directory)
            )
            self._running = stack.pop_all()
        until(lambda: self._process.poll() is not None or self._answers())
        assert self._process.poll() is None, self.log.read_text()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)

    def reload(self, workers: int) -> None:
        """Send HUP once there are so many workers, and wait until as many new ones alone are there."""
        until(lambda: len(self._workers()) == workers)
        before = self._workers()
        os.kill(self._process.pid, signal.SIGHUP)
        until(lambda: not before & (now := self._workers()) and len(now) == workers)

    def close(self) -> None:
        self._running.close()

    def _workers(self) -> set[int]:
        shown = subprocess.run(
            ["ps", "--ppid", str(self._process.pid), "-o", "pid=,args="], capture_output=True, text=True
        )
        # A trial start is a child as well.
        return {int(line.split()[0]) for line in shown.stdout.splitlines() if " -c " not in line}

    def _answers(self) -> bool:
        try:
            with closing(Unix(self.socket)) as connection:
                return answer_on(connection, "GET", "/alive").status == 200
        except OSError:
            return False


@contextmanager
def serving(
    directory: Path, *flags: str, site: str | None = None, x_prefix: int = 0, **variables: str
) -> Iterator[tuple[Site, Server]]:
    """Run the project of the example with the files above behind nginx."""
    project(directory, FILES)
    shutil.copy(EXAMPLE / "pyproject.toml", directory)
    middleware = (EXAMPLE / "middleware.py").read_text(encoding="utf-8")
    with_prefix = middleware.replace("x_proto=PROXIES", f"x_proto=PROXIES, x_prefix={x_prefix}")
    project(directory, {"middleware.py": with_prefix})
    server = Server(directory, *flags, **variables)
    try:
        server.start()
        with nginx(directory / "nginx", server.socket, site) as front:
            yield front, server
    finally:
        server.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Server]]:
    with serving(tmp_path_factory.mktemp("site"), "--workers", "1", "--threads", "1") as both:
        yield both


@pytest.fixture(scope="module")
def site(both: tuple[Site, Server]) -> Site:
    return both[0]


# -- what the project sees of a client


def test_http_leads_to_https(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.plain_port), SECONDS) as connection:
        connection.sendall(f"GET /api/a%2Fb?x=1 HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        head = connection.makefile("rb").read().decode()
    assert head.startswith("HTTP/1.1 301 ")
    assert f"\r\nLocation: https://{HOST}/api/a%2Fb?x=1\r\n" in head


def test_http_2_is_offered(site: Site) -> None:
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", site.port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        assert secure.selected_alpn_protocol() == "h2"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"])
def test_outdated_versions_of_tls_are_refused(site: Site, version: str) -> None:
    context = ssl._create_unverified_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    refused = nullcontext() if version in ("TLSv1_2", "TLSv1_3") else pytest.raises(ssl.SSLError)
    with socket.create_connection(("127.0.0.1", site.port), SECONDS) as plain, refused:
        context.wrap_socket(plain, server_hostname=HOST).close()


def test_the_project_knows_scheme_host_and_address_of_the_client(site: Site) -> None:
    seen = site.get("/api/who", source="127.0.0.2").json()
    assert seen == {
        "address": "127.0.0.2",
        "url": f"https://{HOST}/api/who",
        "secure": True,
        "underscored": False,
    }


FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X_User": "root",
}


def test_what_a_client_says_of_itself_is_not_believed(site: Site) -> None:
    assert site.get("/api/who", FORGED).json() == site.get("/api/who").json()


def test_cookies_are_secure(site: Site) -> None:
    cookie = site.get("/api/cookie").header("Set-Cookie")
    assert cookie is not None
    assert "; Secure" in cookie


def test_rate_limits_count_by_the_address_of_the_client(site: Site) -> None:
    sources = ["127.0.0.3", "127.0.0.3", "127.0.0.4"]
    answers = [site.get("/api/limited", {"X-Forwarded-For": source}, source) for source in sources]
    assert [answer.status for answer in answers] == [200, 429, 200]


def test_an_encoded_slash_stays_inside_its_segment(site: Site) -> None:
    assert site.get("/api/items/a%2Fb").text == "a/b"


def test_a_redirect_stays_on_the_site(site: Site) -> None:
    answer = site.get("/api/who/")
    assert answer.status == 308
    assert answer.header("Location") in ("/api/who", f"https://{HOST}/api/who")


@pytest.mark.parametrize("path", ["/ready", "/alive"])
def test_the_paths_for_supervisors_are_not_for_the_world(both: tuple[Site, Server], path: str) -> None:
    site, server = both
    with closing(Unix(server.socket)) as connection:
        assert answer_on(connection, "GET", path).status == 200
    assert site.get(path).status == 404


# -- below a path of the site

_BLOCKS = re.findall(r"^```nginx\n(.*?)^```$", (ROOT / "docs/deployment/nginx.md").read_text(), re.M | re.S)
_BASE_PATH = next(block for block in _BLOCKS if block.startswith("location /shop/"))
_MAP, _, _REMOVED = next(block for block in _BLOCKS if "map $request_uri" in block).partition("# in it\n")

# By the names of the ways: what stands above the server block and in it, and the project's part.
BELOW_SHOP: dict[str, tuple[str, str, int, dict[str, str]]] = {
    "base_path": (
        "",
        _BASE_PATH,
        0,
        {"APIROUTES_BASE_PATH": "/shop", "APIROUTES_OPENAPI_PATH": "/shop/api/openapi.json"},
    ),
    "removed": (_MAP, _REMOVED, 1, {"APIROUTES_OPENAPI_PATH": "/api/openapi.json"}),
}


@pytest.fixture(scope="module", params=BELOW_SHOP)
def below_shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    above, inside, x_prefix, variables = BELOW_SHOP[request.param]
    directory, whole = tmp_path_factory.mktemp(request.param), above + with_locations(inside)
    with serving(directory, "--workers", "1", site=whole, x_prefix=x_prefix, **variables) as (site, _):
        yield site


def test_routes_below_a_path_know_where_they_are(below_shop: Site) -> None:
    assert below_shop.get("/shop/api/who").json()["url"] == f"https://{HOST}/shop/api/who"


def test_an_encoded_slash_below_a_path_stays_inside_its_segment(below_shop: Site) -> None:
    assert below_shop.get("/shop/api/items/a%2Fb").text == "a/b"


def test_a_redirect_below_a_path_stays_there(below_shop: Site) -> None:
    answer = below_shop.get("/shop/api/who/?x=a%2Fb")
    assert answer.status == 308
    location = str(answer.header("Location")).removeprefix(f"https://{HOST}")
    assert location == "/shop/api/who?x=a%2Fb"


def test_the_openapi_document_leads_to_routes_below_a_path(below_shop: Site) -> None:
    document = below_shop.get("/shop/api/openapi.json").json()
    (server,) = document["servers"]
    urls = {server["url"].rstrip("/") + path for path in document["paths"]}
    assert "/shop/api/who" in urls
    assert all(url.startswith("/shop/api/") for url in urls)


# As clients may write a path.
SPELLINGS = ["{}", *(f"/shop{rest}" for rest in ("{}", "{}?x=1", "{}/", "/{}", "/.{}", "/%2e{}", "/x/..{}"))]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("path", ["/ready", "/alive", "/%72eady", "/%61live"])
def test_the_paths_for_supervisors_are_not_for_the_world_below_a_path(
    below_shop: Site, path: str, spelling: str
) -> None:
    assert below_shop.get(spelling.format(path)).status in (308, 404)


def test_with_a_slash_after_its_name_nginx_decodes_the_path(tmp_path: Path) -> None:
    """The page warns of it."""
    site = with_locations("location /shop/ { proxy_pass http://shop/; }\n")
    with serving(tmp_path, "--workers", "1", site=site) as (front, _):
        assert front.get("/shop/api/items/ab").text == "ab"
        assert front.get("/shop/api/items/a%2Fb").status == 404


# -- files of a directory

_FILES_PAGE = (ROOT / "docs/how-to/static-files.md").read_text()


def test_nginx_serves_a_directory_and_asks_the_project_for_the_rest(tmp_path: Path) -> None:
    (locations,) = re.findall(r"^```nginx\n(.*?)^```$", _FILES_PAGE, re.M | re.S)
    public = project(tmp_path / "public", {"index.html": "home", "about.html": "about us"})
    assert "/srv/shop/public" in locations
    whole = with_locations("").replace(
        "location / {\n        proxy_pass http://shop;\n    }",
        locations.replace("/srv/shop/public", str(public)),
    )
    with serving(tmp_path, "--workers", "1", site=whole) as (front, _):
        assert [front.get(target).text for target in ("/", "/about.html")] == ["home", "about us"]
        assert front.get("/api/items/a%2Fb").text == "a/b"
        assert front.get("/none.html").status == 404
        assert front.get("/pyproject.toml").status == 404


# -- names that are not the site's

_DEFAULT = next(block for block in _BLOCKS if "default_server" in block)


def test_the_default_server_answers_nobody(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "1", site=with_locations("") + _DEFAULT) as (site, _):
        assert plain_answer(site, HOST).startswith(b"HTTP/1.1 301 ")
        assert plain_answer(site, "evil.example") == b""
        assert handshake(site, HOST) is None
        assert "UNRECOGNIZED_NAME" in str(handshake(site, "evil.example"))


def plain_answer(site: Site, host: str) -> bytes:
    with socket.create_connection(("127.0.0.1", site.plain_port), SECONDS) as connection:
        connection.sendall(f"GET /api/who HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        return connection.makefile("rb").read()


def handshake(site: Site, host: str) -> Exception | None:
    """Return what prevents a client from asking for a name by TLS."""
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", site.port), SECONDS) as plain:
        try:
            context.wrap_socket(plain, server_hostname=host).close()
        except ssl.SSLError as error:
            return error
    return None


# -- content


def test_the_413_is_the_routes_own_up_to_the_size_that_nginx_takes(site: Site) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    sizes = {
        size: site.request("POST", "/api/echo", headers, bytes(size))
        for size in (2**20, 2**20 + 1, 11 * 2**20)
    }
    whole, ours, nginxs = sizes.values()
    assert whole.json() == {"size": 2**20}
    assert (ours.status, nginxs.status) == (413, 413)
    assert "Body exceeded 1mb limit" in ours.text
    assert "nginx" in nginxs.text


def test_a_client_that_uploads_slowly_holds_no_thread(site: Site) -> None:
    context = ssl._create_unverified_context()
    with (
        socket.create_connection(("127.0.0.1", site.port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as slow,
    ):
        lines = ["POST /api/echo HTTP/1.1", f"Host: {HOST}", "Content-Type: text/plain", "Content-Length: 6"]
        head = "\r\n".join([*lines, "", ""])
        slow.sendall(head.encode() + b"abc")
        assert site.get("/api/who").status == 200
        slow.sendall(b"def")
        assert b" 200 " in slow.recv(4096)


def test_a_client_that_downloads_slowly_holds_no_thread(site: Site) -> None:
    with closing(site.connection()) as slow:
        slow.request("GET", "/api/large", headers={"Host": HOST})
        response = slow.getresponse()  # of which it reads nothing yet
        assert site.get("/api/who").status == 200
        assert len(response.read()) == 8_000_000


def test_server_sent_events_are_not_held_up(both: tuple[Site, Server]) -> None:
    site, server = both
    with closing(site.connection()) as connection:
        connection.request("GET", "/api/events", headers={"Host": HOST, "Accept-Encoding": "gzip"})
        response = connection.getresponse()
        first = response.readline() + response.readline()
        (server.directory / "go").touch()
        assert first + response.read() == b"data: one\n\ndata: two\n\n"


def test_json_is_compressed_and_still_has_an_etag(site: Site) -> None:
    plain = site.get("/api/text")
    compressed = site.get("/api/text", {"Accept-Encoding": "gzip"})
    assert compressed.header("Content-Encoding") == "gzip"
    assert compressed.header("Vary") == "Accept-Encoding"
    assert compressed.header("ETag") == f"W/{plain.header('ETag')}"
    again = site.get(
        "/api/text", {"If-None-Match": str(compressed.header("ETag")), "Accept-Encoding": "gzip"}
    )
    assert (again.status, again.body) == (304, b"")


# -- connections to the server, and its life


def test_connections_to_the_server_are_kept(site: Site) -> None:
    assert len({site.get("/api/connection").text for _ in range(5)}) == 1


def test_while_the_server_is_down_clients_get_a_502_and_then_answers_again(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "1") as (site, server):
        server.stop()
        assert [site.get("/api/who").status for _ in range(3)] == [502, 502, 502]
        server.start()
        assert site.get("/api/who").status == 200


@contextmanager
def requests_to(site: Site) -> Iterator[Callable[[], Answer]]:
    """Requests without and with a body by turns, by a connection that is kept."""
    kinds = cycle(
        [("GET", "/api/who", {}, b""), ("POST", "/api/echo", {"Content-Type": "text/plain"}, b"abc")]
    )
    with closing(site.connection()) as connection:
        yield lambda: answer_on(connection, *next(kinds))


def test_no_request_fails_while_new_code_is_loaded(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as (site, server):
        with Load(lambda: requests_to(site), 4) as load:
            for count in (40, 80, 120):
                server.reload(workers=2)
                until(lambda: load.count > count or bool(load.failures))  # noqa: B023
        assert load.failures == []
