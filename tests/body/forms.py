"""Multipart forms for the tests, and a route that shows what it receives."""

from __future__ import annotations

from typing import Any

from apiroutes import App
from tests.support import Answer, call

Part = tuple[str, bytes]


SHOW = """
config = {"api": {"bodyParser": {"sizeLimit": "3mb"}}}
def handler(req, res):
    files = req.files.items(multi=True)
    shown = [[name, file.filename, file.mimetype, len(file.read())] for name, file in files]
    res.json({"fields": req.body, "files": shown})
"""


def form(*parts: Part, boundary: str = "X", end: bytes = b"--\r\n") -> bytes:
    """Each part is its header lines, joined by CRLF, and its content."""
    pieces = [f"--{boundary}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n" for headers, content in parts]
    return b"".join(pieces) + f"--{boundary}".encode() + end


def field(name: str, content: bytes, more: str = "") -> Part:
    return (f'Content-Disposition: form-data; name="{name}"{more}', content)


def upload(name: str, filename: str, content: bytes, media_type: str = "text/plain") -> Part:
    headers, _ = field(name, b"", f'; filename="{filename}"')
    return (f"{headers}\r\nContent-Type: {media_type}", content)


def post(app: App, body: bytes, boundary: str = "X", **extra: Any) -> Answer:
    return call(
        app, "POST", "/api/x", [("Content-Type", f"multipart/form-data; boundary={boundary}")], body, **extra
    )
