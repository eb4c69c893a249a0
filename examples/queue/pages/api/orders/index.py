"""Take an order. The worker writes its receipt.

curl localhost:8000/api/orders --json '{"item": "Tea", "quantity": 2}'
"""

from typing import Any

from apiroutes import Request, after, json
from orders import Database, NewOrder, Order, add_order
from tasks import write_receipt

responses = {"POST": {201: Order}}


def POST(req: Request, body: NewOrder, db: Database) -> Any:
    """Store an order."""
    order = add_order(db, body)
    # Enqueued at once, the task could run before the commit, or although there is none. `after` comes behind
    # both the commit and the response, and does not come if either fails.
    after(write_receipt, order.id)
    return json(order, status=201, headers={"Location": f"{req.script_root}/api/orders/{order.id}"})
