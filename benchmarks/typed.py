"""What does a typed request cost, compared with an untyped one, Falcon with msgspec, and FastAPI?

A JSON body of 300 bytes as an object of nine fields, and a query of four keys, converted and checked.
In one process, without a server: WSGI peers as in `inprocess.py`, FastAPI through its ASGI interface, with
the requests of a round in one coroutine. Rounds are interleaved; a figure is the median, less that of an
empty application. `inprocess.py --typed` runs it too.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

if __spec__ is None:  # run as a file: the modules beside it (http, peers) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import falcon
import msgspec

from apiroutes import App
from benchmarks.asgi import scope_of
from benchmarks.commandline import positive
from benchmarks.contenders import StartedResponse, empty_application
from benchmarks.machine import machine_line
from benchmarks.tables import progress, table
from benchmarks.workloads import WORKLOADS, Environ, WSGIApplication, get

CALLS = 500  # in a round
BODY_GOAL = 1.0  # µs that a typed body may take more than an untyped one
FASTAPI_GOAL = 0.1  # of FastAPI's time

EMPTY_WSGI, EMPTY_ASGI = "an empty WSGI application", "an empty ASGI application"

QUERY = "id=42&sort=name&descending=true&least=2.5"

TYPES = """\
import {module}

class Address({base}):
    street: str
    city: str
    country: str

class Person({base}):
    id: int
    name: str
    email: str
    active: bool
    score: float
    manager: str | None
    tags: list[str]
    address: Address
    note: str

"""
STRUCTS = TYPES.format(module="msgspec", base="msgspec.Struct")
OURS = {
    "untyped_body.py": "def POST(body): return body\n",
    "typed_body.py": STRUCTS + "def POST(body: Person): return body\n",
    "untyped_query.py": "def GET(query):\n"
    "    return {'id': int(query['id']), 'sort': query['sort'],\n"
    "            'descending': query['descending'] == 'true', 'least': float(query['least'])}\n",
    "typed_query.py": "def GET(id: int, sort: str, descending: bool, least: float):\n"
    "    return {'id': id, 'sort': sort, 'descending': descending, 'least': least}\n",
}


def compare(rounds: int) -> bool:
    """Measure, and print the figures. Return whether the goals are reached."""
    print(machine_line(["apiroutes", "falcon", "fastapi", "pydantic", "msgspec"]))
    print()
    contenders = {**_ours(), **_falcon(), **_fastapi()}
    timings: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        for name, run in contenders.items():
            start = perf_counter_ns()
            run()
            timings[name].append((perf_counter_ns() - start) / CALLS / 1000)
    progress("")
    medians = {name: median(values) for name, values in timings.items()}
    figures = {
        name: medians[name] - medians[EMPTY_ASGI if name.startswith("FastAPI") else EMPTY_WSGI]
        for name in medians
        if name not in (EMPTY_WSGI, EMPTY_ASGI)
    }
    rows = {name: [f"{figure:.1f}"] for name, figure in figures.items()}
    for line in table("µs a request", [""], rows):
        print(line)
    return _report(figures)


def _report(figures: dict[str, float]) -> bool:
    more = figures["apiroutes, typed body"] - figures["apiroutes, untyped body"]
    reached = more < BODY_GOAL
    print(
        f"\na typed body takes {more:.2f} µs more, goal < {BODY_GOAL:g}  {'reached' if reached else 'MISSED'}"
    )
    for kind in ("body", "query"):
        if f"FastAPI, typed {kind}" in figures:
            ratio = figures[f"apiroutes, typed {kind}"] / figures[f"FastAPI, typed {kind}"]
            is_goal = ratio <= FASTAPI_GOAL
            reached = reached and is_goal
            verdict = "reached" if is_goal else "MISSED"
            print(f"typed {kind}: {ratio:.3f} of FastAPI's, goal <= {FASTAPI_GOAL:g}  {verdict}")
    return reached


def _requests(body_path: str, query_path: str) -> tuple[tuple[Environ, bytes], tuple[Environ, bytes]]:
    """Return the two requests, for endpoints of these names."""
    body = WORKLOADS["W3"]().requests[0]
    environ = {**body.environ, "PATH_INFO": f"/api/{body_path}", "RAW_URI": f"/api/{body_path}"}
    query = get(f"/api/{query_path}?{QUERY}", body.required).environ
    return (environ, body.content), (query, b"")


def _wsgi(application: WSGIApplication, environ: Environ, content: bytes) -> Callable[[], None]:
    started = StartedResponse()

    def once() -> bytes:
        return b"".join(application({**environ, "wsgi.input": BytesIO(content)}, started))

    received = once()
    assert started.status[:1] == "2", (started.status, received)

    def run() -> None:
        for _ in range(CALLS):
            application({**environ, "wsgi.input": BytesIO(content)}, started)

    return run


def _ours() -> dict[str, Callable[[], None]]:
    with TemporaryDirectory() as root:
        routes = Path(root, "pages/api")
        routes.mkdir(parents=True)
        for name, source in OURS.items():
            (routes / name).write_text(source, encoding="utf-8")
        application = App(root)
    empty, _ = _requests("empty", "empty")
    runs = {EMPTY_WSGI: _wsgi(empty_application, *empty)}
    for kind in ("untyped", "typed"):
        body, query = _requests(f"{kind}_body", f"{kind}_query")
        runs[f"apiroutes, {kind} body"] = _wsgi(application, *body)
        runs[f"apiroutes, {kind} query"] = _wsgi(application, *query)
    return runs


def _namespace(source: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "benchmarks.types"}
    # This file's future import would make annotations texts, which need a module to be resolved in.
    exec(compile(source, "types", "exec", dont_inherit=True), namespace)
    return namespace


def _falcon() -> dict[str, Callable[[], None]]:
    """Falcon has no types; its documentation decodes the stream and uses `get_param_as_*`."""
    decode = msgspec.json.Decoder(_namespace(STRUCTS)["Person"]).decode
    encode = msgspec.json.Encoder().encode

    class Body:
        def on_post(self, req: Any, resp: Any) -> None:
            resp.data = encode(decode(req.bounded_stream.read()))
            resp.content_type = falcon.MEDIA_JSON

    class Query:
        def on_get(self, req: Any, resp: Any) -> None:
            values = {
                "id": req.get_param_as_int("id", required=True),
                "sort": req.get_param("sort", required=True),
                "descending": req.get_param_as_bool("descending", required=True),
                "least": req.get_param_as_float("least", required=True),
            }
            resp.data = encode(values)
            resp.content_type = falcon.MEDIA_JSON

    application = falcon.App()
    application.add_route("/api/body", Body())
    application.add_route("/api/query", Query())
    body, query = _requests("body", "query")
    return {
        "Falcon, msgspec, typed body": _wsgi(application, *body),
        "Falcon, msgspec, typed query": _wsgi(application, *query),
    }


def _fastapi() -> dict[str, Callable[[], None]]:
    try:
        from fastapi import FastAPI
    except ImportError:
        print("left out: FastAPI is not installed")
        return {}
    person = _namespace(TYPES.format(module="pydantic", base="pydantic.BaseModel"))["Person"]
    application = FastAPI()

    async def body(body: Any) -> Any:
        return body

    body.__annotations__ = {"body": person, "return": person}
    application.post("/api/body")(body)

    @application.get("/api/query")
    async def query(id: int, sort: str, descending: bool, least: float) -> dict[str, Any]:
        return {"id": id, "sort": sort, "descending": descending, "least": least}

    loop = asyncio.new_event_loop()
    requests = _requests("body", "query")
    runs = {EMPTY_ASGI: _asgi(loop, _empty_asgi_application, *requests[0])}
    for kind, (environ, content) in zip(("body", "query"), requests, strict=True):
        runs[f"FastAPI, typed {kind}"] = _asgi(loop, application, environ, content)
    return runs


async def _empty_asgi_application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _asgi(
    loop: asyncio.AbstractEventLoop, application: Any, environ: Environ, content: bytes
) -> Callable[[], None]:
    """Return a function that calls an ASGI application as a server does."""
    scope = scope_of(environ)
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def many(count: int) -> None:
        for _ in range(count):
            await application(dict(scope), receive, send)

    loop.run_until_complete(many(1))
    assert statuses == [200]

    def run() -> None:
        loop.run_until_complete(many(CALLS))
        statuses.clear()

    return run


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=positive, default=80, help="default: %(default)s")
    return 0 if compare(parser.parse_args(arguments).rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
