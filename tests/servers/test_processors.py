"""How many processors a process counts on, with the control groups of a directory of the test's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from apiroutes.servers.processors import usable_processors

ALL = 8


@pytest.fixture(autouse=True)
def _processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(ALL)), raising=False)


@pytest.mark.parametrize(
    ("groups", "membership", "usable"),
    [
        ({}, "", ALL),
        ({"cpu.max": "max 100000\n"}, "0::/\n", ALL),
        ({"cpu.max": "200000 100000\n"}, "0::/\n", 2),
        ({"cpu.max": "150000 100000\n"}, "0::/\n", 2),
        ({"cpu.max": "50000 100000\n"}, "0::/\n", 1),
        ({"cpu.max": "25000 50000\n"}, "0::/\n", 1),
        ({"cpu.max": "0 100000\n"}, "0::/\n", 1),
        ({"cpu.max": "9900000 100000\n"}, "0::/\n", ALL),
        ({"shop.slice/shop.service/cpu.max": "300000 100000\n"}, "0::/shop.slice/shop.service\n", 3),
        ({"shop.slice/cpu.max": "300000 100000\n"}, "0::/shop.slice/shop.service\n", 3),
        ({"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "500000 100000\n"}, "0::/a/b\n", 2),
        ({"other/cpu.max": "100000 100000\n"}, "0::/shop\n", ALL),
        ({"cpu.max": "200000 100000\n"}, "4:memory:/\n0::/\n", 2),
        ({"cpu.max": "200000 100000\n"}, "4:memory:/\n1:cpu:/\n", ALL),
        ({"cpu.max": "200000\n"}, "0::/\n", ALL),
        ({"cpu.max": "200000 0\n"}, "0::/\n", ALL),
        ({"cpu.max": "\n"}, "0::/\n", ALL),
        ({"cpu.max": "-1 100000\n"}, "0::/\n", ALL),
    ],
)
def test_a_limit_of_the_control_group_counts(
    groups: Mapping[str, str], membership: str, usable: int, tmp_path: Path
) -> None:
    for name, text in groups.items():
        file = tmp_path / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "membership").write_text(membership)
    assert usable_processors(tmp_path / "cgroup", tmp_path / "membership") == usable


def test_a_group_above_the_directory_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "membership").write_text("0::/../..\n")
    assert usable_processors(tmp_path / "cgroup", tmp_path / "membership") == ALL


def test_it_is_at_most_the_processors_that_the_process_may_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert usable_processors() == 1
