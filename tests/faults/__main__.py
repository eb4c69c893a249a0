"""What happens to a running server when clients, handlers, workers, disks and files fail?

`python -m tests.faults` runs the tests of `faults.py`, which comes from outside and stays unchanged, and of
`ours.py` against `apiroutes start`: with gunicorn's sync and gthread workers, and with granian and uvicorn
through ASGI. It prints a table. The exit status is 1 if a test does not hold. It needs Linux; the full disk
needs root, and is left out otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SECONDS = 90  # for one test; each limits itself to less
# gunicorn's worker classes, and servers that call the App through ASGI (see `serve.py`).
CLASSES = ("sync", "gthread", "granian", "uvicorn")
ASGI = ("granian", "uvicorn")

Report = dict[str, Any]  # the line of JSON that a test prints


@dataclass(frozen=True)
class Fault:
    """A test of one of the files: the condition that its report must meet, and the report in words."""

    title: str
    test: str
    holds: Callable[[Report], bool]
    summary: Callable[[Report], str]
    flags: tuple[str, ...] = ()
    asgi_flags: tuple[str, ...] = ()
    file: str = "faults.py"


def _is_refused(report: Report) -> bool:
    kinds = [report[kind] for kind in ("text", "multipart", "chunked")]
    # uvicorn closes its half of a connection as soon as the client has closed the other.
    allowed = {"400", "ConnectionError"} if report["cls"] in ASGI else {"400"}
    return (
        all(
            set(kind["answers_to_FIN"]) <= allowed and not kind["handler_saw_truncated_body"]
            for kind in kinds
        )
        and report["workers_same"]
        and report["fd_growth"] <= 1
        and not report["tracebacks"]
    )


def _is_closed(report: Report) -> bool:
    return bool(
        report["iterators_closed"] == 50
        and report["workers_same"]
        and report["good_after"] == 200
        and report["fd_growth"] <= 1
        and not report["tracebacks"]
    )


def _is_drained(report: Report) -> bool:
    return bool(report["results"].get("inflight:200") == report["slots"] and report["exit_code"] == 0)


def _is_answered(report: Report) -> bool:
    served = report["good_client_served_after_s"]
    return served is not None and all(" 504 " in head for head in report["hung_client_got"])


def _is_free_to_log(report: Report) -> bool:
    return bool(
        report["deadlines"]
        and all(answer.startswith("504 ") for answer in report["deadlines"])
        and set(report["logs"]) == {'200 {"held":[]}'}
        and _ends_in_time(report)
    )


def _ends_in_time(report: Report) -> bool:
    return report["exit_code"] == 0 and bool(report["exit_s"] <= report["graceful_s"])


def _is_untouched(report: Report) -> bool:
    return bool(
        not report["load"]["failed"]
        and report["master_alive"]
        and report["hup_on_broken_code"] == 200
        and '"v":3' in report["after_hup"]
    )


def _is_computed_once(report: Report) -> bool:
    return bool(
        report["computations"] == report.get("different", 1) == 1 and report["ok"] == report["clients"]
    )


def _does_without(report: Report) -> bool:
    """Without Redis: an answer within half a second, and what the computation takes, with some room."""
    phases = [report[phase] for phase in ("up", "stopped", "down", "restarted")]
    return report["other_route_while_stopped"] == 200 and all(
        status == 200 and seconds < 0.5 + 0.3 + 0.2 for phase in phases for status, seconds in phase
    )


def _is_unmoved(report: Report) -> bool:
    steps = report["steps"].values()
    return (
        all(step["workers_same"] and not step["recomputed"] for step in steps)
        and not report["worker_timeouts"]
        and not report["load"]["failed"]
    )


def _has_room_again(report: Report) -> bool:
    return bool(
        set(report["answers"]) == {"507"}
        and not report["held_open"]
        and not report["files_left"]
        and report["small_upload_after"] == report["good_after"] == 200
        and report["workers_same"]
    )


def _refused(report: Report) -> str:
    answers = sorted(
        {answer for kind in ("text", "multipart", "chunked") for answer in report[kind]["answers_to_FIN"]}
    )
    ends = "all 400" if answers == ["400"] else "connections ended"
    return f"{ends}, no handler called, {report['tracebacks']} tracebacks"


def _served(report: Report) -> str:
    client = report["good_client"]
    return f"others got {client['ok']} responses, {report['worker_timeouts']} workers killed"


def _ended(report: Report) -> str:
    return f"all {report['slots']} get 504, others served after {report['good_client_served_after_s']} s"


def _logged(report: Report) -> str:
    return f"{len(report['logs'])} answered, all locks free, {_exit(report)}"


def _computed(report: Report) -> str:
    return f"{report['computations']} computation, the last answer after {report['slowest_s']} s"


def _slowest(report: Report) -> str:
    slowest = max(seconds for phase in ("stopped", "down") for _, seconds in report[phase])
    return f"answers within {slowest} s without Redis, of which 0.3 s are the computation"


def _exit(report: Report) -> str:
    return f"exit {report['exit_code']} after {report['exit_s']} s of {report['graceful_s']}"


def _failed(load: Report) -> str:
    return f"{load['failed']} of {load['ok'] + load['failed']:,} requests failed"


FAULTS = (
    Fault(
        "60 connections send a byte of a header a second each",
        "slowloris_headers",
        # A worker without threads serves no other client meanwhile, and all of them at once afterwards.
        lambda report: (
            report["recovered_s"] < 1 and (report["cls"] == "sync" or report["good_client"]["ok"] > 0)
        ),
        _served,
        ("--timeout", "5"),
    ),
    Fault(
        "20 uploads of 1 MB send a byte a second each",
        "slow_body",
        lambda report: (
            report["good_client"]["ok"] > 0 and not report["handler_ran"] and not report["worker_timeouts"]
        ),
        _served,
        ("--seconds", "20"),
    ),
    Fault(
        "25 clients leave in the middle of an upload",
        "disconnect_upload",
        _is_refused,
        _refused,
    ),
    Fault(
        "50 clients leave in the middle of a response of 50 MB",
        "disconnect_response",
        _is_closed,
        lambda report: (
            f"{report['iterators_closed']} iterators closed, {report['rss_growth_mb']} MB more memory"
        ),
    ),
    Fault(
        "a worker is killed every two seconds",
        "kill_worker",
        lambda report: (
            max(report["respawn_s"]) < 1
            # One request for each thread of a worker, and as many that it had accepted before one was free;
            # through ASGI those of all eight clients.
            and report["load"]["failed"] <= 2 * report["kills"] * report["max_inflight_lost_per_kill"]
        ),
        lambda report: f"replaced in {max(report['respawn_s'])} s, {_failed(report['load'])}",
    ),
    Fault(
        "handlers wait and log forever, one for each thread and more; maxDuration is 1 s",
        "hang",
        _is_answered,
        _ended,
        asgi_flags=("--n", "40"),
    ),
    Fault(
        "the same with handlers that compute and log forever",
        "hang",
        _is_answered,
        _ended,
        ("--hang", "spin"),
        asgi_flags=("--n", "40"),
    ),
    Fault(
        "requests that log, after handlers that log forever; then TERM",
        "log_after_deadlines",
        _is_free_to_log,
        _logged,
        file="ours.py",
    ),
    Fault(
        "the same after handlers that log and compute forever",
        "log_after_deadlines",
        _is_free_to_log,
        _logged,
        ("--hang", "spin"),
        file="ours.py",
    ),
    Fault(
        "hundreds of thousands of requests",
        "memory",
        lambda report: report["growth_kB_per_1e6_after_warmup"] < 1000,
        lambda report: (
            f"{report['samples_requests_rssMB'][-1][0]:,} requests, "
            f"{report['growth_kB_per_1e6_after_warmup']} kB more per million"
        ),
    ),
    Fault(
        "TERM while every thread is busy",
        "sigterm",
        _is_drained,
        lambda report: (
            f"all {report['slots']} answered, exit {report['exit_code']} after {report['exit_s']} s"
        ),
    ),
    Fault(
        "HUP five times under load",
        "sighup",
        lambda report: not report["new_connections"]["failed"] and not report["keepalive"]["failed"],
        lambda report: f"{_failed(report['new_connections'])}, kept alive {_failed(report['keepalive'])}",
    ),
    Fault(
        "HUP ten times in a row, with code that takes two seconds to start; then TERM",
        "hups_then_term",
        lambda report: _ends_in_time(report) and not report["load"]["failed"],
        lambda report: f"{_failed(report['load'])}, {_exit(report)}",
        file="ours.py",
    ),
    Fault(
        "files change, break and go under load; HUP on broken code",
        "file_tree",
        _is_untouched,
        lambda report: f"{_failed(report['load'])}, the old code still serves",
        asgi_flags=("--workers", "1"),  # these servers replace one after the other, and the test waits 2 s
    ),
    Fault(
        "50 clients ask for what takes 0.3 s to compute",
        "stampede",
        _is_computed_once,
        _computed,
    ),
    *(
        Fault(
            f"200 clients do, of {count} with one store in {store}",
            "crowd",
            _is_computed_once,
            _computed,
            ("--store", kind, "--servers", str(servers)),
            file="ours.py",
        )
        for kind, store in (("sqlite", "SQLite"), ("redis", "Redis"))
        for servers, count in ((1, "a server"), (2, "two servers"))
    ),
    Fault(
        "the cache is in Redis, which is frozen, ended and started",
        "redis_faults",
        _does_without,
        _slowest,
    ),
    Fault(
        "the clock is set an hour forward, two hours back, and right again",
        "clock",
        _is_unmoved,
        lambda report: f"nothing computed again, {_failed(report['load'])}",
    ),
    Fault(
        "uploads of 8 MB to a disk of 2 MB",
        "disk_full",
        _has_room_again,
        lambda report: f"{report['answers'].get('507', 0)} of 5 get 507, a small one after them 200",
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("tests", nargs="*", metavar="TEST", help="names of tests; by default all")
    parser.add_argument("--cls", choices=CLASSES, action="append", help="only this worker class or server")
    arguments = parser.parse_args()
    known = {fault.test for fault in FAULTS}
    unknown = sorted(set(arguments.tests) - known)
    if unknown:
        parser.error(f"unknown tests: {', '.join(unknown)}; expected some of {', '.join(sorted(known))}")
    chosen = [fault for fault in FAULTS if fault.test in (arguments.tests or known)]
    classes = arguments.cls or list(CLASSES)
    rows = list(_run(chosen, classes))
    print(f"| fault | {' | '.join(classes)} |\n|---|{'---|' * len(classes)}")
    for fault in chosen:
        cells = [_verdict(fault, report) for other, _, report in rows if other is fault]
        print(f"| {fault.title} | {' | '.join(cells)} |")
    return 0 if all(_holds(fault, report) is not False for fault, _, report in rows) else 1


def _run(chosen: list[Fault], classes: list[str]) -> Iterator[tuple[Fault, str, Report]]:
    with tempfile.TemporaryDirectory() as directory:
        server = Path(directory) / "server"
        server.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "serve.py"}" "$@"\n')
        server.chmod(server.stat().st_mode | stat.S_IXUSR)
        number, count = 0, len(chosen) * len(classes)
        for fault in chosen:
            for worker_class in classes:
                number += 1
                report = _run_test(fault, worker_class, server)
                outcome = {True: "holds", False: "DOES NOT HOLD", None: "left out"}[_holds(fault, report)]
                print(
                    f"[{number}/{count}] {fault.test} {worker_class}: {outcome}", file=sys.stderr, flush=True
                )
                yield fault, worker_class, report


def _run_test(fault: Fault, worker_class: str, server: Path) -> Report:
    if fault.test == "disk_full" and os.geteuid():
        return {"left_out": "needs root"}
    if (fault.test == "redis_faults" or "redis" in fault.flags) and not shutil.which("redis-server"):
        return {"left_out": "needs redis-server"}
    command = [sys.executable, str(HERE / fault.file), fault.test, "--cls", worker_class, *fault.flags]
    if worker_class in ASGI:
        command += fault.asgi_flags
    environment = {**os.environ, "GUNICORN": str(server)}
    for _ in range(3):  # the test of the full disk may look at a file that has been closed
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)
        report: Report = json.loads(done.stdout) if done.stdout else {"error": done.stderr}
        if "FileNotFoundError" not in report.get("error", ""):
            break
    return report


def _holds(fault: Fault, report: Report) -> bool | None:
    if "left_out" in report:
        return None
    return "error" not in report and fault.holds(report)


def _verdict(fault: Fault, report: Report) -> str:
    if "left_out" in report:
        return f"left out: {report['left_out']}"
    if "error" in report:
        return f"**fails**: {report['error']}"
    return fault.summary(report) if fault.holds(report) else f"**does not hold**: `{json.dumps(report)}`"


if __name__ == "__main__":
    sys.exit(main())
