import secrets
import time
from typing import Any

from apiroutes import json
from store import Store
from uploads import DB, UPLOAD_SECONDS, NewUpload, Upload, read, remove_abandoned


def GET(db: DB) -> list[Upload]:
    return read(db, "is_complete ORDER BY announced DESC LIMIT 50")


def POST(db: DB, store: Store, body: NewUpload) -> Any:
    """Announce a file, and get the URL to which it is sent."""
    remove_abandoned(db, store)
    upload = Upload(secrets.token_hex(16), body.name, body.type, body.size, False)
    values = [upload.id, upload.name, upload.type, upload.size, int(time.time())]
    db.execute("INSERT INTO uploads (id, name, type, size, announced) VALUES (?, ?, ?, ?, ?)", values)
    url = store.url(upload.grant("PUT", UPLOAD_SECONDS))
    return json({"id": upload.id, "method": "PUT", "url": url, "headers": {"Content-Type": body.type}}, 201)
