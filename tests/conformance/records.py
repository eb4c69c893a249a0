"""The recorded cases, one JSON object a line, and those that are answered differently."""

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]

DIRECTORY = Path(__file__).parent


def load(name: str) -> list[Record]:
    with (DIRECTORY / "data" / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def load_deviations() -> dict[str, str]:
    """The ids of the recorded cases that are answered differently, each with a paragraph and a reason."""
    deviations: dict[str, str] = {}
    for line in (DIRECTORY / "deviations.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, reason = line.partition(" ")
            assert name not in deviations, f"{name} is listed twice"
            deviations[name] = reason.strip()
    return deviations
