"""Attacks known from advisories of other frameworks, each in a process of its own, with its limits.

`runner.py` and `corpus.jsonl` come from outside and stay unchanged; they attack `app.py` and `project/`, as
`ours.jsonl` does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests import interfaces
from tests.attacks import ours

HERE = Path(__file__).parent
TOP = HERE.parents[1]
SECONDS = 170


CORPUS = HERE / "corpus.jsonl"
ON_SQLITE = "tests.attacks.app:on_sqlite"
APPS = {
    "wsgi": "tests.attacks.app:app",
    "asgi": "tests.attacks.over_asgi:asgi",
    "asgi-loop": "tests.attacks.over_asgi:asgi_loop",
}


def attack(
    results: Path, *flags: str, application: str = "", corpus: Path = CORPUS, **variables: str
) -> list[dict[str, Any]]:
    command = [sys.executable, str(HERE / "runner.py"), application or APPS[interfaces.chosen()]]
    command += ["--corpus", str(corpus), "--known", str(known(results.parent))]
    # The time limits assume an idle machine.
    command += ["--json", str(results), "--scale", "3", *flags]
    done = subprocess.run(
        command, cwd=TOP, env=os.environ | variables, timeout=SECONDS, capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    cases: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))
    return cases


def known(directory: Path) -> Path:
    """Write the list of the cases that fail through the tests' interface."""
    lines = (HERE / "known.txt").read_text(encoding="utf-8").splitlines()
    corpus = "tests/attacks/corpus.jsonl::"
    for deviation in interfaces.deviations():
        if interfaces.chosen() in deviation.interfaces and deviation.pattern.startswith(corpus):
            lines.append(f"{deviation.pattern.removeprefix(corpus)}  # {deviation.reason}")
    path = directory / "known.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("flags", [(), ("--terminated",)], ids=["plain", "as under gunicorn"])
def test_every_attack_is_withstood(tmp_path: Path, flags: tuple[str, ...]) -> None:
    if flags and interfaces.chosen() != "wsgi":
        pytest.skip("every ASGI server says where content ends")
    results = attack(tmp_path / "results.json", *flags)
    assert failures_of(results) == {}
    assert sum(case["outcome"] == "pass" for case in results) > 700


def test_attacks_of_our_own_are_withstood(tmp_path: Path) -> None:
    """Those on sessions, CSRF checks, tokens, rate limits and webhooks."""
    results = attack(tmp_path / "results.json", corpus=ours.FILE)
    assert failures_of(results) == {}
    passed = Counter(case["area"] for case in results if case["outcome"] == "pass")
    assert min(passed[area] for area in ("session", "csrf", "jwt", "ratelimit", "webhook")) > 80


def test_attacks_of_our_own_are_as_they_are_made() -> None:
    assert ours.FILE.read_text(encoding="utf-8") == ours.text(), "run `python -m tests.attacks.ours`"
    cases = ours.cases()
    assert len({case["id"] for case in cases}) == len(cases)
    assert [case["id"] for case in cases if case["area"] != "sanity" and not case.get("cve")] == []


def test_attacks_on_the_cache_are_withstood_by_a_store_that_all_share(tmp_path: Path) -> None:
    if interfaces.chosen() != "wsgi":
        pytest.skip("the store knows no interface")
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    cases = [case for case in map(json.loads, lines) if case["area"] in ("cache", "sanity")]
    corpus = tmp_path / "corpus.jsonl"
    # A case's process opens the store's files, and keeps them.
    corpus.write_text("\n".join(json.dumps({**case, "allow_fds": True}) for case in cases), encoding="utf-8")
    variables = {"ATTACKED_CACHE": str(tmp_path / "cache.db")}
    results = attack(tmp_path / "results.json", application=ON_SQLITE, corpus=corpus, **variables)
    assert failures_of(results) == {}
    assert {case["outcome"] for case in results} == {"pass"}


def failures_of(results: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return what is wrong with the cases that fail, and with those that lack a handler."""
    wrong = ("fail", "unexpected-pass", "skip")
    return {case["id"]: case["problems"] for case in results if case["outcome"] in wrong}


def test_exceptions_are_few_and_have_reasons() -> None:
    lines = (HERE / "known.txt").read_text(encoding="utf-8").splitlines()
    cases = [line.partition("#") for line in lines if not line.startswith("#")]
    assert len(cases) < 15
    assert all(name.strip() and reason.strip() for name, _, reason in cases)
