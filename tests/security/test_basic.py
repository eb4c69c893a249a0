"""`basic`: names and passwords."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from apiroutes import hash_password
from apiroutes.middleware import basic
from tests.security.steps import OTHER, SECRET, USERS, basic_header, bearer_header
from tests.support import app_of, call

HANDLER = "middleware = [current_user]\ndef GET(req):\n    return [req.context['user']]\n"
KNOWN = USERS + "current_user = basic({'ada': SECRET, 'béa': OTHER})\n" + HANDLER
CHALLENGE = 'Basic realm="api", charset="UTF-8"'


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("credentials", "user"),
    [(f"ada:{SECRET}", "ada"), (f"béa:{OTHER}", "béa")],
)
def test_a_password_is_its_users(tmp_path: Path, credentials: str, user: str) -> None:
    assert call(app_of(tmp_path, KNOWN), headers=basic_header(credentials)).json() == [user]


@pytest.mark.parametrize("scheme", ["basic ", "BASIC ", "Basic   "])
def test_the_scheme_is_in_any_case(tmp_path: Path, scheme: str) -> None:
    authorization = scheme + encoded(f"ada:{SECRET}".encode())
    assert call(app_of(tmp_path, KNOWN), HTTP_AUTHORIZATION=authorization).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic " + encoded(b"ada"),
        "Basic " + encoded(b"ada:"),
        "Basic " + encoded(f":{SECRET}".encode()),
        "Basic " + encoded(f"ada:{OTHER}".encode()),
        "Basic " + encoded(f"bob:{SECRET}".encode()),
        "Basic " + encoded(f"ada:{SECRET}\n".encode()),
        "Basic " + encoded(f"ada\x00:{SECRET}".encode()),
        "Basic " + encoded(f"ada:{SECRET}".encode()).rstrip("=")[:-1],
        "Basic " + encoded(f"ada:{SECRET}".encode()) + "!",
        "Basic " + encoded(f"ada:{SECRET}".encode()) + " x",
        "Basic " + encoded(f"ada:{SECRET}".encode()) + ", Basic " + encoded(f"ada:{SECRET}".encode()),
        "Basic " + encoded(b"ada:\xff\xfe"),
        "Basic " + encoded("béa:".encode("latin-1") + OTHER.encode()),
        "Basic \xe9",
        "Basic " + "A" * 9000,
        f"Basic ada:{SECRET}",
        f"Bearer {SECRET}",
    ],
)
def test_anything_else_is_a_401_with_the_challenge(tmp_path: Path, authorization: str | None) -> None:
    answer = call(app_of(tmp_path, KNOWN), HTTP_AUTHORIZATION=authorization)
    assert (answer.status, answer.all("WWW-Authenticate")) == (401, [CHALLENGE])
    assert answer.header("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    "verify",
    [
        "def verify(name, password):\n    return name == 'ada' and password == 'a:b'\n",
        "async def verify(name, password):\n    return name == 'ada' and password == 'a:b'\n",
        "def verify(name, password, req):\n    return 'ada' if password == 'a:b' and req.path else None\n",
        """
async def look_up(name, password):
    return name == 'ada' and password == 'a:b'
def verify(name, password):
    return look_up(name, password)
""",
    ],
)
def test_a_function_gets_both_and_may_say_yes(tmp_path: Path, verify: str) -> None:
    app = app_of(tmp_path, USERS + verify + "current_user = basic(verify)\n" + HANDLER)
    assert call(app, headers=basic_header("ada:a:b")).json() == ["ada"]
    assert call(app, headers=basic_header("ada:a")).status == 401


def test_passwords_may_be_hashed(tmp_path: Path) -> None:
    source = f"current_user = basic({{'ada': {hash_password('short')!r}}})\n"
    app = app_of(tmp_path, USERS + source + HANDLER)
    assert call(app, headers=basic_header("ada:short")).json() == ["ada"]
    assert call(app, headers=basic_header("ada:shorter")).status == 401
    assert call(app, headers=basic_header("bob:short")).status == 401


def test_an_optional_user_may_be_nobody(tmp_path: Path) -> None:
    app = app_of(tmp_path, KNOWN.replace("})", "}, optional=True)"))
    assert call(app).json() == [None]
    assert call(app, headers=bearer_header(SECRET)).json() == [None]
    assert call(app, headers=basic_header("ada:x")).status == 401


@pytest.mark.parametrize(
    ("verify", "error", "message"),
    [
        (None, TypeError, "NoneType"),
        (SECRET, TypeError, "write a function, or a dict"),
        ({}, ValueError, "empty dict"),
        ({"ada": None}, TypeError, "of 'ada' is None: is its environment variable set"),
        ({"ada": 5}, TypeError, "not a string"),
        ({"a:b": SECRET}, ValueError, "without colons"),
        ({"": SECRET}, ValueError, "cannot be sent"),
        ({"a\n": SECRET}, ValueError, "cannot be sent"),
        ({"ada": "short"}, ValueError, "of 'ada' has fewer than 15 characters"),
        ({"ada": "password123password"}, ValueError, "placeholder"),
        ({"ada": "another long password"}, ValueError, "or has too little besides words of one"),
        ({"ada": "$2b$12$KIXQQ0vQxVYkQ1o0J3r0eOQ8oH7V7cX5y"}, ValueError, "another kind than Argon2,"),
        ({"ada": "pbkdf2_sha256$260000$x$abcdefghijkl"}, ValueError, "another kind than Argon2,"),
        ({"ada": "$argon2id$cut"}, ValueError, "not a complete Argon2 hash"),
        ({"ada": SECRET, "bob": "$argon2id$v=19$m=65536,t=3,p=4$YWJj$YWJj"}, ValueError, "hash them all"),
        (lambda name: None, TypeError, "the name and the password"),
    ],
)
def test_what_can_verify_nothing_is_refused(verify: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        basic(verify)  # type: ignore[call-overload]
    assert SECRET not in str(raised.value)
