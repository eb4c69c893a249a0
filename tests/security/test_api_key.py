"""`api_key`: keys in a header or in a cookie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes.middleware import api_key
from tests.security.steps import OTHER, SECRET, USERS
from tests.support import app_of, call

HANDLER = "middleware = [current_user]\ndef GET(req):\n    return [req.context['user']]\n"
IN_HEADER = USERS + "current_user = api_key({'ada': SECRET}, header='X-API-Key')\n" + HANDLER
IN_COOKIE = USERS + "current_user = api_key({'ada': SECRET}, cookie='key')\n" + HANDLER


@pytest.mark.parametrize(
    ("source", "header", "vary"),
    [
        (IN_HEADER, ("X-API-Key", SECRET), "X-API-Key"),
        (IN_HEADER, ("x-api-key", SECRET), "X-API-Key"),
        (IN_COOKIE, ("Cookie", f"a=b; key={SECRET}; c=d"), "Cookie"),
    ],
)
def test_a_key_belongs_to_its_client(tmp_path: Path, source: str, header: tuple[str, str], vary: str) -> None:
    answer = call(app_of(tmp_path, source), headers=[header])
    assert (answer.json(), answer.header("Vary")) == (["ada"], vary)


@pytest.mark.parametrize(
    ("source", "headers"),
    [
        (IN_HEADER, []),
        (IN_HEADER, [("X-API-Key", "")]),
        (IN_HEADER, [("X-API-Key", SECRET[:-1])]),
        (IN_HEADER, [("X-API-Key", f"{SECRET} ")]),
        (IN_HEADER, [("X-API-Key", SECRET), ("X-API-Key", SECRET)]),
        (IN_HEADER, [("X-API-Key", "\xe9\xff")]),
        (IN_HEADER, [("X-API-Key", "a" * 9000)]),
        (IN_HEADER, [("Authorization", f"Bearer {SECRET}")]),
        (IN_HEADER, [("Cookie", f"X-API-Key={SECRET}")]),
        (IN_COOKIE, []),
        (IN_COOKIE, [("Cookie", "key=")]),
        (IN_COOKIE, [("Cookie", f"key={SECRET}x")]),
        (IN_COOKIE, [("Cookie", f"keys={SECRET}")]),
        (IN_COOKIE, [("Cookie", "key=%00%ff")]),
        (IN_COOKIE, [("Cookie", "key=" + "a" * 9000)]),
        (IN_COOKIE, [("X-API-Key", SECRET)]),
    ],
)
def test_anything_else_is_a_401_with_a_challenge(
    tmp_path: Path, source: str, headers: list[tuple[str, str]]
) -> None:
    answer = call(app_of(tmp_path, source), headers=headers)
    assert (answer.status, answer.all("WWW-Authenticate")) == (401, ['ApiKey realm="api"'])
    assert answer.header("Cache-Control") == "no-store"


def test_a_key_in_the_query_is_none(tmp_path: Path) -> None:
    assert call(app_of(tmp_path, IN_HEADER), target=f"/api/x?X-API-Key={SECRET}").status == 401


@pytest.mark.parametrize(
    "verify",
    [
        "def verify(key):\n    return {'good': 'ada'}.get(key)\n",
        "async def verify(key, request):\n    return {'good': 'ada'}.get(key) if request.path else None\n",
    ],
)
def test_a_function_tells_whose_key_it_is(tmp_path: Path, verify: str) -> None:
    app = app_of(tmp_path, USERS + verify + "current_user = api_key(verify, header='X-Key')\n" + HANDLER)
    assert call(app, headers=[("X-Key", "good")]).json() == ["ada"]
    assert call(app, headers=[("X-Key", "bad")]).status == 401


def test_an_optional_key_may_be_missing(tmp_path: Path) -> None:
    app = app_of(tmp_path, IN_HEADER.replace("Key')", "Key', optional=True)"))
    assert call(app).json() == [None]
    assert call(app, headers=[("X-API-Key", "x")]).status == 401


@pytest.mark.parametrize(
    ("verify", "places", "error", "message"),
    [
        (SECRET, {}, TypeError, "one place"),
        (SECRET, {"header": "X-Key", "cookie": "key"}, TypeError, "one place"),
        (SECRET, {"query": "key"}, TypeError, "query"),
        (SECRET, {"header": "X Key"}, ValueError, "cannot be the name of a header"),
        (SECRET, {"cookie": "a=b"}, ValueError, "cannot be the name of a cookie"),
        (SECRET, {"header": ""}, ValueError, "name of a header"),
        (SECRET, {"header": "authorization"}, ValueError, "write bearer"),
        (SECRET, {"header": "Cookie"}, ValueError, "cookie="),
        ("short", {"header": "X-Key"}, ValueError, "fewer than 22"),
        (f"{SECRET},{OTHER}", {"header": "X-Key"}, ValueError, "a request cannot carry"),
        (f"{SECRET};{OTHER}", {"cookie": "key"}, ValueError, "a request cannot carry"),
        (lambda: None, {"header": "X-Key"}, TypeError, "called with the key"),
    ],
)
def test_what_can_verify_nothing_is_refused(
    verify: object, places: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        api_key(verify, **places)  # type: ignore[call-overload]
