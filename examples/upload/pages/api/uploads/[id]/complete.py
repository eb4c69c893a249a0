from dataclasses import replace
from typing import Any

from apiroutes import ApiError
from store import Store
from uploads import BEGINNINGS, DB, find


def POST(id: str, db: DB, store: Store) -> Any:
    """Take what has arrived in the store: before, nobody gets to see it."""
    upload = find(db, id)
    if upload is None:
        raise ApiError(404)
    is_of_its_type = store.begins_with(id, upload.size, BEGINNINGS[upload.type])
    if is_of_its_type is None:
        raise ApiError(409, "The file has not arrived")
    if not is_of_its_type:  # left where it is, until it counts as abandoned: its URL stores no other file
        raise ApiError(422, f"The file is no {upload.type}")
    db.execute("UPDATE uploads SET is_complete = 1 WHERE id = ?", [id])
    return replace(upload, is_complete=True)
