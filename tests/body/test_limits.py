"""Werkzeug's limits, set for a class or a request, narrow those of a route."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import Request
from apiroutes.errors import ApiError
from tests.body.bodies import JSON, MULTIPART, chunked, post
from tests.support import app_of, environ

CONTENT = b'{"a": 1}'
TWO_PARTS = (
    b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--X\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nfile\r\n--X--\r\n'
)


LIMITED = """
config = {{"api": {{"bodyParser": {parsing}}}}}
def first(req, res, next):
    req.max_content_length = {most}
    next()
middleware = [first]
def handler(req, res):
    {read}
    res.end()
"""


@pytest.mark.parametrize(("most", "status"), [(7, 413), (8, 200), (10**9, 200), ("None", 200)])
@pytest.mark.parametrize(
    ("parsing", "read"), [(True, ""), (False, "req.raw_body"), (False, "req.stream.read()")]
)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_werkzeugs_limit_of_the_content_holds(
    tmp_path: Path, most: object, status: int, parsing: bool, read: str, is_chunked: bool
) -> None:
    app = app_of(tmp_path, LIMITED.format(most=most, parsing=parsing, read=read))
    extra = chunked() if is_chunked else {}
    assert post(app, JSON, CONTENT, **extra).status == status


def test_the_limit_of_a_route_holds_where_werkzeugs_is_larger(tmp_path: Path) -> None:
    app = app_of(tmp_path, LIMITED.format(most=100, parsing={"sizeLimit": "7b"}, read=""))
    assert (answer := post(app, JSON, CONTENT)).status == 413
    assert answer.body == b"Body exceeded 7b limit"


def test_werkzeugs_limit_may_be_set_for_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Small(Request):
        max_content_length = 7

    with pytest.raises(ApiError, match="exceeded 7"):
        Small(environ("POST", body=CONTENT)).get_data()
    monkeypatch.setattr(Request, "max_content_length", 7)
    assert post(app_of(tmp_path, "def handler(req, res): res.end()\n"), JSON, CONTENT).status == 413


@pytest.mark.parametrize(
    ("limit", "value", "status"),
    [
        ("max_form_parts", 1, 413),
        ("max_form_parts", 2, 200),
        ("max_form_memory_size", 0, 413),
        ("max_form_memory_size", 1, 200),
    ],
)
def test_werkzeugs_limits_of_a_form_hold(tmp_path: Path, limit: str, value: int, status: int) -> None:
    source = f"def first(req, res, next):\n    req.{limit} = {value}\n    next()\nmiddleware = [first]\n"
    app = app_of(tmp_path, source + "def handler(req, res): res.end()\n")
    assert post(app, MULTIPART, TWO_PARTS).status == status
