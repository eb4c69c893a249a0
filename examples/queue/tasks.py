"""Work that must not be lost, for the worker:

huey_consumer tasks.huey --workers 2 --graceful-signal TERM
"""

import os
from contextlib import contextmanager
from typing import Any

from huey import RedisHuey, SqliteHuey, crontab

from orders import DATA, database, find_order, find_orders_without_receipt, set_receipt


def _make_queue() -> Any:
    """Return the queue of the Redis server that `REDIS_URL` names, or else of a SQLite file."""
    if url := os.environ.get("REDIS_URL"):
        return RedisHuey("orders", url=url)
    DATA.mkdir(parents=True, exist_ok=True)
    return SqliteHuey("orders", filename=str(DATA / "queue.db"))


huey = _make_queue()
transaction = contextmanager(database)


@huey.task(retries=5, retry_delay=1, retry_backoff=2)
def write_receipt(order_id: int) -> None:
    """Write the receipt of an order; another attempt after 1, 2, 4, 8 and 16 seconds if that fails.

    A task may run twice, for example when the worker dies at its end: the second run must change nothing.
    """
    with transaction() as db:
        order = find_order(db, order_id)
        if order is None or order.receipt is not None:
            return
        receipt = DATA / "receipts" / f"{order_id}.txt"
        receipt.parent.mkdir(exist_ok=True)
        receipt.write_text(f"{order.quantity} x {order.item}\n", encoding="utf-8")
        set_receipt(db, order_id, receipt.name)


@huey.periodic_task(crontab(minute="*"))
def write_missing_receipts() -> None:
    """Enqueue the orders whose process died after the commit, and before it could do that itself."""
    with transaction() as db:
        for order_id in find_orders_without_receipt(db):
            write_receipt(order_id)
