"""Orders and their receipts, without a server and a worker."""

import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from apiroutes.testing import Client

TEA = {"item": "Tea", "quantity": 2}


def test_an_order_gets_its_receipt_once_it_is_answered(apiroutes_client: Client, data: Path) -> None:
    response = apiroutes_client.post("/api/orders", json=TEA)
    ordered: Any = response.json
    assert (response.status_code, ordered["receipt"]) == (201, None)
    receipt = f"{ordered['id']}.txt"
    assert apiroutes_client.get(response.headers["Location"]).json == {**ordered, "receipt": receipt}
    assert (data / "receipts" / receipt).read_text() == "2 x Tea\n"


@pytest.mark.parametrize(("id", "status"), [("99", 404), ("0", 422), ("x", 422), ("9" * 20, 422)])
def test_an_order_that_is_not_there(apiroutes_client: Client, id: str, status: int) -> None:
    assert apiroutes_client.get(f"/api/orders/{id}").status_code == status


def test_a_failing_commit_leaves_neither_an_order_nor_a_task(apiroutes_client: Client) -> None:
    from orders import database

    def fails_to_commit() -> Generator[Any, None, None]:
        transaction = database()
        yield next(transaction)
        transaction.throw(OSError("The disk is full"))

    with apiroutes_client.override(database, fails_to_commit):
        assert apiroutes_client.post("/api/orders", json=TEA).status_code == 500
    assert apiroutes_client.after == []


def test_a_receipt_that_cannot_be_written_is_tried_again(apiroutes_client: Client, data: Path) -> None:
    from tasks import huey

    receipts = data / "receipts"
    shutil.rmtree(receipts, ignore_errors=True)
    receipts.write_text("no directory")
    ordered: Any = apiroutes_client.post("/api/orders", json=TEA).json
    receipts.unlink()
    (again,) = huey.scheduled()
    assert (again.args, again.retries) == ((ordered["id"],), 4)
    huey.execute(again, again.eta)
    assert (receipts / f"{ordered['id']}.txt").exists()


def test_an_order_is_checked(apiroutes_client: Client) -> None:
    assert apiroutes_client.post("/api/orders", json={"item": "", "quantity": 0}).status_code == 422
