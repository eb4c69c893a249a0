"""The orders, and the database that they are in."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from apiroutes import Depends

# Everything that is stored: orders, the queue, receipts.
DATA = Path(os.environ.get("ORDERS_DATA", "var"))

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY,
    item TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    ordered_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    receipt TEXT
)
"""


OrderId = Annotated[int, Meta(ge=1, le=2**63 - 1)]  # an integer of SQLite


class NewOrder(Struct):
    """What a client orders."""

    item: Annotated[str, Meta(min_length=1, max_length=100)]
    quantity: Annotated[int, Meta(ge=1, le=1000)] = 1


class Order(Struct):
    """An order. `receipt` is the name of a file, once it is written."""

    id: OrderId
    item: str
    quantity: int
    receipt: str | None = None


def database() -> Generator[sqlite3.Connection, None, None]:
    """Open the database for one request or task: committed at the end, rolled back by an exception."""
    DATA.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(DATA / "orders.db", timeout=10)) as connection, connection:
        connection.execute(_SCHEMA)
        yield connection


Database = Annotated[sqlite3.Connection, Depends(database)]


def add_order(db: sqlite3.Connection, new: NewOrder) -> Order:
    """Store a new order."""
    done = db.execute("INSERT INTO orders (item, quantity) VALUES (?, ?)", (new.item, new.quantity))
    assert done.lastrowid is not None
    return Order(done.lastrowid, new.item, new.quantity)


def find_order(db: sqlite3.Connection, order_id: int) -> Order | None:
    """Return the order, or None if there is no such one."""
    row = db.execute("SELECT id, item, quantity, receipt FROM orders WHERE id = ?", (order_id,)).fetchone()
    return None if row is None else Order(*row)


def set_receipt(db: sqlite3.Connection, order_id: int, receipt: str) -> None:
    """Note which file the receipt of an order is."""
    db.execute("UPDATE orders SET receipt = ? WHERE id = ?", (receipt, order_id))


def find_orders_without_receipt(db: sqlite3.Connection) -> list[int]:
    """Return the orders that have waited for their receipt for more than a minute."""
    waiting = "SELECT id FROM orders WHERE receipt IS NULL AND ordered_at < datetime('now', '-1 minute')"
    return [order_id for (order_id,) in db.execute(waiting)]
