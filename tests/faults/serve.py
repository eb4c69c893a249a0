"""Run by `faults.py` in place of gunicorn: `apiroutes start` with the flags for gunicorn.

For the classes `granian` and `uvicorn` it serves with those, through ASGI, with flags of the same meaning.
The cache is in $FAULT_REDIS if that is set, else in the directory $FAULT_CACHE, else beside the test's log.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
START = [sys.executable, "-m", "apiroutes", "start"]


def main() -> None:
    application, *flags = sys.argv[1:]
    root = HERE / "project"
    if application.startswith("treeapp:"):  # the test changes this file, in a directory of its own
        root = Path(os.environ["PYTHONPATH"].partition(os.pathsep)[0])
        route = root / "pages" / "api" / "hello.py"
        route.parent.mkdir(parents=True, exist_ok=True)
        route.symlink_to(root / "treeapp.py")
    _place_cache()
    # A test may replace the path, and what is tested is this checkout.
    os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(TOP)])
    start = [*START, "--root", str(root)]
    server = flags[flags.index("-k") + 1]
    start += _through_asgi(server, flags) if server in ("granian", "uvicorn") else ["--", *flags]
    os.execv(sys.executable, start)


def _place_cache() -> None:
    redis = os.environ.get("FAULT_REDIS")
    if redis:
        os.environ["APIROUTES_CACHE"] = redis
    else:
        directory = os.environ.get("FAULT_CACHE") or Path(os.environ["FAULT_LOG"]).parent
        os.environ["APIROUTES_CACHE_PATH"] = str(Path(directory) / "cache.db")


def _through_asgi(server: str, flags: list[str]) -> list[str]:
    parser = argparse.ArgumentParser()
    parser.add_argument("-b", dest="address")
    parser.add_argument("-w", dest="workers")
    parser.add_argument("--graceful-timeout")
    parser.add_argument("--error-logfile")
    known, _ = parser.parse_known_args(flags)
    os.environ["APIROUTES_GRACEFUL_TIMEOUT"] = known.graceful_timeout
    log = os.open(known.error_logfile, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(log, standard)
    host, _, port = known.address.partition(":")
    asgi = ["--server", server, "--interface", "asgi", "--host", host, "--port", port]
    # granian does not report when a worker listens; by default it gives a successor 3.5 seconds.
    own = ["--respawn-interval", "0.5"] if server == "granian" else []
    return [*asgi, "--workers", known.workers, "--", *own]


if __name__ == "__main__":
    main()
