"""What only the store in memory has: it belongs to one process."""

from __future__ import annotations

import os
import subprocess
import sys

from apiroutes.stores.memory import MemoryStore
from tests.stores.kinds import content_of, put


def test_two_stores_share_nothing() -> None:
    one, other = (MemoryStore(max_entries=10, max_size=10_000) for _ in range(2))
    put(one, b"key")
    assert other.get(b"key") is None
    assert one.begin(b"key").epoch != other.begin(b"key").epoch


def test_a_child_begins_with_nothing() -> None:
    """It would not learn of what its parent revalidates."""
    code = (
        "import os\nfrom apiroutes.stores.memory import MemoryStore\n"
        "from tests.stores.kinds import content_of, entry, put\n"
        "store = MemoryStore(max_entries=10, max_size=10_000)\n"
        "put(store, b'key')\n"
        "lease, generation = store.lease(b'key', ('path:/a',), 60), store.generation()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    assert store.generation() != generation\n"
        "    assert store.get(b'key') is None\n"
        "    assert not store.put(b'key', entry(), lease)\n"
        "    assert store.lease(b'key', ('path:/a',), 60)\n"
        "    put(store, b'child')\n"
        "    os._exit(0)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "assert store.generation() == generation\n"
        "assert content_of(store, b'key') == b'content'\n"
        "assert store.get(b'child') is None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env={**os.environ})


def test_what_was_put_is_gone_when_the_store_was_closed() -> None:
    store = MemoryStore(max_entries=10, max_size=10_000)
    put(store, b"key")
    lease = store.begin(b"key")
    store.close()
    assert content_of(store, b"key") is None
    assert store.begin(b"key").epoch != lease.epoch


def test_the_least_recently_used_goes_first() -> None:
    store = MemoryStore(max_entries=2, max_size=10_000)
    put(store, b"first")
    put(store, b"second")
    store.get(b"first")
    put(store, b"third")
    assert content_of(store, b"first") == b"content"
    assert store.get(b"second") is None
