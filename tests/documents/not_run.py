"""Commands of the documents that no test executes as they stand, with the reasons.

`like` is the test that runs the like, where there is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class NotRun:
    """A regular expression that the start of a command matches, on all pages or on one."""

    command: str
    reason: str
    like: str | None = None
    page: str | None = None

    def covers(self, text: str, page: str) -> bool:
        return self.page in (None, page) and re.match(self.command, text) is not None


_DEPLOYMENT = "docs/deployment.md"
_QUEUE = "examples/queue/README.md"

NOT_RUN = [
    NotRun(r"git clone ", "fetches from the network"),
    NotRun(r"(?:python -m )?pip install ", "installs packages, which the tests have"),
    NotRun(r"python3? -m venv ", "belongs to the installation of packages"),
    NotRun(
        r"pip wheel |docker (build|run) ",
        "needs Docker, and images from the network",
        "tests/acceptance/test_tutorial.py::test_its_container_serves_the_project",
        "docs/tutorial.md",
    ),
    # A list of ways to start, without a project.
    NotRun(r"apiroutes check ", "has no project", "tests/cli/test_commands.py", _DEPLOYMENT),
    NotRun(
        r"apiroutes start( --server granian)? +#",
        "has no project",
        "tests/acceptance/test_asgi_start.py",
        _DEPLOYMENT,
    ),
    NotRun(
        r"apiroutes start -- --certfile ", "has no certificate", "tests/servers/test_gunicorn.py", _DEPLOYMENT
    ),
    NotRun(r"kill -HUP ", "has no process", "tests/acceptance/test_reloads.py", _DEPLOYMENT),
    NotRun(r"(gunicorn|uvicorn) ", "has no project", "tests/servers/test_factory.py", _DEPLOYMENT),
    NotRun(r"(systemctl|journalctl|cd /srv/shop) ", "is for a service", "tests/acceptance/test_systemd.py"),
    NotRun(
        r"(cp -r pages|cd package)",
        "has no packages to copy",
        "tests/test_lambda_handler.py",
        "docs/deployment/lambda.md",
    ),
    NotRun(r"kubectl ", "needs a cluster", "tests/acceptance/test_kubernetes.py"),
    NotRun(r"docker ", "needs a daemon", "tests/acceptance/test_container.py"),
    NotRun(
        r"(pip wheel|uv pip compile) ",
        "fetches from the network",
        "tests/acceptance/test_locked_installs.py",
    ),
    NotRun(r"alembic ", "needs Alembic, which the tests lack", page="docs/how-to/databases.md"),
    NotRun(r"python -m benchmarks\.", "measures for minutes", "tests/test_benchmarks.py"),
    NotRun(
        r"apiroutes check$",
        "finds mistakes in files that the page does not show",
        "tests/test_documents.py::test_the_mistakes_that_a_page_shows_are_reported",
        "docs/routes.md",
    ),
    NotRun(
        r"APIROUTES_BODY_SIZE_LIMIT=5mb ",
        "has no project",
        "tests/settings/test_setting_sources.py",
        "docs/settings.md",
    ),
    NotRun(
        r"apiroutes start$",
        "has no collector of spans",
        "tests/telemetry/test_open_telemetry.py",
        "docs/telemetry.md",
    ),
    NotRun(
        r"huey_consumer |curl localhost:8000/api/orders/1",
        "waits for a queue's worker",
        "examples/queue/test_worker.py",
        _QUEUE,
    ),
    NotRun(
        r"python -m http\.server 3000 ",
        "needs a port that may be taken",
        "examples/cors/test_in_a_browser.py",
        "examples/cors/README.md",
    ),
    NotRun(
        r"python -m http\.server 9000 |curl .*/api/service",
        "needs a port that may be taken",
        "examples/proxy/test_proxy.py",
        "examples/proxy/README.md",
    ),
]


def reason_not_to_run(text: str, page: str) -> str | None:
    """Why a command is not executed, or None."""
    return next((row.reason for row in NOT_RUN if row.covers(text, page)), None)
