"""What loads a server: wrk, which is written in C, where it is installed, and else `client.py`."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from benchmarks.deadline import Deadline, OutOfTimeError
from benchmarks.processes import CLIENT_CORE, on_core

TOP = Path(__file__).resolve().parents[1]
WRK = which("wrk")
GENERATOR = "wrk" if WRK else "benchmarks/client.py"


@dataclass(frozen=True)
class Summary:
    """What a generator has seen; times are in seconds. `errors` are failed connections and bad statuses."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int


def load(port: int, request: bytes, connections: int, seconds: float, deadline: Deadline) -> Summary:
    """Send the request to 127.0.0.1 for so long. Raises OutOfTimeError, and CalledProcessError."""
    command = _wrk(port, connections, seconds) if WRK else _client(port, connections, seconds)
    return _run(command, request, deadline)


def warm_up(port: int, request: bytes, connections: int, deadline: Deadline) -> None:
    """Send the request for a moment, shorter than wrk can. Raises as `load` does."""
    _run(_client(port, connections, 0.3), request, deadline)


def _wrk(port: int, connections: int, seconds: float) -> list[str]:
    return [
        *("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{math.ceil(seconds)}s"),
        *("--timeout", "10s", "--script", "benchmarks/wrk.lua", f"http://127.0.0.1:{port}"),
    ]


def _client(port: int, connections: int, seconds: float) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.client", "--port", str(port)]
    return [*command, "--connections", str(connections), "--seconds", str(seconds)]


def _run(command: list[str], request: bytes, deadline: Deadline) -> Summary:
    try:
        done = subprocess.run(
            on_core(CLIENT_CORE, command),
            cwd=TOP,
            input=request,
            capture_output=True,
            check=True,
            timeout=deadline.left(),
        )
    except subprocess.TimeoutExpired:
        raise OutOfTimeError from None
    return Summary(**json.loads(done.stdout.splitlines()[-1]))
