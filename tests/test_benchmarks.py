"""The benchmarks: what they count and report, that the peers give one response, and how they import."""

from __future__ import annotations

import ast
import asyncio
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from benchmarks import client
from benchmarks.asgi import ASGI_WORKLOADS, DifferentMessagesError, SuspendedError
from benchmarks.cells import Cell, Figures
from benchmarks.contenders import StartedResponse, contenders, empty_application
from benchmarks.deployments import DEPLOYMENTS, Deployment
from benchmarks.guards import GOALS as GUARD_GOALS
from benchmarks.guards import GUARDS, measure_guards
from benchmarks.guards import goals_report as guards_report
from benchmarks.http_goals import GOALS, goals_report
from benchmarks.inprocess import BOUNDS, report
from benchmarks.inprocess import GOALS as RATIOS
from benchmarks.inprocess import goals_report as ratios_report
from benchmarks.loads import LOADS, raw_request, read_events
from benchmarks.opcodes import CAPS, caps_report, count_asgi, count_wsgi
from benchmarks.peers import PEERS
from benchmarks.peers.handwritten import read_query
from benchmarks.variants import WITH_LIMITS, WITH_SESSIONS
from benchmarks.workloads import CONNECTED, WORKLOADS

DIRECTORY = Path(__file__).parents[1] / "benchmarks"
MODULES = {
    ".".join(path.relative_to(DIRECTORY.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in DIRECTORY.rglob("*.py")
    if "project" not in path.parts
}


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of the benchmarks that the file imports, also those that it imports late."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & MODULES.keys() or {node.module}
        elif isinstance(node, ast.Constant) and node.value in MODULES:
            yield str(node.value)


def test_imports_of_the_benchmarks_have_no_circle() -> None:
    imports = {name: set(imported(path)) for name, path in MODULES.items()}
    del imports["benchmarks.peers"]  # it names its modules, and imports them on request
    TopologicalSorter(imports).prepare()  # raises CycleError
    assert "benchmarks.contenders" in imports["benchmarks.inprocess"]


# -- workloads


def test_each_workload_comes_with_the_connection_and_without() -> None:
    with_connection = {name for name, make in WORKLOADS.items() if make().group == CONNECTED}
    assert {f"{name}g" for name in with_connection} == WORKLOADS.keys() - with_connection


@pytest.mark.parametrize("name", list(WORKLOADS))
def test_the_environ_has_the_connection_where_the_workload_says_so(name: str) -> None:
    workload = WORKLOADS[name]()
    connected = {"gunicorn.socket" in request.environ for request in workload.requests}
    assert connected == {workload.group == CONNECTED}


@pytest.mark.parametrize("name", ["W11", "W11s", "W11g", "W11sg"])
def test_a_cached_response_is_measured_that_another_request_has_stored(name: str) -> None:
    (contender,) = contenders(PEERS["apiroutes"], [WORKLOADS[name]()])
    started = StartedResponse()
    list(contender.application({**contender.workload.requests[0].environ, "wsgi.input": BytesIO()}, started))
    assert "hit" in dict(started.headers)["Cache-Status"]


def test_a_peer_is_left_out_of_workloads_that_it_lacks() -> None:
    workloads = [WORKLOADS[name]() for name in ("W1", "W11")]
    assert [each.workload.name for each in contenders(PEERS["json"], workloads)] == ["W1"]
    lines = list(report({"apiroutes": {"W1": 10.0, "W11": 3.0}, "json": {"W1": 5.0}}, workloads))
    assert [line.split()[-1] for line in lines if line.startswith("hand-written")] == ["-"]


@pytest.mark.parametrize("key", ["apiroutes", "json", "msgspec"])
def test_peers_give_the_required_responses(key: str) -> None:
    workloads = [
        WORKLOADS[name]() for name in ("W1", "W2", "W3", "W4", "W5", "W6", "W7", "W10", "W10n", "W4g")
    ]
    assert [each.workload.name for each in contenders(PEERS[key], workloads)] == [
        workload.name for workload in workloads
    ]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("sort=name&page=2", {"sort": "name", "page": "2"}),
        ("a=b+c&d=%40%2f%2F", {"a": "b c", "d": "@//"}),
        ("a=100%25+sure&b=", {"a": "100% sure", "b": ""}),
    ],
)
def test_the_hand_written_peer_reads_queries(query: str, values: dict[str, str]) -> None:
    assert read_query(query) == values


# -- in one process


def test_each_group_of_workloads_has_tables_of_its_own() -> None:
    workloads = [WORKLOADS[name]() for name in ("W1", "W1g")]
    lines = list(
        report({"apiroutes": {"W1": 10.0, "W1g": 30.0}, "falcon": {"W1": 20.0, "W1g": 40.0}}, workloads)
    )
    assert [line.split() for line in lines if line.startswith("apiroutes")] == [
        ["apiroutes", "10"],
        ["apiroutes", "30"],
        ["apiroutes", "0.50"],
        ["apiroutes", "0.75"],
    ]


@pytest.mark.parametrize(("nanoseconds", "reached"), [(28.0, True), (29.0, False)])
def test_a_goal_is_a_ratio_to_falcon(nanoseconds: float, reached: bool) -> None:
    assert ratios_report({"apiroutes": {"W1": nanoseconds}, "falcon": {"W1": 100.0}})[1] is reached


@pytest.mark.parametrize(("nanoseconds", "reached"), [(4_000.0, True), (4_001.0, False)])
def test_the_goal_of_a_hit_is_in_nanoseconds(nanoseconds: float, reached: bool) -> None:
    assert ratios_report({"apiroutes": {"W11": nanoseconds}, "falcon": {}})[1] is reached


def test_goals_and_caps_are_of_workloads() -> None:
    assert RATIOS.keys() | BOUNDS.keys() | CAPS.keys() <= WORKLOADS.keys()


# -- bytecodes


def test_every_count_of_a_request_is_the_same() -> None:
    request = WORKLOADS["W1"]().requests[0]
    assert len({count_wsgi(empty_application, request) for _ in range(3)}) == 1


def asgi_application(content: bytes, wait: float | None = None) -> Callable[..., Any]:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert asyncio.get_running_loop()
        await receive()
        if wait is not None:
            await asyncio.sleep(wait)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content})

    return application


def test_an_asgi_call_is_counted_without_a_server() -> None:
    application = asgi_application(b'{"message": "Hello"}')
    assert len({count_asgi(application, ASGI_WORKLOADS["W1a"]()) for _ in range(3)}) == 1


@pytest.mark.parametrize(
    ("application", "error"),
    [
        (asgi_application(b'{"message": "Hello"}', wait=0), SuspendedError),
        (asgi_application(b'{"message": "Bye"}'), DifferentMessagesError),
    ],
)
def test_an_asgi_call_that_cannot_be_compared_is_refused(
    application: Callable[..., Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        count_asgi(application, ASGI_WORKLOADS["W1a"]())


@pytest.mark.parametrize(
    ("python", "counted", "kept"),
    [
        ("CPython 3.11", {"W1": CAPS["W1"]}, True),
        ("CPython 3.11", {"W1": CAPS["W1"] + 1}, False),
        ("CPython 3.11", {"W2": 10_000}, True),
        ("CPython 3.12", {"W1": CAPS["W1"] + 1}, True),
    ],
)
def test_caps_are_of_one_python_version(python: str, counted: dict[str, int], kept: bool) -> None:
    assert caps_report(counted, python)[1] is kept


# -- over loopback


@pytest.mark.parametrize("name", list(LOADS))
def test_a_request_is_sent_as_it_should_be(name: str) -> None:
    request = LOADS[name].request
    head, _, content = raw_request(request, "/api/other").partition(b"\r\n\r\n")
    method = request.environ["REQUEST_METHOD"]
    assert (head.split(b"\r\n")[0], content) == (f"{method} /api/other HTTP/1.1".encode(), request.content)


@pytest.mark.parametrize(
    ("load", "asgi", "path"),
    [
        ("json", False, "/api/hello"),
        ("json", True, "/api/hello"),
        ("json_async", False, "/api/async/hello"),
        ("upload", False, "/api/upload"),
        ("upload", True, "/api/async/upload"),
    ],
)
def test_a_load_chooses_the_handler(load: str, asgi: bool, path: str) -> None:
    assert LOADS[load].path(asgi) == path


def test_events_are_read_with_any_line_breaks() -> None:
    assert read_events(b'id: 1\r\ndata: {"a":1}\r\n\r\n: comment\n\ndata:2\n\n') == [{"a": 1}, 2]


def test_goals_are_of_cells_that_are_measured() -> None:
    for cell in (cell for goal in GOALS for cell in goal.cells):
        assert cell.deployment in DEPLOYMENTS
        assert cell.deployment.takes(LOADS[cell.load])
        assert cell.connections in LOADS[cell.load].connections


def figures(rate: float, cpu: float | None = None) -> Figures:
    return Figures(rate, 0.0, 0.0, cpu, None, 0)


OURS_WAITING = Cell("wait5", 64, Deployment("apiroutes", "start-granian64"))
OURS_CACHED = Cell("cached5", 64, Deployment("apiroutes", "start-granian8"))
OURS_UNCACHED = Cell("wait5", 64, Deployment("apiroutes", "start-granian8"))
OURS_BY_ASGI = Cell("json_async", 64, Deployment("apiroutes", "uvicorn"))
STARLETTE = Cell("json_async", 64, Deployment("starlette", "uvicorn"))
OURS_STARTED = Cell("json", 8, Deployment("apiroutes", "start"))


@pytest.mark.parametrize(
    ("measured", "reached"),
    [
        ({OURS_WAITING: [figures(4_000), figures(5_000), figures(6_000)]}, [True]),
        ({OURS_WAITING: [figures(4_999)]}, [False]),
        ({OURS_BY_ASGI: [figures(20_000)], STARLETTE: [figures(20_000)]}, [True]),
        ({OURS_BY_ASGI: [figures(19_999)], STARLETTE: [figures(20_000)]}, [False]),
        ({OURS_BY_ASGI: [figures(20_000)]}, []),
        ({OURS_CACHED: [figures(11_500)], OURS_UNCACHED: [figures(1_500)]}, [True]),
        ({OURS_CACHED: [figures(11_499)], OURS_UNCACHED: [figures(1_500)]}, [False]),
        ({OURS_STARTED: [figures(9_000, 115e-6)]}, [True]),
        ({OURS_STARTED: [figures(9_000, 116e-6)]}, [False]),
        ({OURS_STARTED: [figures(9_000)]}, []),
    ],
)
def test_goals_are_compared_with_medians(measured: dict[Cell, list[Figures]], reached: list[bool]) -> None:
    assert [is_reached for _, is_reached in goals_report(measured)] == reached


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
def test_the_client_reads_a_response_to_its_end(response: bytes) -> None:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(response)
                if b"close" in response:
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            latencies = client.ask_repeatedly(server.server_address[1], b"GET / HTTP/1.1\r\n\r\n", 2, 0.05)
        finally:
            server.shutdown()
    assert len(latencies) >= 2


@pytest.mark.slow
def test_a_server_is_measured() -> None:
    options = [
        "--only",
        "json",
        "--servers",
        "start",
        "--connections",
        "2",
        "--seconds",
        "1",
        "--repeats",
        "1",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.http", *options],
        cwd=DIRECTORY.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "apiroutes, start" in done.stdout


# -- what guards a route


def test_each_goal_of_a_guard_is_of_something_measured() -> None:
    assert GUARD_GOALS.keys() <= {*GUARDS, *WITH_LIMITS, *WITH_SESSIONS}
    assert measure_guards(1).keys() == GUARDS.keys()


@pytest.mark.parametrize("name", GUARD_GOALS)
def test_a_guard_that_takes_too_long_is_named(name: str) -> None:
    lines, reached = guards_report({**GUARD_GOALS, name: GUARD_GOALS[name] + 1})
    assert not reached
    assert [line.startswith(name) for line in lines if "MISSED" in line] == [True]
    assert guards_report(GUARD_GOALS)[1]
