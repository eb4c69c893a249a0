import uuid

from apiroutes import ApiError, Response

from ._types import StoredItem, items


def GET(id: uuid.UUID) -> StoredItem:
    """Read an item.

    Raises 404: There is no such item.
    """
    if id not in items:
        raise ApiError(404, "There is no such item")
    return items[id]


def DELETE(id: uuid.UUID, res: Response) -> None:
    """Remove an item, if there is one."""
    items.pop(id, None)
    res.status(204)
