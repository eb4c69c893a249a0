"""Further fault tests, with the servers, the options and the line of JSON of `faults.py`.

python ours.py TEST [--cls sync|gthread] [--workers 2] [--threads 4] [--hang hang|spin] [--store sqlite|redis]
    [--servers 1] [--clients 200]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faults  # type: ignore[import-not-found]  # the file beside this one: this is run as a file

GRACEFUL = 10  # seconds
HUPS = 10

# Its code takes longer to check than the pause between HUPs; checks one after the other outlast GRACEFUL.
SLOW_TO_START = "import time\ntime.sleep(2)\ndef GET(): return {'ok': True}\n"


def hups_then_term(options: argparse.Namespace) -> dict[str, Any]:
    """HUP ten times in a row under load, then TERM: when does the server end?"""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "treeapp.py").write_text(SLOW_TO_START, encoding="utf-8")
        options.app = "treeapp:app"
        path = os.pathsep.join(filter(None, [directory, os.environ.get("PYTHONPATH")]))
        server = faults.Server(options, env={"PYTHONPATH": path}, graceful=GRACEFUL)
        try:
            load = faults.Load(server, clients=2, pause=0.01)
            for _ in range(HUPS):
                server.p.send_signal(signal.SIGHUP)
                time.sleep(0.1)
            return {"graceful_s": GRACEFUL, "load": load.stop(), **_term(server)}
        finally:
            server.stop()


def log_after_deadlines(options: argparse.Namespace) -> dict[str, Any]:
    """Handlers that log forever and are abandoned, then requests that log: are those answered?"""
    server = faults.Server(options, graceful=GRACEFUL)
    try:
        slots = options.workers * (options.threads if options.cls == "gthread" else 1)
        deadlines = _ask_at_once(server, f"/api/{options.hang}", slots)
        logs = _ask_at_once(server, "/api/logs", 2 * slots)
        return {"deadlines": deadlines, "logs": logs, "graceful_s": GRACEFUL, **_term(server)}
    finally:
        server.stop()


def crowd(options: argparse.Namespace) -> dict[str, Any]:
    """Clients ask for what nobody has computed, of one or several servers with one store: how often is it?"""
    with tempfile.TemporaryDirectory() as directory, _store(options.store, directory) as variables:
        servers = [faults.Server(options, env=variables) for _ in range(options.servers)]
        try:
            answers: list[tuple[str, float]] = []
            clients = [
                threading.Thread(target=_time, args=(servers[number % len(servers)], answers))
                for number in range(options.clients)
            ]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            events = [event for server in servers for event in server.events()]
            return {
                "clients": options.clients,
                "computations": sum(event["event"] == "compute" for event in events),
                "different": len({content for content, _ in answers}),
                "ok": sum(content.startswith("200 ") for content, _ in answers),
                "slowest_s": round(max(seconds for _, seconds in answers), 2),
            }
        finally:
            for server in servers:
                server.stop()


def _time(server: Any, answers: list[tuple[str, float]]) -> None:
    start = time.monotonic()
    try:
        status, content = server.get("/api/cached", timeout=20)
        answers.append((f"{status} {content.decode()}", time.monotonic() - start))
    except OSError as error:
        answers.append((type(error).__name__, 0))


@contextlib.contextmanager
def _store(kind: str, directory: str) -> Iterator[dict[str, str]]:
    """Give servers a store that has nothing; yield the variables by which they find it."""
    if kind == "sqlite":
        yield {"FAULT_CACHE": directory}
        return
    port = faults.free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", directory]
    redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while redis.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield {"FAULT_REDIS": f"redis://127.0.0.1:{port}/0"}
    finally:
        redis.kill()
        redis.wait()


def _ask_at_once(server: Any, path: str, times: int) -> list[str]:
    """Return the statuses and contents of the responses, or the errors instead."""
    answers: list[str] = []

    def ask() -> None:
        try:
            status, body = server.get(path, timeout=15)
            answers.append(f"{status} {body.decode()}")
        except OSError as error:
            answers.append(type(error).__name__)

    clients = [threading.Thread(target=ask) for _ in range(times)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    return answers


def _term(server: Any) -> dict[str, Any]:
    start = time.monotonic()
    server.p.send_signal(signal.SIGTERM)
    try:
        status = server.p.wait(4 * GRACEFUL)
    except subprocess.TimeoutExpired:
        status = None
    return {"exit_code": status, "exit_s": round(time.monotonic() - start, 1)}


TESTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    test.__name__: test for test in (hups_then_term, log_after_deadlines, crowd)
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("test", choices=[*TESTS])
    parser.add_argument("--app", default="faultapp:app")
    parser.add_argument("--cls", default="sync")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--hang", default="hang", choices=["hang", "spin"])
    parser.add_argument("--store", default="sqlite", choices=["sqlite", "redis"])
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--clients", type=int, default=200)
    options = parser.parse_args()
    start = time.monotonic()
    try:
        report = TESTS[options.test](options)
    except Exception as error:
        report = {"error": f"{type(error).__name__}: {error}"}
    named = {"test": options.test, "cls": options.cls, "took_s": round(time.monotonic() - start, 1)}
    print(json.dumps(named | report), flush=True)


if __name__ == "__main__":
    main()
