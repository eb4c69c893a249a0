"""gunicorn's defaults, from the project's settings and from the environment."""

from __future__ import annotations

import os
from typing import Any

import pytest
from gunicorn.http.message import Request as HTTPRequest
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gasgi import ASGIWorker
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

from apiroutes.servers.gunicorn import _defaults, _Gunicorn
from apiroutes.servers.gunicorn_workers import _can_linger
from apiroutes.settings import Settings
from apiroutes.sizes import Size


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "WEB_CONCURRENCY", "APIROUTES_THREADS"):
        monkeypatch.delenv(name, raising=False)


def test_without_settings_gunicorn_chooses_the_address() -> None:
    assert "bind" not in _defaults(Settings())


BINDS = [
    (Settings(port=9000), None, "127.0.0.1:9000"),
    (Settings(host="0.0.0.0"), None, "0.0.0.0:8000"),
    (Settings(host="::1", port=9000), None, "[::1]:9000"),
    (Settings(host="0.0.0.0"), "7000", "0.0.0.0:7000"),
    (Settings(host="0.0.0.0", port=0), "7000", "0.0.0.0:0"),
]


@pytest.mark.parametrize(("settings", "port", "bind"), BINDS)
def test_host_and_port_make_the_address(
    settings: Settings, port: str | None, bind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if port is not None:
        monkeypatch.setenv("PORT", port)
    assert _defaults(settings)["bind"] == bind


def test_web_concurrency_counts_where_the_project_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    assert "workers" not in _defaults(Settings())
    assert _defaults(Settings(workers=2))["workers"] == 2


def test_there_is_a_worker_for_each_cpu() -> None:
    assert _defaults(Settings())["workers"] >= 1


def test_gunicorns_control_socket_is_off() -> None:
    assert _defaults(Settings())["control_socket_disable"] is True


# Flags, and whether a request that comes through a Unix socket may tell its scheme.
NAMED = "--forwarded-allow-ips"
PROXIES = [([], False), ([NAMED, "192.0.2.1"], True), ([NAMED, "*"], True)]


@pytest.mark.parametrize(("flags", "is_believed"), PROXIES)
def test_a_proxy_is_believed_where_one_is_named(
    flags: list[str], is_believed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    monkeypatch.setattr("sys.argv", ["apiroutes", *flags, "apiroutes:create_app()"])
    config = _Gunicorn(Settings(), "").cfg
    assert [bool(config.secure_scheme_headers), bool(config.forwarder_headers)] == [is_believed] * 2


# A setting, flags, and the bytes of a request line that gunicorn takes.
KB = 2**10
LINES = [
    (Settings(), [], 72 * KB),
    (Settings(max_target_size=Size(16 * KB, "16kb")), [], 80 * KB),
    (Settings(max_target_size=Size(16 * KB, "16kb")), ["--limit-request-line", "100"], 100),
]


@pytest.mark.parametrize(("settings", "flags", "line"), LINES)
def test_a_request_line_is_longer_than_what_the_app_refuses(
    settings: Settings, flags: list[str], line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["apiroutes", *flags, "apiroutes:create_app()"])
    config = _Gunicorn(settings, "").cfg
    parsed = HTTPRequest(config, IterUnreader([b"GET / HTTP/1.1\r\n\r\n"]), ("", 0))
    assert parsed.limit_request_line == line


FLAGS = [
    ([], "gthread", 16),
    (["--worker-class", "sync"], "sync", 1),
    (["--worker-class", "sync", "--threads", "4"], "gthread", 4),
    (["--threads", "2"], "gthread", 2),
    (["--worker-class", "gthread", "--threads", "1"], "gthread", 1),
    (["--worker-class", "asgi"], "asgi", 1),
    (["--worker-class", "asgi", "--threads", "4"], "asgi", 1),
]


@pytest.mark.parametrize(("flags", "worker_class", "threads"), FLAGS)
def test_the_requested_worker_class_runs(
    flags: list[str], worker_class: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["apiroutes", *flags, "apiroutes:create_app()"])
    config = _Gunicorn(Settings(), "").cfg
    base = {"gthread": ThreadWorker, "sync": SyncWorker, "asgi": ASGIWorker}[worker_class]
    assert issubclass(config.worker_class, base)
    assert config.worker_class.__name__ == worker_class
    assert config.threads == threads


# The setting `interface`, gunicorn's flags, the worker class, and what makes the application.
INTERFACES = [
    ("auto", [], "gthread", "create_app"),
    ("wsgi", [], "gthread", "create_app"),
    ("asgi", [], "asgi", "create_asgi_app"),
    ("asgi", ["--worker-class", "sync"], "sync", "create_app"),
    ("wsgi", ["--worker-class", "asgi"], "asgi", "create_asgi_app"),
]


@pytest.mark.parametrize(("interface", "flags", "worker_class", "factory"), INTERFACES)
def test_the_worker_class_decides_the_interface(
    interface: str, flags: list[str], worker_class: str, factory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["apiroutes", *flags, "apiroutes:create_app()"])
    gunicorn = _Gunicorn(Settings(interface=interface), "")
    assert gunicorn.cfg.worker_class.__name__ == worker_class
    assert gunicorn.app_uri == f"apiroutes:{factory}()"


@pytest.mark.parametrize(
    ("settings", "flags", "threads"),
    [
        (Settings(), [], None),
        (Settings(threads=16), [], "16"),
        (Settings(threads=16), ["--threads", "4"], "4"),
    ],
)
def test_threads_are_the_apps_under_asgi(
    settings: Settings, flags: list[str], threads: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {**os.environ})
    monkeypatch.setattr("sys.argv", ["apiroutes", "--worker-class", "asgi", *flags, "apiroutes:create_app()"])
    _Gunicorn(settings, "")
    assert os.environ.get("APIROUTES_THREADS") == threads


# -- other versions of gunicorn


def test_this_gunicorn_has_what_lingering_needs() -> None:
    assert _can_linger()


CHANGES: dict[str, Any] = {
    "finish_request": lambda self, conn: None,  # other parameters
    "enqueue_req": None,  # another name
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_gunicorns_threads_do_not_linger(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if CHANGES[name] is None:
        monkeypatch.delattr(ThreadWorker, name)
    else:
        monkeypatch.setattr(ThreadWorker, name, CHANGES[name])
    assert not _can_linger()
