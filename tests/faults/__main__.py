"""What happens to a running server when clients, handlers, workers, disks and files fail?

`python -m tests.faults` runs the tests of `faults.py`, which is given as it is, and of `ours.py` against
`apiroutes start` with gunicorn's sync and gthread workers, and prints a table. The exit status is 1
when something does not hold. Needs Linux; the full disk needs root, and is left out otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SECONDS = 90  # for one test; each bounds itself to less
CLASSES = ("sync", "gthread")

Found = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """A test of one of the files: what must hold of what it found, and what of that is shown."""

    title: str
    test: str
    holds: Callable[[Found], bool]
    shown: Callable[[Found], str]
    flags: tuple[str, ...] = ()
    file: str = "faults.py"


def _is_refused(found: Found) -> bool:
    kinds = [found[kind] for kind in ("text", "multipart", "chunked")]
    return (
        all(
            set(kind["answers_to_FIN"]) == {"400"} and not kind["handler_saw_truncated_body"]
            for kind in kinds
        )
        and found["workers_same"]
        and found["fd_growth"] <= 1
        and not found["tracebacks"]
    )


def _is_closed(found: Found) -> bool:
    return bool(
        found["iterators_closed"] == 50
        and found["workers_same"]
        and found["good_after"] == 200
        and found["fd_growth"] <= 1
        and not found["tracebacks"]
    )


def _is_drained(found: Found) -> bool:
    return bool(found["results"].get("inflight:200") == found["slots"] and found["exit_code"] == 0)


def _is_answered(found: Found) -> bool:
    served = found["good_client_served_after_s"]
    return served is not None and all(" 504 " in head for head in found["hung_client_got"])


def _is_free_to_log(found: Found) -> bool:
    return bool(
        found["deadlines"]
        and all(answer.startswith("504 ") for answer in found["deadlines"])
        and set(found["logs"]) == {'200 {"held":[]}'}
        and _ends_in_time(found)
    )


def _ends_in_time(found: Found) -> bool:
    return found["exit_code"] == 0 and bool(found["exit_s"] <= found["graceful_s"])


def _is_untouched(found: Found) -> bool:
    return bool(
        not found["load"]["failed"]
        and found["master_alive"]
        and found["hup_on_broken_code"] == 200
        and '"v":3' in found["after_hup"]
    )


def _has_room_again(found: Found) -> bool:
    return bool(
        set(found["answers"]) == {"507"}
        and not found["held_open"]
        and not found["files_left"]
        and found["small_upload_after"] == found["good_after"] == 200
        and found["workers_same"]
    )


def _served(found: Found) -> str:
    client = found["good_client"]
    return f"others got {client['ok']} responses, {found['worker_timeouts']} workers killed"


def _ended(found: Found) -> str:
    return f"all {found['slots']} get 504, others served after {found['good_client_served_after_s']} s"


def _logged(found: Found) -> str:
    return f"{len(found['logs'])} answered, every lock free, {_exit(found)}"


def _exit(found: Found) -> str:
    return f"exit {found['exit_code']} after {found['exit_s']} s of {found['graceful_s']}"


def _failed(load: Found) -> str:
    return f"{load['failed']} of {load['ok'] + load['failed']:,} requests failed"


FAULTS = (
    Fault(
        "60 connections send a byte of a header a second each",
        "slowloris_headers",
        # A worker without threads serves nobody else meanwhile, and everybody at once afterwards.
        lambda found: found["recovered_s"] < 1 and (found["cls"] == "sync" or found["good_client"]["ok"] > 0),
        _served,
        ("--timeout", "5"),
    ),
    Fault(
        "20 uploads of 1 MB send a byte a second each",
        "slow_body",
        lambda found: (
            found["good_client"]["ok"] > 0 and not found["handler_ran"] and not found["worker_timeouts"]
        ),
        _served,
        ("--seconds", "20"),
    ),
    Fault(
        "25 clients leave in the middle of an upload",
        "disconnect_upload",
        _is_refused,
        lambda found: f"all 400, no handler called, {found['tracebacks']} tracebacks",
    ),
    Fault(
        "50 clients leave in the middle of a response of 50 MB",
        "disconnect_response",
        _is_closed,
        lambda found: (
            f"{found['iterators_closed']} iterators closed, {found['rss_growth_mb']} MB more memory"
        ),
    ),
    Fault(
        "a worker is killed every two seconds",
        "kill_worker",
        lambda found: (
            max(found["respawn_s"]) < 1
            # One for each place of a worker, and as many that it had accepted before one was free.
            and found["load"]["failed"] <= 2 * found["kills"] * found["max_inflight_lost_per_kill"]
        ),
        lambda found: f"replaced in {max(found['respawn_s'])} s, {_failed(found['load'])}",
    ),
    Fault(
        "handlers wait and log for ever, one for each place and more; maxDuration is 1 s",
        "hang",
        _is_answered,
        _ended,
    ),
    Fault(
        "the same with handlers that compute and log for ever",
        "hang",
        _is_answered,
        _ended,
        ("--hang", "spin"),
    ),
    Fault(
        "requests that log, after handlers that log for ever; then TERM",
        "log_after_deadlines",
        _is_free_to_log,
        _logged,
        file="ours.py",
    ),
    Fault(
        "the same after handlers that log and compute for ever",
        "log_after_deadlines",
        _is_free_to_log,
        _logged,
        ("--hang", "spin"),
        file="ours.py",
    ),
    Fault(
        "hundreds of thousands of requests",
        "memory",
        lambda found: found["growth_kB_per_1e6_after_warmup"] < 1000,
        lambda found: (
            f"{found['samples_requests_rssMB'][-1][0]:,} requests, "
            f"{found['growth_kB_per_1e6_after_warmup']} kB more for each million"
        ),
    ),
    Fault(
        "TERM while every place is taken",
        "sigterm",
        _is_drained,
        lambda found: f"all {found['slots']} answered, exit {found['exit_code']} after {found['exit_s']} s",
    ),
    Fault(
        "HUP five times under load",
        "sighup",
        lambda found: not found["new_connections"]["failed"] and not found["keepalive"]["failed"],
        lambda found: f"{_failed(found['new_connections'])}, kept alive {_failed(found['keepalive'])}",
    ),
    Fault(
        "HUP ten times in a row, with code that takes two seconds to start; then TERM",
        "hups_then_term",
        lambda found: _ends_in_time(found) and not found["load"]["failed"],
        lambda found: f"{_failed(found['load'])}, {_exit(found)}",
        file="ours.py",
    ),
    Fault(
        "files change, break and go under load; HUP on broken code",
        "file_tree",
        _is_untouched,
        lambda found: f"{_failed(found['load'])}, the old code still serves",
    ),
    Fault(
        "uploads of 8 MB to a disk of 2 MB",
        "disk_full",
        _has_room_again,
        lambda found: f"{found['answers'].get('507', 0)} of 5 get 507, a small one after them 200",
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("tests", nargs="*", metavar="TEST", help="names of tests; all without any")
    parser.add_argument("--cls", choices=CLASSES, action="append", help="only this worker class")
    arguments = parser.parse_args()
    known = {fault.test for fault in FAULTS}
    unknown = sorted(set(arguments.tests) - known)
    if unknown:
        parser.error(f"no test is called {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    chosen = [fault for fault in FAULTS if fault.test in (arguments.tests or known)]
    classes = arguments.cls or list(CLASSES)
    rows = list(_run(chosen, classes))
    print(f"| fault | {' | '.join(classes)} |\n|---|{'---|' * len(classes)}")
    for fault in chosen:
        cells = [_verdict(fault, found) for other, _, found in rows if other is fault]
        print(f"| {fault.title} | {' | '.join(cells)} |")
    return 0 if all(_holds(fault, found) is not False for fault, _, found in rows) else 1


def _run(chosen: list[Fault], classes: list[str]) -> Iterator[tuple[Fault, str, Found]]:
    with tempfile.TemporaryDirectory() as directory:
        server = Path(directory) / "server"
        server.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "serve.py"}" "$@"\n')
        server.chmod(server.stat().st_mode | stat.S_IXUSR)
        number, count = 0, len(chosen) * len(classes)
        for fault in chosen:
            for worker_class in classes:
                number += 1
                found = _find(fault, worker_class, server)
                outcome = {True: "holds", False: "DOES NOT HOLD", None: "left out"}[_holds(fault, found)]
                print(
                    f"[{number}/{count}] {fault.test} {worker_class}: {outcome}", file=sys.stderr, flush=True
                )
                yield fault, worker_class, found


def _find(fault: Fault, worker_class: str, server: Path) -> Found:
    if fault.test == "disk_full" and os.geteuid():
        return {"left_out": "needs root"}
    command = [sys.executable, str(HERE / fault.file), fault.test, "--cls", worker_class, *fault.flags]
    environment = {**os.environ, "GUNICORN": str(server)}
    for _ in range(3):  # the full disk's test may look at a file that is closed meanwhile
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)
        found: Found = json.loads(done.stdout) if done.stdout else {"error": done.stderr}
        if "FileNotFoundError" not in found.get("error", ""):
            break
    return found


def _holds(fault: Fault, found: Found) -> bool | None:
    if "left_out" in found:
        return None
    return "error" not in found and fault.holds(found)


def _verdict(fault: Fault, found: Found) -> str:
    if "left_out" in found:
        return f"left out: {found['left_out']}"
    if "error" in found:
        return f"**fails**: {found['error']}"
    return fault.shown(found) if fault.holds(found) else f"**does not hold**: `{json.dumps(found)}`"


if __name__ == "__main__":
    sys.exit(main())
