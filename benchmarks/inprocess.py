"""What does one request cost in the application alone, beside the same endpoints written with others?

No sockets: each call gets a fresh copy of a gunicorn-like environ, a fresh BytesIO for the content and a
real start_response; the iterable is consumed and closed. In one process, every peer runs every workload in
turn, round after round. A figure is CPU time, which other load disturbs least: the median of the rounds, less
that of an empty application. Goals are ratios to Falcon; a peer that is ahead of us is named beside them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import thread_time_ns

if __spec__ is None:  # run as a file: the modules beside it (http, falcon) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.commandline import names_of, positive
from benchmarks.contenders import EMPTY, Contender, DifferentResponseError, contenders, empty_application
from benchmarks.machine import machine_line
from benchmarks.peers import PEERS, Peer, installed_peers
from benchmarks.tables import progress, table
from benchmarks.timing import Figures, measure
from benchmarks.variants import report_variants
from benchmarks.workloads import WORKLOADS, Workload

# The highest ratio to Falcon.
GOALS = {
    "W1": 0.28,
    "W2": 0.42,
    "W3": 0.42,
    "W4": 0.66,
    "W5": 0.90,
    "W6": 0.31,
    "W7": 0.08,
    "W8": 0.42,
    "W9": 0.52,
    "W10": 1.20,
    "W10n": 0.70,
    "W3g": 0.35,
    "W4g": 0.57,
    "W5g": 0.85,
    "W9g": 0.48,
}
# The most nanoseconds, where no figure of Falcon's is like it.
BOUNDS = {"W11": 4_000, "W11s": 4_000, "W11g": 4_000, "W11sg": 4_000}
OURS, REFERENCE = "apiroutes", "falcon"
# Hand-written applications check nothing; they are a limit, not peers to be ahead of.
LIMITS = ("json", "msgspec")


def ratios(figures: Figures) -> Figures:
    """Return every peer's figures as a ratio to Falcon's; empty if Falcon did not run."""
    if REFERENCE not in figures:
        return {}
    reference = figures[REFERENCE]
    return {
        peer: {name: row[name] / reference[name] for name in row if name in reference}
        for peer, row in figures.items()
        if peer != EMPTY
    }


def report(figures: Figures, workloads: Sequence[Workload]) -> Iterator[str]:
    """Yield the lines of the tables: nanoseconds, then ratios, of each group of workloads."""
    groups: dict[str, list[str]] = {}
    for workload in workloads:
        groups.setdefault(workload.group, []).append(workload.name)
        yield f"{workload.name:5} {workload.title}"
    for unit, form, measured in (("ns", ",.0f", figures), ("ratio to Falcon", ".2f", ratios(figures))):
        for group, names in groups.items() if measured else ():
            rows = {_title(peer): _cells(row, names, form) for peer, row in measured.items()}
            yield from ("", *table(f"{unit}, {group}", names, rows))


def _title(peer: str) -> str:
    return "(empty, subtracted)" if peer == EMPTY else PEERS[peer].title


def _cells(row: Mapping[str, float], names: Sequence[str], form: str) -> list[str]:
    return [format(row[name], form) if name in row else "-" for name in names]


def goals_report(figures: Figures) -> tuple[list[str], bool]:
    """Return a line for each goal that was measured, and whether all of them were reached."""
    ours = ratios(figures)[OURS]
    lines, all_reached = [], True
    for workload, goal in GOALS.items():
        if workload in ours:
            ahead = _ahead_of_us(figures, workload)
            reached = ours[workload] <= goal
            all_reached = all_reached and reached
            behind = f", behind {' and '.join(ahead)}" if ahead else ""
            verdict = "reached" if reached else "MISSED"
            lines.append(f"{workload:5} {ours[workload]:.3f}  goal <= {goal:.2f}  {verdict}{behind}")
    for workload, bound in BOUNDS.items():
        if workload in figures[OURS]:
            nanoseconds = figures[OURS][workload]
            all_reached = all_reached and nanoseconds <= bound
            verdict = "reached" if nanoseconds <= bound else "MISSED"
            lines.append(f"{workload:5} {nanoseconds:,.0f} ns  goal <= {bound:,} ns  {verdict}")
    return lines, all_reached


def _ahead_of_us(figures: Figures, workload: str) -> list[str]:
    ours = figures[OURS][workload]
    others = [peer for peer, row in figures.items() if peer not in (OURS, EMPTY, *LIMITS) and workload in row]
    return [_title(peer) for peer in others if figures[peer][workload] < ours]


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--rounds", type=positive, default=80, help="interleaved rounds (default: %(default)s)")
    add("--only", type=names_of(WORKLOADS), default=list(WORKLOADS), metavar="W1,W3", help="workloads to run")
    add("--peers", type=names_of(PEERS), default=list(PEERS), metavar="NAMES", help=f"of {','.join(PEERS)}")
    add("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    add("--variants", action="store_true", help="only what parts of apiroutes cost: middleware, async, ...")
    add(
        "--typed", action="store_true", help="only typed requests, beside FastAPI too; exit status as --goals"
    )
    add("--goals", action="store_true", help="compare with the goals; exit status 1 when one is missed")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse_arguments(arguments)
    if chosen.variants:
        return report_variants(chosen.rounds, chosen.goals)
    if chosen.typed:
        return run_typed(chosen.rounds)
    peers = installed_peers(chosen.peers)
    if chosen.goals and not {OURS, REFERENCE} <= {peer.key for peer in peers}:
        print(f"--goals needs both {OURS} and {REFERENCE}", file=sys.stderr)
        return 2
    workloads = [WORKLOADS[name]() for name in chosen.only]
    try:
        all_contenders = checked_contenders(peers, workloads)
    except DifferentResponseError as error:
        print(error, file=sys.stderr)
        return 1
    figures = measure(all_contenders, chosen.rounds, thread_time_ns)
    machine = machine_line([peer.needs for peer in peers if peer.needs])
    print(f"{machine}; {chosen.rounds} rounds\n")
    print("\n".join(report(figures, workloads)))
    if chosen.json:
        document = {"machine": machine, "rounds": chosen.rounds, "nanoseconds": figures}
        document["ratios"] = ratios(figures)
        chosen.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if not chosen.goals:
        return 0
    lines, reached = goals_report(figures)
    print("\n".join(["", *lines]))
    return 0 if reached else 1


def run_typed(rounds: int) -> int:
    try:
        typed = importlib.import_module("benchmarks.typed")
    except ImportError as error:
        print(f"--typed needs the frameworks that it compares: {error}", file=sys.stderr)
        return 2
    return 0 if typed.compare(rounds) else 1


def checked_contenders(peers: Sequence[Peer], workloads: Sequence[Workload]) -> list[Contender]:
    """Return all contenders, one workload after the other. Raises DifferentResponseError."""
    all_contenders = [Contender(EMPTY, workload, empty_application) for workload in workloads]
    for peer in peers:
        progress(f"checking {peer.title}")
        all_contenders.extend(contenders(peer, workloads))
    places = {workload.name: place for place, workload in enumerate(workloads)}
    return sorted(all_contenders, key=lambda contender: places[contender.workload.name])


if __name__ == "__main__":
    sys.exit(main())
