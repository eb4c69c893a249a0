"""Look at an order.

curl localhost:8000/api/orders/1
"""

from apiroutes import ApiError
from orders import Database, Order, OrderId, find_order


def GET(id: OrderId, db: Database) -> Order:
    """Return an order; it has a receipt once the worker has written one."""
    order = find_order(db, id)
    if order is None:
        raise ApiError(404, "There is no such order")
    return order
