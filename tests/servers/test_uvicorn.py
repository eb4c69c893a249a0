"""uvicorn's defaults, from the project's settings and from the environment."""

from __future__ import annotations

import pytest

from apiroutes.servers.uvicorn import _defaults
from apiroutes.settings import Settings
from apiroutes.sizes import Size


@pytest.mark.parametrize(
    ("settings", "environment", "expected"),
    [
        (Settings(), {}, {"host": "127.0.0.1", "port": 8000, "access_log": False}),
        (Settings(), {"PORT": "7000"}, {"host": "0.0.0.0", "port": 7000}),
        (Settings(port=9000), {"PORT": "7000"}, {"host": "127.0.0.1", "port": 9000}),
        (Settings(host="::1"), {"PORT": "7000"}, {"host": "::1", "port": 7000}),
        (Settings(), {"WEB_CONCURRENCY": "3"}, {"workers": "3"}),
        (Settings(workers=2), {"WEB_CONCURRENCY": "3"}, {"workers": 2}),
        (Settings(graceful_timeout=3), {}, {"timeout_graceful_shutdown": 3}),
        (Settings(keepalive=7), {}, {"timeout_keep_alive": 7}),
        (Settings(), {}, {"h11_max_incomplete_event_size": 2**16}),
        (Settings(max_header_size=Size(2**17, "128kb")), {}, {"h11_max_incomplete_event_size": 3 * 2**16}),
    ],
)
def test_settings_are_uvicorns_defaults(
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
