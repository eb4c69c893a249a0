"""The commands as users run them, with real servers."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.acceptance.applications import PROJECT, files_in
from tests.acceptance.client import Answer, Client, OverHttp
from tests.acceptance.servers import SECONDS, environment, granian, serve
from tests.cli.terminals import terminal
from tests.support import HELLO, project

HERE = Path(__file__).parent
APIROUTES = [sys.executable, "-m", "apiroutes"]


def run(*arguments: str, directory: Path = PROJECT, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*APIROUTES, *arguments],
        cwd=directory,
        env=environment(PYTHONPATH=str(PROJECT), **variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def routes(root: Path, files: dict[str, str]) -> Path:
    """Write a project of routes, named from pages/api on."""
    return project(root, {f"pages/api/{name}": source for name, source in files.items()})


def test_routes_prints_the_table_of_the_example() -> None:
    assert run("routes").stdout == (HERE / "routes.txt").read_text()


def test_routes_as_json_lists_what_the_table_lists() -> None:
    listed = [(route["path"], route["file"]) for route in json.loads(run("routes", "--json").stdout)]
    lines = (HERE / "routes.txt").read_text().splitlines()[1:]
    table = [re.split(r"  +", line) for line in lines]
    assert listed == [(path, file) for path, _, file, *_ in table]


def test_check_passes_the_example() -> None:
    assert run("check").returncode == 0


MISTAKES = {
    "post.py": HELLO,
    "post/index.py": HELLO,
    "users/[id].py": HELLO,
    "users/[slug]/posts.py": HELLO,
    "[[x]].py": HELLO,
    "config.py": HELLO + "config = {'api': {'bodyparser': False}}\n",
    "imports.py": "import no_such_module\n",
    "empty.py": "",
}


def test_check_of_a_project_with_mistakes_is_1(tmp_path: Path) -> None:
    assert run("check", directory=routes(tmp_path, MISTAKES)).returncode == 1


@pytest.mark.parametrize("file", MISTAKES)
def test_check_names_every_file_with_a_mistake(tmp_path: Path, file: str) -> None:
    checked = run("check", directory=routes(tmp_path, MISTAKES))
    assert file in checked.stdout + checked.stderr


@pytest.mark.parametrize("command", ["routes", "check", "start", "dev"])
def test_an_unknown_flag_is_2(command: str) -> None:
    assert run(command, "--no-such-flag").returncode == 2


def test_start_serves(tmp_path: Path) -> None:
    command = [*APIROUTES, "start", "--port", "0"]
    with serve(command, tmp_path / "log", files_in(tmp_path)) as port:
        assert Client(OverHttp(port)).request("GET", "/api/hello").json() == {"message": "Hello"}


def test_start_serves_another_directory(tmp_path: Path) -> None:
    root = routes(tmp_path / "there", {"only.py": HELLO})
    command = [*APIROUTES, "start", "--root", str(root), "--workers", "1", "--", "--bind", "127.0.0.1:0"]
    with serve(command, tmp_path / "log", {}, tmp_path) as port:
        assert Client(OverHttp(port)).request("GET", "/api/only").status == 200


def test_start_passes_flags_after_two_dashes_to_gunicorn(tmp_path: Path) -> None:
    command = [*APIROUTES, "start", "--", "--bind", "127.0.0.1:0", "--workers", "1"]
    with serve(command, tmp_path / "log", files_in(tmp_path)) as port:
        assert Client(OverHttp(port)).request("GET", "/api/hello").status == 200


def test_dev_serves_a_file_that_is_added(tmp_path: Path) -> None:
    directory = routes(tmp_path / "project", {"hello.py": HELLO})
    variables = {"PYTHONPATH": str(PROJECT)}
    with serve([*APIROUTES, "dev", "--port", "0"], tmp_path / "log", variables, directory) as port:
        client = Client(OverHttp(port))
        assert client.request("GET", "/api/hello").status == 200
        routes(directory, {"added.py": HELLO})
        assert wait_for(client, "/api/added").json() == {"message": "Hello"}


def test_dev_listens_on_this_machine_only_whatever_the_project_sets(tmp_path: Path) -> None:
    directory = routes(tmp_path / "project", {"hello.py": HELLO})
    variables = {"PYTHONPATH": str(PROJECT), "APIROUTES_HOST": "0.0.0.0"}
    with serve([*APIROUTES, "dev", "--port", "0"], tmp_path / "log", variables, directory) as port:
        send = OverHttp(port)
        assert send("GET", "/api/hello", {"Host": "localhost"}, b"").status == 200
        assert send("GET", "/api/hello", {"Host": "evil.example"}, b"").status == 403
    assert f"on http://127.0.0.1:{port} " in (tmp_path / "log").read_text()


@pytest.fixture
def taken() -> Iterator[int]:
    """Yield a port in use, below those that the system gives away, so that nobody takes the next one."""
    for port in range(random.randrange(20_000, 30_000), 32_000):
        with suppress(OSError), closing(socket.create_server(("127.0.0.1", port))):
            yield port
            return


SERVERS = {
    "dev": ["dev"],
    "gunicorn": ["start", "--workers", "1"],
    "gunicorn-asgi": ["start", "--workers", "1", "--interface", "asgi"],
    "granian": ["start", "--workers", "1", "--server", "granian", "--interface", "wsgi"],
    "uvicorn": ["start", "--workers", "1", "--server", "uvicorn"],
}
each_server = pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)


@each_server
def test_a_port_in_use_is_one_line_with_a_remedy(tmp_path: Path, command: list[str], taken: int) -> None:
    done = run(*command, "--port", str(taken), directory=routes(tmp_path, {"hello.py": HELLO}))
    assert done.returncode == 1
    owner = rf"by `.+` \(pid {os.getpid()}\)"
    reason = rf"Error: cannot listen on 127\.0\.0\.1:{taken}: Address already in use {owner}\. "
    remedy = (
        f"Stop the program that listens there, or choose another port: --port {taken + 1}, "
        "or --port auto for the next free one."
    )
    assert re.fullmatch(reason + re.escape(remedy) + "\n", done.stderr)


@each_server
def test_a_port_in_use_is_noticed_before_the_project_is_imported(
    tmp_path: Path, command: list[str], taken: int
) -> None:
    source = f"open({str(tmp_path / 'imported')!r}, 'w').close()\nimport time\ntime.sleep(60)\n" + HELLO
    done = run(*command, "--port", str(taken), directory=routes(tmp_path, {"hello.py": source}))
    assert (done.returncode, f":{taken}: Address already in use" in done.stderr) == (1, True)


@each_server
def test_port_auto_serves_on_the_next_free_one(tmp_path: Path, command: list[str], taken: int) -> None:
    directory = routes(tmp_path / "project", {"hello.py": HELLO})
    variables = {"PYTHONPATH": str(PROJECT), "APIROUTES_PORT": str(taken)}
    with serve([*APIROUTES, *command, "--port", "auto"], tmp_path / "log", variables, directory) as port:
        assert wait_for(Client(OverHttp(port)), "/api/hello").json() == {"message": "Hello"}
    assert f"Port {taken} is taken; the next free one is {port}\n" in (tmp_path / "log").read_text()


@each_server
def test_an_ipv6_address_in_use_is_one_line_too(tmp_path: Path, command: list[str]) -> None:
    with closing(socket.create_server(("::1", 0), family=socket.AF_INET6)) as listener:
        port = listener.getsockname()[1]
        done = run(
            *command, "--host", "::1", "--port", str(port), directory=routes(tmp_path, {"hello.py": HELLO})
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: cannot listen on [::1]:{port}: Address already in use")
    assert len(done.stderr.splitlines()) == 1


@each_server
@pytest.mark.parametrize("name", ["PORT", "APIROUTES_PORT"])
def test_a_port_of_the_environment_that_is_none_is_one_line_and_2(
    tmp_path: Path, command: list[str], name: str
) -> None:
    done = run(*command, directory=routes(tmp_path, {"hello.py": HELLO}), **{name: "abc"})
    assert done.returncode == 2
    assert done.stderr == (
        f"Error: {name} in the environment is 'abc', which is not a port. "
        "Set it to a number from 0 to 65535, or unset it.\n"
    )


# What a server prints once it serves.
SERVING = {
    "dev": "Ready in",
    "gunicorn": "Booting worker",
    "gunicorn-asgi": "ASGI server listening",
    "granian": "Started worker-1",
    "uvicorn": "Application startup complete",
}


# granian's own workers hang when Ctrl-C reaches them as well as the main process, until they are killed.
@pytest.mark.parametrize("name", [name for name in SERVERS if name != "granian"])
def test_ctrl_c_ends_every_process_by_itself_with_status_0(tmp_path: Path, name: str) -> None:
    root = routes(tmp_path, {"hello.py": HELLO})
    command = [*APIROUTES, "--root", str(root), *SERVERS[name], "--port", "auto"]
    with terminal(command) as shown:
        shown.read_until(SERVING[name])
        shown.interrupt()
        printed = shown.read_until(None)
        assert shown.process.wait(SECONDS) == 0
    assert "Killing" not in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    "flags",
    [
        ["start", "--", "--bind", "unix:{}/x.sock"],
        ["start", "--server", "uvicorn", "--", "--uds", "{}/x.sock"],
        ["start", "--server", "granian", "--", "--uds", "{}/x.sock"],
    ],
    ids=["gunicorn", "uvicorn", "granian"],
)
def test_a_socket_without_its_directory_is_one_line(tmp_path: Path, flags: list[str]) -> None:
    nowhere = tmp_path / "nowhere"
    arguments = [flag.format(nowhere) for flag in flags]
    done = run(*arguments, directory=routes(tmp_path, {"hello.py": HELLO}))
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: cannot listen on {nowhere}/x.sock: there is no directory {nowhere}. "
        "Create it, or choose another path.\n"
    )


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("async def GET(): ...\n", "granian serves ASGI: every route is async throughout"),
        ("def GET(): ...\n", "granian serves WSGI: routes that are async throughout: 0 of 1"),
    ],
)
def test_granians_interface_is_printed_with_the_reason(tmp_path: Path, source: str, line: str) -> None:
    directory = routes(tmp_path / "project", {"hello.py": source})
    with serve(granian(), tmp_path / "log", {"PYTHONPATH": str(PROJECT)}, directory):
        assert (tmp_path / "log").read_text().splitlines()[0] == line


@pytest.mark.parametrize(("workers", "is_said"), [(2, True), (1, False)])
def test_a_cache_of_each_worker_is_said_once(tmp_path: Path, workers: int, is_said: bool) -> None:
    directory = routes(tmp_path / "project", {"hello.py": "revalidate = 60\n" + HELLO})
    variables = {"PYTHONPATH": str(PROJECT), "APIROUTES_CACHE": "memory", "APIROUTES_WORKERS": str(workers)}
    with serve([*APIROUTES, "start", "--port", "0"], tmp_path / "log", variables, directory):
        assert (tmp_path / "log").read_text().count('cache is "memory": each worker') == is_said


def test_uvicorn_refuses_wsgi(tmp_path: Path, taken: int) -> None:
    command = ["start", "--server", "uvicorn", "--interface", "wsgi", "--port", str(taken)]
    done = run(*command, directory=routes(tmp_path, {"hello.py": HELLO}))
    assert done.returncode == 1
    assert done.stderr.startswith('Error: uvicorn serves only ASGI, and interface is "wsgi"')


@pytest.mark.parametrize("flags", [["--bind", "{}"], ["-b", "127.0.0.1:0", "-b", "{}"]])
def test_gunicorns_own_addresses_are_checked_too(tmp_path: Path, flags: list[str], taken: int) -> None:
    routes(tmp_path, {"hello.py": HELLO})
    flags = [flag.format(f"127.0.0.1:{taken}") for flag in flags]
    done = run("start", "--", *flags, directory=tmp_path)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{taken}" in done.stderr


def test_check_config_works_beside_a_running_server(tmp_path: Path, taken: int) -> None:
    routes(tmp_path, {"hello.py": HELLO})
    assert run("start", "--port", str(taken), "--", "--check-config", directory=tmp_path).returncode == 0


def test_start_reports_every_mistake_once_and_is_1(tmp_path: Path) -> None:
    done = run("start", "--workers", "2", "--port", "0", directory=routes(tmp_path, MISTAKES))
    assert done.returncode == 1
    assert done.stderr == run("check", directory=tmp_path).stderr


def wait_for(client: Client, path: str) -> Answer:
    """Request the path until it exists; a server that reloads may refuse or drop the connection."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            answer = client.request("GET", path)
        except (OSError, http.client.HTTPException):
            continue
        if answer.status == 200:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear within {SECONDS} seconds")
