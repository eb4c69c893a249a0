"""Bodies of every type for the tests, routes that show them, and an input that counts its reads."""

from __future__ import annotations

import io
from typing import Any

from apiroutes import App
from tests.support import Answer, Extra, call

JSON, FORM, TEXT, BYTES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "application/octet-stream",
)
MULTIPART = "multipart/form-data; boundary=X"
SAMPLES = {
    JSON: b'{"a": [1, "\xc3\xa9"]}',
    "application/ld+json": b'{"a": [1, 2]}',
    FORM: b"a=1&b=%C3%A9",
    MULTIPART: b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n',
    TEXT: "héllo".encode(),
    BYTES: b"\x00\x01\xff",
}

SHOW = """
def handler(req, res):
    body = req.body
    kind = type(body).__name__
    res.json([kind, body.decode("latin-1") if isinstance(body, bytes) else body])
"""
ROUTES = {
    "pages/api/x.py": SHOW,
    "pages/api/length.py": "def handler(req, res):\n    res.json(len(req.body))\n",
    "pages/api/small.py": 'config = {"api": {"bodyParser": {"sizeLimit": "10b"}}}\n' + SHOW,
    "pages/api/none.py": 'config = {"api": {"bodyParser": {"sizeLimit": 0}}}\n' + SHOW,
}


def post(app: App, content_type: str | None, body: bytes, target: str = "/api/x", **extra: Any) -> Answer:
    headers = [] if content_type is None else [("Content-Type", content_type)]
    return call(app, "POST", target, headers, body, **extra)


def chunked(**more: Any) -> Extra:
    """Return the entries of an environ whose content is chunked."""
    return {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None, **more}


class CountingInput(io.BytesIO):
    """An input that returns at most `most` bytes for each read, and counts the bytes taken."""

    def __init__(self, content: bytes, most: int = 3) -> None:
        super().__init__(content)
        self.most = most
        self.taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "read without a bound"
        content = super().read(min(size, self.most))
        self.taken += len(content)
        return content
