"""A body that several functions of one request read: dependencies, each in its own way, and the handler."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exits.support import HEAD, through
from tests.support import app_of, call, project

SOURCE = (
    HEAD
    + """
from dataclasses import dataclass
from apiroutes import UploadFile
@dataclass
class Meta:
    tag: str
{0}def meta(body: Meta): return body.tag
{0}def raw(body): return body
{0}def data(request): return request.get_json()
{0}def upload(file: UploadFile): return file.read().decode()
META, RAW = Annotated[str, Depends(meta)], Annotated[dict, Depends(raw)]
{1}def POST(a: META, b: RAW, c: Annotated[dict, Depends(data)], body): return [a, b, c, body]
{1}def PUT(a: META, body: Meta): return [a, body.tag]
{1}def PATCH(a: RAW, request): return [a, request.body, request.raw_body.decode()]
{1}def DELETE(a: Annotated[str, Depends(upload)], request): return [a, list(request.files), request.body]
"""
)
VALUE = {"tag": "t", "x": 1}
JSON = ([("Content-Type", "application/json")], b'{"tag": "t", "x": 1}')
FORM = (
    [("Content-Type", "multipart/form-data; boundary=B")],
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhi\r\n'
    b'--B\r\nContent-Disposition: form-data; name="k"\r\n\r\nv\r\n--B--\r\n',
)
MIDDLEWARE = ["", "next()", "req.body; next()"]


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("dependency", ["", "async "])
@pytest.mark.parametrize("handler", ["", "async "])
@pytest.mark.parametrize("middleware", MIDDLEWARE)
@pytest.mark.parametrize(
    ("method", "content", "expected"),
    [
        ("POST", JSON, ["t", VALUE, VALUE, VALUE]),
        ("PUT", JSON, ["t", "t"]),
        ("PATCH", JSON, [VALUE, VALUE, JSON[1].decode()]),
        ("DELETE", FORM, ["hi", ["file"], {"k": "v"}]),
    ],
)
def test_each_gets_the_whole_body(
    tmp_path: Path,
    method: str,
    content: tuple[list[tuple[str, str]], bytes],
    expected: list[object],
    middleware: str,
    handler: str,
    dependency: str,
    interface: str,
) -> None:
    if middleware:
        source = f"def middleware(req, res, next):\n    {middleware}\n"
        project(tmp_path, {"pages/api/_middleware.py": source})
    app = app_of(tmp_path, SOURCE.format(dependency, handler))
    answer = call(through(app, interface), method, headers=content[0], body=content[1])
    assert answer.json() == expected
