"""Ten rounds of 64 threads over one App: whether requests mix, and which locks stay locked.

    python -m tests.concurrency.concurrent_requests DIRECTORY

writes a project into the directory, sends it requests, and prints its findings as JSON. When a thread does
not end, it ends with status 1 and writes the stacks of all threads to standard error. It is a process of
its own, because threads that hang, and locks that they hold, would stay in pytest's.
"""

from __future__ import annotations

import collections
import concurrent.futures.thread
import faulthandler
import gc
import io
import json
import logging
import os
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apiroutes import App
from apiroutes.errors import ResponseAborted
from tests.support import Answer, call, project

ROUNDS, THREADS = 10, 64
SECONDS = 60  # for everything: it takes a quarter of that
LOCK_SECONDS = 5  # for a lock that is held for a moment
SHOWN = 20

CURRENT = """
import contextvars
current = contextvars.ContextVar("current", default="nobody's")
"""

# Each step notes whose request it sees, before and after the inner steps.
STEPS = """
import asyncio
from apiroutes import from_wsgi
from shared import current

async def outer(req, res, next):
    mine = req.headers["X-Id"]
    req.context["outer"] = mine
    res.set_header("X-Outer", mine)
    current.set(mine)
    await asyncio.sleep(0)
    await next()
    if current.get() != mine or req.headers["X-Id"] != mine:
        res.set_header("X-Outer", "of another")

def between(req, res, next):
    mine = req.context["outer"]
    req.context["between"] = current.get()
    res.set_header("X-Between", mine)
    next()
    if current.get() != mine or req.context["outer"] != mine:
        res.set_header("X-Between", "of another")

def wsgi(application):
    def wrapped(environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, [*headers, ("X-Wsgi", environ["HTTP_X_ID"])], exc_info)
        return application(environ, start)
    return wrapped

async def inner(req, res, next):
    mine = current.get()
    res.set_header("X-Inner", mine)
    await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0.001))
    await next()
    if current.get() != mine:
        res.set_header("X-Inner", "of another")

def innermost(req, res, next):
    req.context["innermost"] = current.get()
    next()
"""

ECHO = """
async def wait():
    await asyncio.sleep(0.001)
def seen(req, res, more=None):
    mine = current.get()
    res.set_cookie("id", mine).set_header("X-Handler", mine)
    context = [req.context[name] for name in ("outer", "between", "innermost")]
    return {
        "header": req.headers["X-Id"], "cookie": req.cookies["id"], "query": req.query["q"],
        "param": req.params["id"], "context": context, "variable": mine, **(more or {}),
    }
"""
PLAIN = f"import asyncio\nfrom shared import current\n{ECHO}"
HANDLERS = {
    "json": """
def POST(req, res):
    return seen(req, res, {"body": req.body["id"]})
""",
    "other/json": """
async def POST(req, res):
    await wait()
    return seen(req, res, {"body": req.body["id"]})
""",
    "upload": """
def POST(req, res):
    text = req.files["file"].read().decode()
    return seen(req, res, {"body": req.body["id"], "file": sorted(set(text.split()))})
""",
    "other/upload": """
async def POST(req, res):
    text = (await asyncio.to_thread(req.files["file"].read)).decode()
    return seen(req, res, {"body": req.body["id"], "file": sorted(set(text.split()))})
""",
    "stream": """
import json
def GET(req, res):
    text = json.dumps(seen(req, res)).encode()
    return (text[at:at + 16] for at in range(0, len(text), 16))
""",
    "other/stream": """
import json
async def GET(req, res):
    text = json.dumps(seen(req, res)).encode()
    async def pieces():
        for at in range(0, len(text), 64):
            await asyncio.sleep(0)
            yield text[at:at + 64]
    res.send(pieces())
""",
    "events": """
from apiroutes import Event, event_stream
async def GET(req, res):
    values = seen(req, res)
    async def events():
        for _ in range(2):
            await wait()
            yield Event(values)
    return event_stream(events())
""",
    "other/events": """
from apiroutes import Event, event_stream
def GET(req, res):
    values = seen(req, res)
    return event_stream(Event(values) for _ in range(2))
""",
    "fails": """
def GET(req, res):
    seen(req, res)
    raise RuntimeError(current.get())
""",
    "other/fails": """
async def GET(req, res):
    await wait()
    seen(req, res)
    raise RuntimeError(current.get())
""",
    # Two that pass their deadline: a function that logs until it uses `res`, and a coroutine that waits.
    "late": """
import logging, time
log = logging.getLogger("project")
config = {"maxDuration": 0.05}
def GET(req, res):
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        log.info("late %d", sum(range(100)))
    res.set_header("X-Late", current.get())
""",
    "other/late": """
config = {"maxDuration": 0.05}
async def GET(req, res):
    await asyncio.sleep(60)
""",
}

FILES = {
    "shared.py": CURRENT,
    "steps.py": STEPS,
    "middleware.py": (
        "from apiroutes import from_wsgi\nfrom steps import between, outer, wsgi\n"
        "middleware = [outer, between, from_wsgi(wsgi)]\n"
    ),
    # Sync between async, and async between sync.
    "pages/api/_middleware.py": "from steps import inner, innermost\nmiddleware = [inner, innermost]\n",
    "pages/api/other/_middleware.py": (
        "from steps import between, innermost, inner\nmiddleware = [between, inner, between]\n"
    ),
    **{f"pages/api/{name}/[id].py": PLAIN + source for name, source in HANDLERS.items()},
}


class Problems:
    """The statuses of all answers, the number of problems with them, and the text of the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self.shown: list[str] = []
        self.statuses: list[int] = []

    def add(self, problem: str) -> None:
        self.count += 1
        if len(self.shown) < SHOWN:
            self.shown.append(problem)


# -- one request, and its expected answer


def ask(app: App, kind: str, mine: str) -> Answer:
    headers = [("X-Id", mine), ("Cookie", f"id={mine}"), ("Accept", "*/*")]
    target = f"/api/{kind}/{mine}?q={mine}"
    if kind.endswith("json"):
        headers.append(("Content-Type", "application/json"))
        return call(app, "POST", target, headers, json.dumps({"id": mine}).encode())
    if kind.endswith("upload"):
        headers.append(("Content-Type", "multipart/form-data; boundary=edge"))
        return call(app, "POST", target, headers, _form(mine))
    return call(app, "GET", target, headers)


def _form(mine: str) -> bytes:
    """A field and a file; some files are large enough to go through the disk."""
    size = 70_000 if mine.endswith("0") else 700
    text = f"{mine} ".encode() * (size // len(mine))
    disposition = "Content-Disposition: form-data; name="
    parts = [f'--edge\r\n{disposition}"id"\r\n\r\n{mine}\r\n'.encode()]
    parts.append(f'--edge\r\n{disposition}"file"; filename="{mine}.txt"\r\n\r\n'.encode() + text)
    return b"".join([*parts, b"\r\n--edge--\r\n"])


def check(kind: str, mine: str, answer: Answer, problems: Problems) -> None:
    """Note everything in the answer that does not belong to this request."""
    problems.statuses.append(answer.status)
    status = {"late": 504, "fails": 500}.get(kind.rpartition("/")[2], 200)
    if answer.status != status:
        problems.add(f"{kind}: {answer.status} {answer.body[:60]!r}, not {status}")
        return
    expected = {"X-Outer", "X-Between", "X-Wsgi"}
    if status == 200:
        expected |= {"X-Inner", "X-Handler"}
    for name in ("X-Outer", "X-Between", "X-Wsgi", "X-Inner", "X-Handler"):
        # A 504 has the headers of the steps that were entered by then.
        expected_values = {mine} if name in expected and status != 504 else {mine} & set(answer.all(name))
        if set(answer.all(name)) != expected_values:
            problems.add(f"{kind}: {name} {answer.all(name)}, not {mine}")
    if status != 200:
        return
    if not (answer.header("Set-Cookie") or "").startswith(f"id={mine};"):
        problems.add(f"{kind}: cookie {answer.all('Set-Cookie')}, not {mine}")
    for seen in _values(answer):
        seen["context"] = [value for value in seen["context"] if value != mine]
        foreign = {name: value for name, value in seen.items() if value not in (mine, [mine], [])}
        if foreign:
            problems.add(f"{kind}: {foreign}, not {mine}")


def _values(answer: Answer) -> Iterator[dict[str, Any]]:
    text = answer.body.decode()
    if text.startswith("data: "):
        yield from (json.loads(event.removeprefix("data: ")) for event in text.strip().split("\n\n"))
    else:
        yield json.loads(text)


# -- the rounds


LATE = ["late", "other/late"]
IN_TIME = [kind for kind in HANDLERS if kind not in LATE]


def run_round(app: App, number: int, problems: Problems) -> None:
    barrier = threading.Barrier(THREADS)

    def requests(thread: int) -> None:
        kinds = [*IN_TIME[thread % len(IN_TIME) :], *IN_TIME[: thread % len(IN_TIME)]]
        if not thread % 4:
            kinds.insert(thread % 3, LATE[thread // 4 % 2])
        barrier.wait()
        for at, kind in enumerate(kinds):
            mine = f"r{number}t{thread}n{at}"
            try:
                check(kind, mine, ask(app, kind, mine), problems)
            except (Exception, ResponseAborted) as error:
                problems.add(f"{kind}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=requests, args=(thread,), daemon=True) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()  # faulthandler ends a process whose threads do not


# -- locks


class Locks:
    """All locks that can be reached from some objects, each with the path to it."""

    LOCK, RLOCK = type(threading.Lock()), type(threading.RLock())
    WALKED = (list, tuple, set, frozenset, collections.deque, types.CellType, types.MethodType)

    def __init__(self) -> None:
        self.by_id: dict[int, tuple[str, Any]] = {}  # names and locks
        self._seen: set[int] = set()

    def add_from(self, name: str, thing: Any) -> None:
        """Add the locks that can be reached from an object."""
        todo = collections.deque([(name, thing)])
        while todo:
            name, thing = todo.popleft()
            if id(thing) in self._seen or isinstance(thing, threading.Thread):
                continue  # a running thread holds a lock that its end releases
            self._seen.add(id(thing))
            if isinstance(thing, self.LOCK | self.RLOCK):
                self.by_id[id(thing)] = (name, thing)
            elif isinstance(thing, threading.Condition):
                todo.append((f"{name}._lock", thing._lock))  # type: ignore[attr-defined]  # those of its waiters are locked
            elif isinstance(thing, dict):
                todo.extend((f"{name}.{key}", value) for key, value in list(thing.items()))
            elif isinstance(thing, types.FunctionType):  # its globals are a module's, which is walked
                todo.append((f"{name}.{thing.__name__}", thing.__closure__ or ()))
            elif isinstance(thing, type):
                if thing.__module__.startswith("apiroutes"):
                    todo.append((f"{name}.{thing.__name__}", dict(vars(thing))))
            elif isinstance(thing, self.WALKED) or self._is_ours(thing):
                todo.extend((f"{name}.{type(value).__name__}", value) for value in gc.get_referents(thing))

    def _is_ours(self, thing: Any) -> bool:
        """Return whether an object is ours, or Python's own modules for threads created it for us."""
        return type(thing).__module__.startswith(("apiroutes", "concurrent.futures", "queue", "threading"))

    def held(self) -> list[str]:
        """Return the names of the locks that cannot be acquired within some seconds."""
        names = []
        for name, lock in self.by_id.values():
            if lock.acquire(timeout=LOCK_SECONDS):
                lock.release()
            else:
                names.append(name)
        return names


def locks_of_logging() -> Locks:
    locks = Locks()
    locks.add_from("logging._lock", logging._lock)  # type: ignore[attr-defined]
    for reference in list(logging._handlerList):  # type: ignore[attr-defined]
        handler = reference()
        if handler is not None:
            locks.add_from(f"{handler!r}.lock", handler.lock)
    return locks


def our_locks(app: App) -> Locks:
    locks = Locks()
    locks.add_from("App", app)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "apiroutes" and module is not None:
            locks.add_from(name, vars(module))
    lock = getattr(concurrent.futures.thread, "_global_shutdown_lock", None)
    locks.add_from("concurrent.futures.thread._global_shutdown_lock", lock)
    return locks


def log_in_new_thread(app: App, problems: Problems) -> None:
    """Have a fault logged by a new thread, which hangs if the lock of a log handler is still locked."""
    thread = threading.Thread(target=lambda: check("fails", "last", ask(app, "fails", "last"), problems))
    thread.start()
    thread.join()


def main(directory: str) -> int:
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    sys.setswitchinterval(1e-4)
    sys.path.insert(0, directory)
    logging.basicConfig(level=logging.INFO, stream=io.StringIO())
    logging.getLogger().addHandler(logging.FileHandler(os.devnull))
    root = project(Path(directory), FILES)
    app = App(root, max_abandoned_handlers=10_000)
    problems = Problems()
    for number in range(ROUNDS):
        run_round(app, number, problems)
    log_in_new_thread(app, problems)
    locks = {"logging": locks_of_logging(), "ours": our_locks(app)}
    findings = {
        "answers": len(problems.statuses),
        "late": problems.statuses.count(504),
        "problems": problems.count,
        "shown": problems.shown,
        "locks": {owner: [name for name, _ in reached.by_id.values()] for owner, reached in locks.items()},
        "held": {owner: reached.held() for owner, reached in locks.items()},
    }
    sys.stdout.write(json.dumps(findings) + "\n")
    sys.stdout.flush()
    faulthandler.cancel_dump_traceback_later()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
