"""The application that the corpus attacks: the handlers that it names, in production mode.

The cache is in memory, because each case has a process of its own, and what it stores is to stay there.
`on_sqlite` is the same application with the store that projects have by default, below $ATTACKED_CACHE.
"""

from __future__ import annotations

import os
from pathlib import Path

from apiroutes import App

PROJECT = Path(__file__).parent / "project"

app = App(PROJECT, mode="production", cache="memory")


def __getattr__(name: str) -> App:
    if name != "on_sqlite":
        raise AttributeError(name)
    return App(PROJECT, mode="production", cache_path=os.environ["ATTACKED_CACHE"])
