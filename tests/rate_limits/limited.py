"""For tests of limits: projects with one, and what its answers say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from apiroutes import App
from tests.support import Answer, call, project

LIMITED = "from apiroutes.middleware import rate_limit\nmiddleware = [rate_limit({arguments})]\n"
OK = "def handler(req, res):\n    res.json({'ok': True})\n"


def limited_app(root: Path, arguments: str, handler: str = OK, before: str = "", **settings: Any) -> App:
    """An App whose one route, /api/x, has a limit of the project."""
    files = {"middleware.py": before + LIMITED.format(arguments=arguments), "pages/api/x.py": handler}
    return App(project(root, files), **{"rate_limit_store": "memory", **settings})


def statuses(app: Any, times: int, *arguments: Any, **extra: Any) -> list[int]:
    return [call(app, *arguments, **extra).status for _ in range(times)]


def admitted(app: Any, addresses: Iterable[str | None], **extra: Any) -> list[bool]:
    """Whether requests from these addresses are let through."""
    return [call(app, REMOTE_ADDR=address, **extra).status == 200 for address in addresses]


def left_of(answer: Answer) -> dict[str, tuple[int, int]]:
    """What RateLimit says: by the name of a policy, what is left, and the seconds."""
    field = answer.header("RateLimit") or ""
    members = re.fullmatch(r'("[^"]+";r=\d+;t=\d+)(, "[^"]+";r=\d+;t=\d+)*', field)
    assert members or not field, field
    return {name: (int(r), int(t)) for name, r, t in re.findall(r'"([^"]+)";r=(\d+);t=(\d+)', field)}
