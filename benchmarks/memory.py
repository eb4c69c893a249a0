"""How much does a process grow in a million requests of every kind, no two alike?

Routes with and without parameters, JSON, forms, uploads, cookies, 404s, and handlers with a deadline; paths,
headers and queries differ in every request. It takes about a minute. The exit status is 1 for a megabyte or
more.
"""

from __future__ import annotations

import argparse
import gc
import sys
from io import BytesIO
from pathlib import Path

if __spec__ is None:  # run as a file: the modules beside it (http, peers) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.commandline import positive
from benchmarks.contenders import StartedResponse
from benchmarks.machine import machine_line
from benchmarks.peers import PEERS
from benchmarks.tables import progress
from benchmarks.workloads import WORKLOADS, Request, WSGIApplication, get

GOAL = 1024  # KB
WARM_UP = 50_000  # requests until every cache is full
STEPS = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("requests", nargs="?", type=positive, default=1_000_000)
    count = parser.parse_args().requests
    print(machine_line(["apiroutes", "werkzeug"]))
    application = PEERS["apiroutes"].load().application()
    requests = [WORKLOADS[f"W{number}"]().requests[0] for number in range(1, 8)]
    requests.append(get("/api/timed", requests[0].required))
    send(application, requests, 0, WARM_UP)
    before = resident()
    for step in range(STEPS):
        progress(f"{step * count // STEPS:,} of {count:,} requests")
        first = WARM_UP + step * count // STEPS
        send(application, requests, first, WARM_UP + (step + 1) * count // STEPS)
    progress("")
    growth = resident() - before
    print(f"{count:,} requests: {growth:+,} KB (from {before:,} KB)")
    return 0 if growth < GOAL else 1


def send(application: WSGIApplication, requests: list[Request], first: int, end: int) -> None:
    """Send the requests in turn, each of them unique."""
    started = StartedResponse()
    for number in range(first, end):
        kind = number % len(requests)
        request = requests[kind]
        environ = {**request.environ, "wsgi.input": BytesIO(request.content)}
        if kind == 1:  # the dynamic route
            environ["PATH_INFO"] = f"/api/users/{number}"
            environ["QUERY_STRING"] = f"sort=name&page={number}"
            environ["RAW_URI"] = f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        elif kind == 6:  # the missing route
            environ["PATH_INFO"] = environ["RAW_URI"] = f"/api/missing{number}"
        environ[f"HTTP_X_{number % 5000}"] = str(number)
        environ["HTTP_ACCEPT"] = f"text/html;q=0.{number % 1000}, application/json"
        environ["HTTP_COOKIE"] = f"{environ.get('HTTP_COOKIE', 'a=1')}; visit{number}={number}"
        body = application(environ, started)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()


def resident() -> int:
    """Return the process's memory in KB after a garbage collection."""
    gc.collect()
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    sys.exit(main())
