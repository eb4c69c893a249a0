"""The application that the corpora attack: the handlers that they name, in production mode.

The cache is in memory, because each case has a process of its own, and what it stores is to stay there.
`on_sqlite` is the same application with the store that projects have by default, below $ATTACKED_CACHE.
"""

from __future__ import annotations

import os

from apiroutes import App
from tests.attacks.attacked import PROJECT, SETTINGS

app = App(PROJECT, cache="memory", **SETTINGS)


def __getattr__(name: str) -> App:
    if name != "on_sqlite":
        raise AttributeError(name)
    return App(PROJECT, cache_path=os.environ["ATTACKED_CACHE"], **SETTINGS)
