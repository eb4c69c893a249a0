"""The event loop and its process: how both end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.concurrency.support import PROCESS, run_python

PROCESSES = {
    "it ends at once": ("coroutines.run(one())", ""),
    "background tasks end first": ("coroutines.run(begin())", "worked closed"),
    "a coroutine stops the loop": (
        "async def stop():\n    asyncio.get_running_loop().stop()\n    await asyncio.sleep(0)\n"
        "coroutines.run(stop())\nprint(coroutines.run(one()))",
        "1",
    ),
    "an interrupt cancels the coroutine that is waited for": (
        "async def interrupt():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    try:\n        await asyncio.Event().wait()\n"
        "    finally:\n        print('cancelled', flush=True)\n"
        "try:\n    coroutines.run(interrupt())\nexcept KeyboardInterrupt:\n    pass\n"
        "print(coroutines.run(one()))",
        "cancelled 1",
    ),
    "an interrupt comes while the coroutine is handed over": (
        "begun = threading.Event()\n"
        "async def interrupted():\n"
        "    begun.set()\n"
        "    try:\n        await asyncio.Event().wait()\n"
        "    finally:\n        print('cancelled', flush=True)\n"
        "from apiroutes.event_loop.waiters import running_loop\nloop = running_loop()\n"
        "hand_over = loop.call_now\n"
        "def hand_over_and_interrupt(*arguments):\n"
        "    loop.call_now = hand_over\n"
        "    hand_over(*arguments)\n"
        "    begun.wait()\n"
        "    raise KeyboardInterrupt\n"
        "loop.call_now = hand_over_and_interrupt\n"
        "try:\n    coroutines.run(interrupted())\nexcept KeyboardInterrupt:\n    pass\n"
        "print(coroutines.run(one()))",
        "cancelled 1",
    ),
    "an interrupt comes before the coroutine is handed over": (
        "from apiroutes.event_loop.waiters import running_loop\nloop = running_loop()\n"
        "hand_over = loop.call_now\n"
        "def interrupt(*arguments):\n"
        "    loop.call_now = hand_over\n"
        "    raise KeyboardInterrupt\n"
        "loop.call_now = interrupt\n"
        "try:\n    coroutines.run(one())\nexcept KeyboardInterrupt:\n    pass\n"
        "print(coroutines.run(one()))",
        "1",
    ),
    "a thread other than the main one starts it": (
        "thread = threading.Thread(target=lambda: print(coroutines.run(one())))\n"
        "thread.start()\nthread.join()",
        "1",
    ),
}


@pytest.mark.parametrize(("source", "printed"), PROCESSES.values(), ids=PROCESSES)
def test_a_process_ends_in_order(source: str, printed: str) -> None:
    assert sorted(run_python(source).split()) == sorted(printed.split())


@pytest.mark.costly
def test_a_blocked_loop_does_not_keep_the_process_alive() -> None:
    source = (
        "import time\n"
        "async def block():\n    asyncio.get_running_loop().call_soon(time.sleep, 300)\n"
        "coroutines.run(block())\n"
    )
    command = [sys.executable, "-c", PROCESS + source]
    assert subprocess.run(command, timeout=60, capture_output=True).returncode == 0
