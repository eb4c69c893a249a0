"""The project that the corpora attack, and its settings: all that is counted or cached is a process's own."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent / "project"
KEYS: dict[str, str] = runpy.run_path(str(PROJECT / "attacked_keys.py"))
SETTINGS: dict[str, Any] = {
    "mode": "production",
    "secret_key": KEYS["SIGNING"],
    "rate_limit_store": "memory",
}
