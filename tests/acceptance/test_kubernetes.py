"""The Deployment, budget and Service of examples/deployment: their numbers, and the end of a pod in use."""

from __future__ import annotations

import http.client
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from apiroutes import Settings
from apiroutes.servers.defaults import MARGIN_SECONDS
from tests.acceptance.locks import EXAMPLE
from tests.acceptance.servers import SECONDS, listening_port, running
from tests.documents.reading import read
from tests.support import until

pytestmark = pytest.mark.slow

DEPLOYMENT, BUDGET, SERVICE = yaml.safe_load_all((EXAMPLE / "kubernetes.yaml").read_text(encoding="utf-8"))
TEMPLATE: dict[str, Any] = DEPLOYMENT["spec"]["template"]
POD: dict[str, Any] = TEMPLATE["spec"]
(CONTAINER,) = POD["containers"]
VARIABLES: dict[str, str] = {item["name"]: item["value"] for item in CONTAINER["env"] if "value" in item}
READINESS, LIVENESS, STARTUP = (CONTAINER[f"{name}Probe"] for name in ("readiness", "liveness", "startup"))
DELAY = float(VARIABLES["APIROUTES_SHUTDOWN_DELAY"])
DOCKERFILE = (EXAMPLE / "Dockerfile").read_text(encoding="utf-8")


def least(probe: dict[str, Any]) -> float:
    """The seconds until a probe has failed at the earliest: it asks at once, and is refused at once."""
    return float((probe["failureThreshold"] - 1) * probe["periodSeconds"])


def longest(probe: dict[str, Any]) -> float:
    """The seconds until a probe has failed at the latest: it has just asked, and its last one times out."""
    return float(probe["failureThreshold"] * probe["periodSeconds"] + probe["timeoutSeconds"])


# -- the numbers


def test_a_pod_has_the_time_to_finish_its_requests() -> None:
    assert POD["terminationGracePeriodSeconds"] > DELAY + Settings().graceful_timeout + MARGIN_SECONDS


def test_the_readiness_has_failed_before_the_server_stops_to_listen() -> None:
    # The path answers at once while the server stops: a time-out does not count.
    assert READINESS["failureThreshold"] * READINESS["periodSeconds"] < DELAY


def test_a_probe_waits_for_the_checks_of_the_project() -> None:
    assert READINESS["timeoutSeconds"] > Settings().check_timeout


def test_a_slow_start_is_not_killed() -> None:
    assert STARTUP["failureThreshold"] * STARTUP["periodSeconds"] > Settings().start_timeout


def test_a_worker_that_is_replaced_does_not_cost_the_pod() -> None:
    assert LIVENESS["timeoutSeconds"] < LIVENESS["periodSeconds"]  # else the least time is another one
    assert least(LIVENESS) > max(Settings().timeout, Settings().abandon_timeout)


def test_the_page_tells_the_patience_of_the_liveness() -> None:
    page = " ".join(read("docs/deployment/kubernetes.md").split())
    assert (
        f"{least(LIVENESS):.0f} to {longest(LIVENESS):.0f} seconds after the process stopped responding"
        in page
    )


def test_all_refer_to_each_other() -> None:
    labels = DEPLOYMENT["spec"]["selector"]["matchLabels"]
    assert labels.items() <= TEMPLATE["metadata"]["labels"].items()
    (spread,) = POD["topologySpreadConstraints"]
    assert SERVICE["spec"]["selector"] == labels
    assert BUDGET["spec"]["selector"] == spread["labelSelector"] == {"matchLabels": labels}
    (port,) = CONTAINER["ports"]
    probes = [probe["httpGet"]["port"] for probe in (READINESS, LIVENESS, STARTUP)]
    assert {port["name"]} == {SERVICE["spec"]["ports"][0]["targetPort"], *probes}
    volumes = {volume["name"] for volume in POD["volumes"]}
    assert volumes == {mount["name"] for mount in CONTAINER["volumeMounts"]}


def test_draining_nodes_leaves_a_pod() -> None:
    assert 0 < BUDGET["spec"]["maxUnavailable"] < DEPLOYMENT["spec"]["replicas"]


def test_the_pod_fits_the_image() -> None:
    assert f"PORT={CONTAINER['ports'][0]['containerPort']}" in DOCKERFILE
    assert f"USER {POD['securityContext']['fsGroup']}:{POD['securityContext']['fsGroup']}" in DOCKERFILE
    assert {mount["mountPath"] for mount in CONTAINER["volumeMounts"]} == {"/tmp", "/app/.apiroutes"}


# -- an end under load


@dataclass
class Pod:
    """A server, whose readiness is asked for as the Deployment says."""

    port: int
    is_ready: bool = True
    failures: int = field(default=0)

    def ask(self) -> None:
        try:
            status = get(self.port, READINESS["httpGet"]["path"], READINESS["timeoutSeconds"])
        except OSError:
            status = 0
        self.failures = 0 if status == 200 else self.failures + 1
        self.is_ready = self.failures < READINESS["failureThreshold"]


def get(port: int, path: str, seconds: float = SECONDS) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status


def test_no_request_fails_while_a_pod_ends(tmp_path: Path) -> None:
    root = Path(shutil.copytree(EXAMPLE, tmp_path / "shop"))
    command = [sys.executable, "-m", "apiroutes", "start", "--", "--bind", "127.0.0.1:0"]
    with ExitStack() as stack:
        logs = [tmp_path / "first", tmp_path / "second"]
        processes = [stack.enter_context(running(command, log, VARIABLES, root)) for log in logs]
        pods = [Pod(listening_port(process, log)) for process, log in zip(processes, logs)]
        leaving, staying = pods
        failures: list[str] = []
        is_over = threading.Event()

        def load() -> None:
            while not is_over.is_set():
                for pod in (pod for pod in pods if pod.is_ready):
                    try:
                        status = get(pod.port, "/api/hello")
                    except OSError as error:
                        failures.append(repr(error))
                    else:
                        failures.extend([str(status)] if status != 200 else [])

        def probe() -> None:
            while not is_over.wait(READINESS["periodSeconds"]):
                for pod in pods:
                    pod.ask()

        with InThreads([load, load, probe], is_over):
            processes[0].terminate()
            began = time.monotonic()
            until(lambda: not leaving.is_ready)
            assert processes[0].poll() is None  # it still answers those who do not know yet
            assert processes[0].wait(POD["terminationGracePeriodSeconds"]) == 0
            assert time.monotonic() - began >= DELAY
        assert failures == []
        assert staying.is_ready


class InThreads(ExitStack):
    """Run functions in threads until the block ends."""

    def __init__(self, functions: list[Callable[[], None]], is_over: threading.Event) -> None:
        super().__init__()
        for function in functions:
            thread = threading.Thread(target=function)
            thread.start()
            self.callback(thread.join)
        self.callback(is_over.set)  # the first one to be called
