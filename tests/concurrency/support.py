"""Apps whose handlers are coroutines or have a deadline, threads, and processes, for tests."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

from apiroutes import App
from tests.support import Answer, app_of

SECONDS = 20  # for an event that must come, and comes at once

BEFORE = """
import asyncio, contextvars, logging, threading
import apiroutes
variable = contextvars.ContextVar("variable", default="unset")
"""


def async_app(root: Path, *lines: str, before: str = "", name: str = "x.py") -> App:
    """Return an App whose only handler is a coroutine function with these lines."""
    body = "\n    ".join(lines)
    return app_of(root, f"{BEFORE}{before}\nasync def handler(req, res):\n    {body}\n", name)


SHORT = 'config = {"maxDuration": 0.1}\n'
LONG = 'config = {"maxDuration": 60}\n'


def timed(root: Path, handler: str, duration: str = SHORT, **settings: Any) -> App:
    """Return an App whose only handler has a `maxDuration`."""
    return app_of(root, duration + textwrap.dedent(handler), **settings)


def in_threads(*calls: Any) -> list[Answer]:
    """Make all calls at once, each in a thread; return their answers."""
    answers: list[Any] = [None] * len(calls)

    def store(index: int) -> None:
        answers[index] = calls[index]()

    threads = [threading.Thread(target=store, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


PROCESS = """
import asyncio, os, signal, sys, threading
from apiroutes.concurrency import coroutines
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
kept = []
async def one():
    return 1
async def work():
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        print(await asyncio.to_thread(lambda: "worked"), flush=True)
async def numbers():
    try:
        while True:
            yield 1
    finally:
        await asyncio.sleep(0)
        print("closed", flush=True)
async def begin():
    kept.append(asyncio.create_task(work()))
    kept.append(numbers())
    await anext(kept[1])
"""


def run_python(source: str) -> str:
    """Return what a process prints. Warnings are errors, and it must end within a minute with status 0."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", PROCESS + source]
    ended = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout
