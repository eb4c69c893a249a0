"""Coroutine functions whose values are kept: nothing holds the event loop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.cache import Cache, note_cache
from apiroutes.stores import Entry, Lease, Mode, Store, StoreError
from apiroutes.stores.memory import MemoryStore
from apiroutes.testing import AsyncClient
from tests.cache.function_cases import app_of_nothing, module_of
from tests.support import project

LOAD = """
@cached(tags=["posts"])
async def load(key):
    calls.append(key)
    begun.set()
    await goes_on.wait()
    return len(calls)
"""


class ThreadStore(MemoryStore):
    """A store that notes in which threads it is asked, and fails while `fails`."""

    def __init__(self) -> None:
        super().__init__(max_entries=100, max_size=10**6)
        self.threads: list[int] = []
        self.fails = False

    def _note(self) -> None:
        self.threads.append(threading.get_ident())
        if self.fails:
            raise StoreError("it is gone")

    def get(self, key: bytes) -> Entry | None:
        self._note()
        return super().get(key)

    def put(self, key: bytes, entry: Entry, lease: Lease) -> bool:
        self._note()
        return super().put(key, entry, lease)

    def lease(self, key: bytes, names: Any, seconds: float, *, at_once: bool = False) -> Lease | None:
        self._note()
        return super().lease(key, names, seconds, at_once=at_once)

    def release(self, lease: Lease, retry_after: float | None = None) -> None:
        self._note()
        super().release(lease, retry_after)

    def bump(self, name: str, mode: Mode) -> None:
        self._note()
        super().bump(name, mode)


class FarStore(ThreadStore):
    """A store on another machine, of which a generation is known once it was asked."""

    known: object = None

    def generation(self) -> object:
        self._note()
        self.known = super().generation()
        return self.known

    def known_generation(self) -> object:
        return self.known


def use(app: App, store: Store) -> None:
    """Have an App's cache use another store."""
    app.cache = Cache(lambda: store, app.cache.routes, "", hot_size=10**6, lock_timeout=10)
    note_cache(app.cache)


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_of_nothing(tmp_path)


def module_on_loop(source: str = LOAD) -> Any:
    """Return a module with events of the running loop."""
    module = module_of(source)
    module.begun, module.goes_on = asyncio.Event(), asyncio.Event()
    return module


def test_the_store_is_asked_in_threads_and_a_hit_without_it(app: App) -> None:
    store = ThreadStore()
    use(app, store)

    async def main() -> None:
        module = module_on_loop()
        module.goes_on.set()
        await module.load(1)
        assert store.threads
        assert threading.get_ident() not in store.threads
        asked = len(store.threads)
        assert await module.load(1) == 1
        assert len(store.threads) == asked

    asyncio.run(main())


def test_a_generation_that_another_machine_knows_is_asked_for_in_a_thread(app: App) -> None:
    store = FarStore()
    use(app, store)

    async def main() -> None:
        module = module_on_loop()
        module.goes_on.set()
        assert await module.load(1) == 1
        store.known = None
        asked = len(store.threads)
        assert [await module.load(1), await module.load(1)] == [1, 1]
        assert len(store.threads) == asked + 1
        assert threading.get_ident() not in store.threads

    asyncio.run(main())


def test_coroutines_that_call_at_once_share_one_run_without_threads(app: App) -> None:
    """They wait where a thread would ask the store: all together ask it no more often than one alone."""
    store = ThreadStore()
    use(app, store)

    async def asked_by(module: Any, key: int, calls: int) -> int:
        before = len(store.threads)
        module.begun.clear()
        module.goes_on.clear()
        tasks = [asyncio.create_task(module.load(key)) for _ in range(calls)]
        await module.begun.wait()
        module.goes_on.set()
        assert len({*await asyncio.gather(*tasks)}) == 1
        return len(store.threads) - before

    async def main() -> None:
        module = module_on_loop()
        assert await asked_by(module, 1, 200) == await asked_by(module, 2, 1)
        assert module.calls == [1, 2]

    asyncio.run(main())


def test_coroutines_of_two_loops_share_one_run(app: App) -> None:
    module = module_of("""
begun, goes_on = threading.Event(), threading.Event()
@cached
async def load(key):
    calls.append(key)
    begun.set()
    await asyncio.to_thread(goes_on.wait, 10)
    return len(calls)
""")
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(asyncio.run(module.load(1)))) for _ in range(2)]
    threads[0].start()
    assert module.begun.wait(10)
    threads[1].start()
    module.goes_on.set()
    for thread in threads:
        thread.join()
    assert results == [1, 1]


def test_another_computes_where_the_first_is_cancelled(app: App) -> None:
    async def main() -> None:
        module = module_on_loop()
        first = asyncio.create_task(module.load(1))
        await module.begun.wait()
        module.begun.clear()
        others = [asyncio.create_task(module.load(1)) for _ in range(3)]
        await asyncio.sleep(0)
        first.cancel()
        await module.begun.wait()
        module.goes_on.set()
        assert await asyncio.gather(*others) == [2, 2, 2]
        assert first.cancelled()

    asyncio.run(main())


def test_who_is_cancelled_while_waiting_disturbs_nobody(app: App) -> None:
    async def main() -> None:
        module = module_on_loop()
        first = asyncio.create_task(module.load(1))
        await module.begun.wait()
        second = asyncio.create_task(module.load(1))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        module.goes_on.set()
        assert await first == 1

    asyncio.run(main())


def test_who_comes_after_a_revalidation_does_not_wait_for_what_began_before(app: App) -> None:
    async def main() -> None:
        module = module_on_loop()
        first = asyncio.create_task(module.load(1))
        await module.begun.wait()
        await module.load.revalidate(1)
        module.begun.clear()
        second = asyncio.create_task(module.load(1))
        await module.begun.wait()
        module.goes_on.set()
        assert [*await asyncio.gather(first, second), await module.load(1)] == [2, 2, 2]
        assert module.calls == [1, 1]

    asyncio.run(main())


def test_a_failure_is_everybodys_own(app: App) -> None:
    async def main() -> None:
        module = module_on_loop("""
@cached
async def load(key):
    calls.append(key)
    begun.set()
    await goes_on.wait()
    raise LookupError(len(calls))
""")
        tasks = [asyncio.create_task(module.load(1)) for _ in range(3)]
        await module.begun.wait()
        module.goes_on.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [LookupError] * 3
        assert len(set(map(id, results))) == 3
        assert len(module.calls) == 3

    asyncio.run(main())


def test_a_store_that_fails_is_a_miss(app: App) -> None:
    store = ThreadStore()
    use(app, store)

    async def main() -> None:
        module = module_on_loop()
        module.goes_on.set()
        store.fails = True
        assert [await module.load(1), await module.load(1)] == [1, 2]
        store.fails = False
        assert [await module.load(1), await module.load(1)] == [3, 3]

    asyncio.run(main())


def test_the_function_runs_in_the_task_and_context_of_its_caller(app: App) -> None:
    module = module_of("""
import contextvars
name = contextvars.ContextVar("name")
@cached
async def load(key):
    calls.append(asyncio.current_task())
    return name.get()
""")

    async def main() -> None:
        module.name.set("mine")
        assert await module.load(1) == "mine"
        assert module.calls == [asyncio.current_task()]

    asyncio.run(main())


def test_nested_functions_need_no_more_threads_than_there_are(app: App) -> None:
    async def main() -> None:
        module = module_on_loop("""
@cached
async def inner(key):
    await goes_on.wait()
    return key
@cached
async def load(key):
    calls.append(key)
    if len(calls) == 100:
        begun.set()
    return await inner(key % 10)
""")
        tasks = [asyncio.create_task(module.load(key)) for key in range(100)]
        await module.begun.wait()
        module.goes_on.set()
        assert await asyncio.gather(*tasks) == [key % 10 for key in range(100)]

    asyncio.run(main())


def test_nothing_is_left_of_a_loop_that_has_ended(app: App) -> None:
    module = module_of("""
@cached
async def load(key):
    calls.append(key)
    if len(calls) == 2:
        await asyncio.Event().wait()
    return len(calls)
""")

    async def main() -> None:
        assert await module.load(1) == 1
        await module.load.revalidate(1, mode="stale")
        assert await module.load(1) == 1  # which begins what never ends
        while len(module.calls) < 2:
            await asyncio.sleep(0.001)

    asyncio.run(main())
    module.load.revalidate(1)
    assert asyncio.run(module.load(1)) == 3


def test_async_handlers_share_values_by_a_client(tmp_path: Path) -> None:
    source = LOAD.replace("await goes_on.wait()", "await asyncio.sleep(0)").replace("begun.set()", "pass")
    route = f"import asyncio\nfrom apiroutes import cached\ncalls = []\n{source}"
    app = App(project(tmp_path, {"pages/api/x.py": f"{route}\nasync def GET(req): return await load(1)\n"}))

    async def main() -> None:
        async with AsyncClient(app) as client:
            responses = await asyncio.gather(*(client.get("/api/x") for _ in range(5)))
            assert [response.json for response in responses] == [1] * 5

    asyncio.run(main())


def test_nobody_waits_for_longer_than_the_setting_says(app: App) -> None:
    app.cache = Cache(
        lambda: MemoryStore(max_entries=100, max_size=10**6),
        app.cache.routes,
        "",
        hot_size=10**6,
        lock_timeout=0.05,
    )
    note_cache(app.cache)

    async def main() -> None:
        module = module_on_loop()
        tasks = [asyncio.create_task(module.load(1))]
        await module.begun.wait()
        module.begun.clear()
        tasks.append(asyncio.create_task(module.load(1)))
        await module.begun.wait()  # the second computes although the first has not ended
        module.goes_on.set()
        assert await asyncio.gather(*tasks) == [2, 2]

    asyncio.run(main())
