"""The goals of http.py, each about one cell or a cell and another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.cells import Cell, Measured, median_cpu, median_rate
from benchmarks.deployments import OURS, Deployment
from benchmarks.loads import LOADS


@dataclass(frozen=True)
class MostCPU:
    """The CPU time of a request, in microseconds, is at most `bound`."""

    cell: Cell
    bound: float

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.cell,)

    def report(self, measured: Measured) -> tuple[str, bool] | None:
        """Return the figure beside the bound, and whether it is reached; None without CPU times."""
        cpu = median_cpu(measured[self.cell])
        if cpu is None:
            return None
        return f"{cpu:,.0f} us of CPU, at most {self.bound:,g}", cpu <= self.bound


@dataclass(frozen=True)
class LeastRate:
    """The requests per second are at least `bound`."""

    cell: Cell
    bound: float

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.cell,)

    def report(self, measured: Measured) -> tuple[str, bool] | None:
        """Return the figure beside the bound, and whether it is reached."""
        rate = median_rate(measured[self.cell])
        return f"{rate:,.0f} requests/s, at least {self.bound:,g}", rate >= self.bound


@dataclass(frozen=True)
class LeastRatio:
    """The requests per second are at least `bound` times those of another cell."""

    cell: Cell
    bound: float
    other: Cell

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.cell, self.other)

    def report(self, measured: Measured) -> tuple[str, bool] | None:
        """Return the figure beside the bound, and whether it is reached."""
        mine, theirs = measured[self.cell], measured[self.other]
        ratio = median_rate(mine) / median_rate(theirs)
        cpu, others_cpu = median_cpu(mine), median_cpu(theirs)
        by_cpu = f" ({others_cpu / cpu:.2f} by CPU time)" if cpu and others_cpu else ""
        title = f"{self.other.deployment.title} ({LOADS[self.other.load].title})"
        return f"{ratio:.2f} times {title}{by_cpu}, at least {self.bound:g}", ratio >= self.bound


@dataclass(frozen=True)
class LeastMore:
    """The requests per second are at least `bound` more than those of another cell."""

    cell: Cell
    bound: float
    other: Cell

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.cell, self.other)

    def report(self, measured: Measured) -> tuple[str, bool] | None:
        """Return the figure beside the bound, and whether it is reached."""
        more = median_rate(measured[self.cell]) - median_rate(measured[self.other])
        title = LOADS[self.other.load].title
        return f"{more:,.0f} requests/s more than {title}, at least {self.bound:,g}", more >= self.bound


Goal = MostCPU | LeastRate | LeastRatio | LeastMore


def _ours(load: str, connections: int, server: str) -> Cell:
    return Cell(load, connections, Deployment(OURS, server))


def _theirs(load: str, connections: int, peer: str) -> Cell:
    return Cell(load, connections, Deployment(peer, "uvicorn"))


GOALS: tuple[Goal, ...] = (
    MostCPU(_ours("json", 8, "start"), 115),
    LeastRatio(_ours("json", 64, "start-granian8"), 5.5, _theirs("json_async", 64, "fastapi")),
    LeastRatio(_ours("json_async", 64, "uvicorn"), 2.5, _theirs("json_async", 64, "fastapi")),
    LeastRatio(_ours("json_async", 64, "uvicorn"), 1, _theirs("json_async", 64, "starlette")),
    LeastRate(_ours("wait5", 64, "start-granian64"), 5_000),
    LeastMore(
        _ours("cached5", 64, "start-granian8"),
        10_000,
        _ours("wait5", 64, "start-granian8"),
    ),
    LeastRate(_ours("wait50_async", 512, "uvicorn"), 8_000),
    MostCPU(_ours("upload", 8, "start"), 2_500),
    MostCPU(_ours("upload", 8, "start-granian8"), 1_100),
    MostCPU(_ours("events", 8, "start-granian8"), 75),
)
CELLS = {cell for goal in GOALS for cell in goal.cells}


def goals_report(measured: Measured) -> Iterator[tuple[str, bool]]:
    """Yield a line for each goal whose cells were measured, and whether it is reached."""
    for goal in GOALS:
        outcome = goal.report(measured) if measured.keys() >= set(goal.cells) else None
        if outcome is not None:
            text, is_reached = outcome
            yield f"{goal.cell.title}: {text}: {'reached' if is_reached else 'MISSED'}", is_reached
