"""granian's defaults, from the project's settings and from the environment."""

from __future__ import annotations

import pytest

from apiroutes.servers.granian import _defaults
from apiroutes.settings import Settings


@pytest.mark.parametrize(
    ("settings", "environment", "expected"),
    [
        (Settings(), {}, {"host": "127.0.0.1", "port": 8000, "blocking_threads": 32}),
        (Settings(), {"PORT": "7000"}, {"host": "0.0.0.0", "port": 7000}),
        (Settings(port=9000), {"PORT": "7000"}, {"host": "127.0.0.1", "port": 9000}),
        (Settings(host="::1"), {"PORT": "7000"}, {"host": "::1", "port": 7000}),
        (Settings(), {"WEB_CONCURRENCY": "3"}, {"workers": "3"}),
        (Settings(workers=2), {"WEB_CONCURRENCY": "3"}, {"workers": 2}),
        (Settings(threads=3, graceful_timeout=0), {}, {"blocking_threads": 3, "workers_kill_timeout": "2"}),
        (Settings(keepalive=0), {}, {"http1_keep_alive": False}),
        (Settings(header_timeout=0.5, keepalive=0), {}, {"http1_header_read_timeout": 500}),
        (Settings(header_timeout=7, keepalive=75), {}, {"http1_header_read_timeout": 60_000}),
    ],
)
def test_settings_are_granians_defaults(
    settings: Settings,
    environment: dict[str, str],
    expected: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PORT", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _defaults(settings).items() >= expected.items()
