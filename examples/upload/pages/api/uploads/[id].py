from typing import Any

from apiroutes import ApiError, redirect
from store import Store
from uploads import DB, DOWNLOAD_SECONDS, find


def GET(id: str, db: DB, store: Store) -> Any:
    """Lead to the file, by a URL that is soon worth nothing."""
    upload = find(db, id)
    if upload is None or not upload.is_complete:
        raise ApiError(404)
    return redirect(store.url(upload.grant("GET", DOWNLOAD_SECONDS)), headers={"Cache-Control": "no-store"})
