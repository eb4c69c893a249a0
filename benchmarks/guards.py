"""What do a CSRF check and a token add to a route? And the goals of all that guards one.

Each is measured beside the same route without it, with the same requests. `variants.py` reports the figures,
with those of sessions and limits.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time_ns

from apiroutes import App
from benchmarks.contenders import EMPTY, Contender, check_responses, empty_application
from benchmarks.peers import PEERS
from benchmarks.timing import measure
from benchmarks.workloads import WORKLOADS, Workload

# The most nanoseconds that each may add.
GOALS = {
    "a signed session, read": 12_000,
    "a rate limit, on SQLite": 25_000,
    "a rate limit, in memory": 25_000,
    "a CSRF check": 500,
    "a token of HS256": 30_000,
    "a bearer token": 5_000,
}
KEY = "9c1e5a7b3d2f4068a1b9c8d7e6f5041320aebdcf"
ANSWER = "res.json({'message': 'Hello'})"


@dataclass(frozen=True)
class Guard:
    """What stands before a route's handler, and what requests have that pass it."""

    source: str
    method: str = "GET"
    environ: Mapping[str, str] = field(default_factory=dict)


def _token() -> str:
    claims = {"sub": "ada", "aud": "api", "iss": "us", "exp": 4_102_444_800}
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256"}, claims)]
    signature = hmac.new(KEY.encode(), b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, urlsafe_b64encode(signature).rstrip(b"=")]).decode()


GUARDS = {
    "a CSRF check": Guard(
        "from apiroutes.middleware import csrf\nmiddleware = [csrf()]\n",
        "POST",
        {"HTTP_SEC_FETCH_SITE": "same-origin", "HTTP_ORIGIN": "http://localhost"},
    ),
    "a token of HS256": Guard(
        "from apiroutes import use\nfrom apiroutes.middleware import jwt\n"
        f"@use(jwt({KEY!r}, algorithms=['HS256'], audience='api', issuer='us'))\n",
        environ={"HTTP_AUTHORIZATION": f"Bearer {_token()}"},
    ),
    "a bearer token": Guard(
        f"from apiroutes.middleware import bearer\nmiddleware = [bearer({{'ada': {KEY!r}}})]\n",
        environ={"HTTP_AUTHORIZATION": f"Bearer {KEY}"},
    ),
}


def measure_guards(rounds: int) -> dict[str, float]:
    """Return the nanoseconds that each adds to its route."""
    with TemporaryDirectory() as root:
        routes = Path(root, "pages/api")
        routes.mkdir(parents=True)
        for number, guard in enumerate(GUARDS.values()):
            handler = f"def {guard.method}(req, res): {ANSWER}\n"
            (routes / f"with{number}.py").write_text(guard.source + handler, encoding="utf-8")
            (routes / f"without{number}.py").write_text(handler, encoding="utf-8")
        figures = measure([*_contenders(App(root))], rounds, thread_time_ns)
    return {name: figures[name]["W1"] - figures[_without(name)]["W1"] for name in GUARDS}


def _contenders(application: App) -> Iterator[Contender]:
    workload = replace(WORKLOADS["W1"](), calls=2000)
    yield Contender(EMPTY, workload, empty_application)
    for number, (name, guard) in enumerate(GUARDS.items()):
        for path, contender in ((f"/api/with{number}", name), (f"/api/without{number}", _without(name))):
            sent = _sending(workload, {"REQUEST_METHOD": guard.method, **guard.environ}, path)
            check_responses(PEERS["apiroutes"], sent, application)
            yield Contender(contender, sent, application)


def _without(name: str) -> str:
    return f"without {name}"


def _sending(workload: Workload, environ: Mapping[str, str], path: str) -> Workload:
    (request,) = workload.requests
    changed = {**request.environ, **environ, "PATH_INFO": path, "RAW_URI": path}
    return replace(workload, requests=(replace(request, environ=changed),))


def goals_report(more: Mapping[str, float]) -> tuple[list[str], bool]:
    """Return a line for each goal, and whether all of them were reached."""
    lines, all_reached = [], True
    for name, goal in GOALS.items():
        reached = more[name] <= goal
        all_reached = all_reached and reached
        verdict = "reached" if reached else "MISSED"
        lines.append(f"{name:36} {more[name]:8,.0f}  goal <= {goal:,}  {verdict}")
    return lines, all_reached
