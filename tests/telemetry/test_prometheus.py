"""Metrics of requests in Prometheus's format, as a scraper reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families

from apiroutes import App
from tests.support import WSGIApplication, app_of, call, environ, project, until

Through = Callable[[App], WSGIApplication]

GET = "def GET():\n    return 'four'\n"


def samples(app: WSGIApplication) -> dict[tuple[str, ...], float]:
    """Scrape: the value of each sample, by its name and the values of its labels in order."""
    answer = call(app, "GET", "/metrics")
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_are_counted_by_method_route_and_class_of_status(tmp_path: Path, through: Through) -> None:
    name = f"counted-{through.__name__}"
    source = GET + "def PUT():\n    raise ValueError\n"
    app = through(app_of(tmp_path, source, f"{name}.py", metrics_path="/metrics"))
    route, missing = f"/api/{name}", ("http_requests_total", "GET", "none", "4xx")
    before = samples(app).get(missing, 0)
    for method, target in (
        ("GET", route),
        ("GET", route),
        ("HEAD", route),
        ("PUT", route),
        ("POST", route),
        ("PURGE", route),
        ("GET", f"{route}/"),
        ("GET", "/api/none"),
    ):
        call(app, method, target)
    after = samples(app)
    assert {
        key[1:]: value for key, value in after.items() if key[0] == "http_requests_total" and route in key
    } == {
        ("GET", route, "2xx"): 2,
        ("GET", route, "3xx"): 1,
        ("HEAD", route, "2xx"): 1,
        ("POST", route, "4xx"): 1,
        ("PUT", route, "5xx"): 1,
        ("_OTHER", route, "4xx"): 1,
    }
    assert after[missing] == before + 1


def test_the_duration_of_requests_is_a_histogram(tmp_path: Path) -> None:
    app = app_of(tmp_path, GET, "timed.py", metrics_path="/metrics")
    call(app, "GET", "/api/timed")
    found = samples(app)
    assert found["http_request_duration_seconds_count", "GET", "/api/timed"] == 1
    assert found["http_request_duration_seconds_bucket", "+Inf", "GET", "/api/timed"] == 1
    assert 0 < found["http_request_duration_seconds_sum", "GET", "/api/timed"] < 60


SIZED = {
    "text": ("def POST():\n    return 'four'\n", 4),
    "a stream": ("def POST():\n    yield 'one'\n    yield 'three'\n", 8),
    "an async stream": (
        "async def POST(res):\n    res.send(chunks())\n"
        "async def chunks():\n    yield 'one'\n    yield 'three'\n",
        8,
    ),
    "what is written": ("def POST(res):\n    res.write('one')\n    res.write('three')\n    res.end()\n", 8),
    "nothing": ("def POST(res):\n    res.status(204).end()\n", 0),
}


@pytest.mark.parametrize("kind", SIZED)
def test_the_content_of_requests_and_responses_is_measured(
    tmp_path: Path, through: Through, kind: str
) -> None:
    source, size = SIZED[kind]
    name = f"sized-{through.__name__}-{list(SIZED).index(kind)}"
    app = through(app_of(tmp_path, source, f"{name}.py", metrics_path="/metrics"))
    call(app, "POST", f"/api/{name}", body=b"12345", headers=[("Content-Type", "text/plain")])
    found = samples(app)
    assert found["http_request_size_bytes_sum", "POST", f"/api/{name}"] == 5
    assert found["http_response_size_bytes_sum", "POST", f"/api/{name}"] == size
    assert found["http_response_size_bytes_count", "POST", f"/api/{name}"] == 1


@pytest.mark.parametrize(("method", "headers"), [("HEAD", []), ("GET", [("If-None-Match", "*")])])
def test_a_response_without_content_has_no_size(
    tmp_path: Path, method: str, headers: list[tuple[str, str]]
) -> None:
    app = app_of(tmp_path, GET, f"bare-{method}.py", metrics_path="/metrics")
    call(app, method, f"/api/bare-{method}", headers=headers)
    found = samples(app)
    assert found["http_response_size_bytes_sum", method, f"/api/bare-{method}"] == 0
    assert found["http_request_size_bytes_count", method, f"/api/bare-{method}"] == 0


def test_requests_in_flight_are_those_that_have_not_ended(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def GET():\n    yield 'a'\n    yield 'b'\n", "open.py", metrics_path="/metrics")
    content: Any = app(environ("GET", "/api/open"), lambda status, headers: lambda chunk: None)
    assert samples(app)["http_requests_in_flight",] == 1
    content.close()
    assert samples(app)["http_requests_in_flight",] == 0


@pytest.mark.parametrize("start", ["def", "async def"])
def test_abandoned_handlers_are_counted_until_they_end(tmp_path: Path, through: Through, start: str) -> None:
    wait = "gate.acquire()" if start == "def" else "await hold()"
    source = (
        "import asyncio, threading\ngate = threading.Lock()\ngate.acquire()\nopen_again = asyncio.Event\n"
        "async def hold():\n"
        "    while gate.locked():\n        try:\n            await asyncio.sleep(0.01)\n"
        "        except asyncio.CancelledError:\n            pass\n"
        f"config = {{'maxDuration': 0.05}}\n{start} GET():\n    {wait}\n"
        "def PUT():\n    gate.release()\n    return 'released'\n"
    )
    app = through(app_of(tmp_path, source, "late.py", metrics_path="/metrics"))
    assert call(app, "GET", "/api/late").status == 504
    # A coroutine is abandoned once it has not ended although it was cancelled: after the response.
    until(lambda: samples(app)["apiroutes_abandoned_handlers",] == 1)
    assert call(app, "PUT", "/api/late").status == 200
    until(lambda: samples(app)["apiroutes_abandoned_handlers",] == 0)


def test_the_metrics_of_a_project_are_at_the_same_path(tmp_path: Path) -> None:
    Counter("orders_of_this_test", "Orders.").inc(3)
    assert samples(app_of(tmp_path, GET, metrics_path="/metrics"))["orders_of_this_test_total",] == 3


def test_two_apps_of_a_process_share_their_metrics(tmp_path: Path) -> None:
    apps = [app_of(tmp_path / name, GET, "both.py", metrics_path="/metrics") for name in "ab"]
    for app in apps:
        call(app, "GET", "/api/both")
    assert samples(apps[0])["http_requests_total", "GET", "/api/both", "2xx"] == 2


def test_a_scraper_may_ask_for_openmetrics(tmp_path: Path) -> None:
    app = app_of(tmp_path, GET, metrics_path="/metrics")
    accept = [("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")]
    answer = call(app, "GET", "/metrics", headers=accept)
    assert str(answer.header("Content-Type")).startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


def test_the_path_is_outside_of_all_middleware_and_of_the_metrics(tmp_path: Path, through: Through) -> None:
    refuse = [lambda req, res, next: res.status(403).end()]
    app = through(app_of(tmp_path, GET, metrics_path="/metrics", middleware=refuse))
    assert call(app, "GET", "/metrics").status == 200
    assert call(app, "HEAD", "/metrics").body == b""
    assert call(app, "POST", "/metrics").header("Allow") == "GET, HEAD"
    assert not any("/metrics" in key for key in samples(app))


def test_a_route_at_the_path_is_a_start_error(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": GET})
    with pytest.raises(Exception, match=r"metrics_path.*: pages/api/x.py answers /api/x too"):
        App(root, metrics_path="/api/x")


def test_both_kinds_of_telemetry_together(tmp_path: Path, exported: Any, through: Through) -> None:
    name = f"two-{through.__name__}"
    app = through(app_of(tmp_path, GET, f"{name}.py", metrics_path="/metrics", telemetry=True))
    call(app, "GET", f"/api/{name}")
    assert samples(app)["http_requests_total", "GET", f"/api/{name}", "2xx"] == 1
    assert exported.span().name == f"GET /api/{name}"


def test_prometheus_counts_hits(tmp_path: Path, through: Through) -> None:
    name = f"hits-{through.__name__}"
    source = "revalidate = 60\ndef GET(): return 1\n"
    app = through(app_of(tmp_path, source, f"{name}.py", metrics_path="/metrics", cache="memory"))
    for _ in range(3):
        call(app, target=f"/api/{name}")
    counted = {key: value for key, value in samples(app).items() if key[0] == "http_requests_total"}
    assert [value for key, value in counted.items() if f"/api/{name}" in key] == [3]
