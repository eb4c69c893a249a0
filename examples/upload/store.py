"""A store of files, used as S3 is: whoever has a signed URL may do what it says, until it expires.

It is a directory: `UPLOADS_DATA` names it, `var` is the default.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Protocol

from itsdangerous import BadSignature, URLSafeSerializer

from apiroutes import ApiError, Depends, Request, needs_secret_key

PIECE = 1024 * 1024  # bytes that are in memory at a time


@dataclass(frozen=True)
class Grant:
    """What a signed URL permits: one method, one key, and of the file its type, size in bytes and name."""

    method: str
    key: str
    type: str
    size: int
    name: str
    expires: int  # seconds since 1970


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class FileStore:
    def __init__(self, keys: Sequence[str], directory: Path) -> None:
        self._serializer = URLSafeSerializer(  # which signs with the last key, where ours is the first
            [*reversed(keys)], salt="store", signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"}
        )
        self._directory = directory

    def url(self, grant: Grant) -> str:
        return f"/store/{grant.key}?signature={self._serializer.dumps(asdict(grant))}"

    def granted(self, method: str, key: str, signature: str) -> Grant:
        """Return what the signature of a URL permits. Raises ApiError 403 if something else is asked for."""
        try:
            grant = Grant(**self._serializer.loads(signature))
        except BadSignature:
            raise ApiError(403, "The signature does not match") from None
        if (grant.method, grant.key) != (method, key):
            raise ApiError(403, "The signature is for something else")
        if grant.expires < time.time():
            raise ApiError(403, "The URL has expired")
        return grant

    def write(self, grant: Grant, content: Readable) -> None:
        """Store a file whole or not at all, and never over another."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._directory, prefix=".") as file:
            received = 0
            while received <= grant.size and (piece := content.read(PIECE)):
                received += file.write(piece)
            if received != grant.size:
                raise ApiError(400, f"The file is not of the {grant.size} bytes that were announced")
            file.flush()
            try:
                os.link(file.name, self.path(grant.key))
            except FileExistsError:
                raise ApiError(409, "There is such a file already") from None

    def begins_with(self, key: str, size: int, signature: bytes) -> bool | None:
        """Return whether a file of this size begins so; None if there is no such file."""
        path = self.path(key)
        if not path.exists() or path.stat().st_size != size:
            return None
        with path.open("rb") as file:
            return file.read(len(signature)) == signature

    def delete(self, key: str) -> None:
        self.path(key).unlink(missing_ok=True)

    def path(self, key: str) -> Path:
        return self._directory / key


@needs_secret_key
def _store(req: Request) -> FileStore:
    return FileStore(req.secret_keys.reveal(), Path(os.environ.get("UPLOADS_DATA", "var")) / "files")


Store = Annotated[FileStore, Depends(_store)]
