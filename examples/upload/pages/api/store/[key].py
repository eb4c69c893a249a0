"""The store's own endpoint. With S3 or the like in production there is none: the URLs lead there."""

from typing import Any

from apiroutes import ApiError, Request, Response, file
from store import Store

config = {"api": {"bodyParser": False}}


def PUT(req: Request, res: Response, key: str, signature: str, store: Store) -> None:
    grant = store.granted("PUT", key, signature)
    if req.headers.get("Content-Type") != grant.type:
        raise ApiError(403, "The signature is for another Content-Type")
    if req.content_length is not None and req.content_length > grant.size:
        raise ApiError(413, "The file is larger than announced")
    store.write(grant, req.stream)
    res.status(204)


def GET(key: str, signature: str, store: Store) -> Any:
    grant = store.granted("GET", key, signature)
    return file(store.path(key), download_name=grant.name, as_attachment=True, media_type=grant.type)
