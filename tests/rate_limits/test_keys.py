"""Whose requests are counted together."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from apiroutes import App
from tests.asgi_server import AsWSGI
from tests.rate_limits.limited import LIMITED, OK, admitted, limited_app, statuses
from tests.support import Extra, call, project


def is_one_count(root: Path, first: str | None, second: str | None) -> bool:
    """Whether a request from an address uses up the limit of another one."""
    return admitted(limited_app(root, "'1/hour'"), [first, second]) == [True, False]


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:0DB8:0001:0002:0:0:0:5", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:a00:1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("64:ff9b::10.0.0.1", "10.0.0.1", True),
        ("64:ff9b::10.0.0.1", "64:ff9b::10.0.0.2", False),
        ("2002:a00:1::1", "2002:a00:1:ffff::2", True),
        ("2002:a00:1:7::1", "10.0.0.1", True),
        ("2002:a00:1::1", "2002:a00:2::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("10.0.0.1:5000", "10.0.0.1", True),
        ("[2001:db8:1:2::1]:5000", "2001:db8:1:2::9", True),
        ("::1", "127.0.0.1", False),
        ("", None, True),
        ("nonsense", "10.0.0.1", False),
        ("a:b:c", "a:b:d", False),
        ("x" * 100_000, "x" * 100_001, False),
    ],
)
def test_addresses_are_counted_as_networks(
    tmp_path: Path, first: str | None, second: str | None, is_one: bool
) -> None:
    assert is_one_count(tmp_path, first, second) == is_one


def test_a_server_without_addresses_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from apiroutes.rate_limits import keys

    keys._warn_of_no_address.cache_clear()  # another test may have had its warning
    admitted(limited_app(tmp_path, "'9/hour'"), ["", None, ""])
    assert [record.getMessage() for record in caplog.records] == [
        "A rate limit counts all clients as one: the server gives no address, as behind a Unix socket. "
        "Put `proxy_fix` before it, or count by something else."
    ]


FORWARDED = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP"]


@pytest.mark.parametrize("name", FORWARDED)
def test_no_header_of_a_client_changes_its_address(tmp_path: Path, name: str) -> None:
    app = limited_app(tmp_path, "'1/hour'")
    values = ["1.1.1.1", "for=2.2.2.2", "3.3.3.3, 4.4.4.4"]
    assert [call(app, headers=[(name, value)]).status for value in values] == [200, 429, 429]


def test_a_trusted_proxy_says_the_address(tmp_path: Path) -> None:
    before = "from apiroutes.middleware import proxy_fix\n"
    source = "'1/hour')]\nmiddleware = [proxy_fix(x_for=1), *middleware, *(() and [0]"
    app = limited_app(tmp_path, source, before=before)
    values = ["1.1.1.1", "9.9.9.9, 1.1.1.1", "1.1.1.1, 2.2.2.2", "2.2.2.2"]
    assert [call(app, headers=[("X-Forwarded-For", value)]).status for value in values] == [
        200,
        429,
        200,
        429,
    ]


SIGN_IN = """
from dataclasses import dataclass
from uuid import UUID
from apiroutes.middleware import rate_limit

class User:
    def __init__(self, id): self.id = id

class Nobody: pass

@dataclass
class Person:
    name: str
    visits: int

def sign_in(req, res, next):
    name = req.headers.get("X-User")
    if name:
        req.context["user"] = eval(name)
    return next()

middleware = [sign_in, rate_limit({arguments})]
"""


def signed_in_app(root: Path, arguments: str) -> App:
    files = {"middleware.py": SIGN_IN.replace("{arguments}", arguments), "pages/api/x.py": OK}
    return App(project(root, files), rate_limit_store="memory")


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("User(1)", "User(1)", True),
        ("User(1)", "User(2)", False),
        ("User(1)", "User('1')", True),
        ("{'id': 1, 'sub': 'a'}", "{'id': 1, 'sub': 'b'}", True),
        ("{'sub': 'a'}", "{'sub': 'a', 'exp': 5}", True),
        ("{'sub': 'a'}", "{'sub': 'b'}", False),
        ("'ann'", "'ann'", True),
        ("'ann'", "'bob'", False),
        ("0", "0", True),
        ("User(UUID(int=1))", "{'id': UUID(int=1)}", True),
        ("User(UUID(int=1))", "User(UUID(int=2))", False),
        ("'x' * 100_000", "'x' * 100_001", False),
        ("'\\ud800'", "'\\ud801'", False),
        # Who has signed in is nobody's address, and an address is nobody.
        ("'127.0.0.1'", "", False),
    ],
)
def test_users_are_counted_by_what_names_them(tmp_path: Path, first: str, second: str, is_one: bool) -> None:
    app = signed_in_app(tmp_path, "'1/hour', by='user'")
    found = [call(app, headers=[("X-User", user)]).status for user in (first, second)]
    assert found == [200, 429 if is_one else 200]


def test_whoever_has_not_signed_in_is_counted_by_address(tmp_path: Path) -> None:
    app = signed_in_app(tmp_path, "'1/hour', by='user'")
    assert admitted(app, ["10.0.0.1", "10.0.0.1", "10.0.0.2"]) == [True, False, True]


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("Nobody()", "a rate limit cannot count by a user that is a Nobody without `id` and `sub`"),
        ("Person('ann', 1)", "a rate limit cannot count by a user that is a Person without `id` and `sub`"),
        ("{'exp': 5}", "a rate limit cannot count by a user that is a dict without `id` and `sub`"),
        ("{}", "a rate limit cannot count by a user that is a dict without `id` and `sub`"),
        ("{'id': None}", "a rate limit cannot count by a user that is a dict without `id` and `sub`"),
        ("('ann', 1)", "a rate limit cannot count by a user that is a tuple without `id` and `sub`"),
        ("True", "a rate limit cannot count by a user that is a bool without `id` and `sub`"),
        ("User(Nobody())", "a rate limit cannot count by 'Nobody'"),
    ],
)
def test_a_user_without_a_name_is_a_fault_that_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, user: str, message: str
) -> None:
    app = signed_in_app(tmp_path, "'1/hour', by='user'")
    assert call(app, headers=[("X-User", user)]).status == 500
    assert message in caplog.text


STEPS = """
from apiroutes.middleware import any_of, api_key, basic, bearer, rate_limit

def user_of(key): return "ann" if key[0] in "123" else None
def verify(name, password): return user_of(password)
middleware = [any_of(basic(verify), bearer(user_of), api_key(user_of, header="X-API-Key"),
                     api_key(user_of, cookie="key", scheme_name="cookie_key"), optional=True),
              rate_limit("1/hour", by="key")]
"""
ANN_1, ANN_2 = "YW5uOjE=", "YW5uOjI="  # ann:1, ann:2 in base64


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ({"Authorization": "Bearer 1"}, {"Authorization": "Bearer 1"}, True),
        ({"Authorization": "Bearer 1"}, {"Authorization": "Bearer 2"}, False),
        ({"Authorization": f"Basic {ANN_1}"}, {"Authorization": f"Basic {ANN_2}"}, False),
        ({"X-API-Key": "1"}, {"X-API-Key": "2"}, False),
        ({"Cookie": "key=1"}, {"Cookie": "key=2"}, False),
        # Of one user, and not the same credential.
        ({"Authorization": "Bearer 1"}, {"X-API-Key": "1"}, False),
        # Spelled otherwise, and beside others that nobody has checked, it is the same one.
        ({"Authorization": "Bearer 1"}, {"Authorization": "bEARER   1"}, True),
        ({"Authorization": f"Basic {ANN_1}"}, {"Authorization": f"basic {ANN_1}"}, True),
        ({"Authorization": "Bearer 1"}, {"Authorization": "Bearer 1", "X-API-Key": "2"}, True),
        ({"X-API-Key": "1"}, {"X-API-Key": "1", "Authorization": "Nothing 2"}, True),
        ({"Cookie": "key=1"}, {"Cookie": "a=b; key=1", "Authorization": "Nothing 2"}, True),
        # Nobody has signed in.
        ({"Authorization": "Nothing 4"}, {"Authorization": "Nothing 5"}, True),
    ],
)
def test_credentials_count_that_somebody_has_signed_in_with(
    tmp_path: Path, first: dict[str, str], second: dict[str, str], is_one: bool
) -> None:
    app = App(project(tmp_path, {"middleware.py": STEPS, "pages/api/x.py": OK}), rate_limit_store="memory")
    found = [call(app, headers=[*headers.items()]).status for headers in (first, second)]
    assert found == [200, 429 if is_one else 200]


def test_what_a_function_of_the_project_has_checked_is_counted_by_user(tmp_path: Path) -> None:
    app = signed_in_app(tmp_path, "'1/hour', by='key'")
    found = []
    for user, headers in [
        ("'a'", [("Authorization", "Bearer 1")]),
        ("'a'", [("Authorization", "Bearer 2")]),
        ("'a'", [("X-API-Key", "3")]),
        ("'b'", [("X-API-Key", "3")]),
        ("'b'", []),
        ("", [("Authorization", "Bearer 4")]),
        ("", [("X-API-Key", "6")]),
    ]:
        found.append(call(app, headers=[("X-User", user), *headers]).status)
    assert found == [200, 429, 429, 200, 429, 200, 429]


STEP = """
from apiroutes.middleware import *
A, B = "k9TqWx3bZr8nVf2mLs7pYd", "Hc4RgE6uJt1wQa5xNz0oBy"
step = {step}
"""
A, B = "k9TqWx3bZr8nVf2mLs7pYd", "Hc4RgE6uJt1wQa5xNz0oBy"
BY_KEY = 'api_key({"a": A, "b": B}, header="X-API-Key")'
Fields = list[tuple[str, str]]


def basic(scheme: str, credentials: str) -> tuple[str, str]:
    return "Authorization", f"{scheme} {base64.b64encode(credentials.encode()).decode()}"


@pytest.mark.parametrize(
    ("step", "first", "second", "is_one"),
    [
        (BY_KEY, [("X-API-Key", A)], [("X-API-Key", A)], True),
        (BY_KEY, [("X-API-Key", A)], [("X-API-Key", B)], False),
        (BY_KEY, [("X-API-Key", A)], [("X-API-Key", A), ("Authorization", "Bearer 1")], True),
        ('api_key(A, header="X-Partner")', [("X-Partner", A)], [("X-Partner", A), ("X-API-Key", "1")], True),
        ('api_key(A, cookie="k")', [("Cookie", f"k={A}")], [("Cookie", f"k={A}"), ("X-API-Key", "1")], True),
        ('api_key(A, cookie="k")', [("Cookie", f"k={A}")], [("Cookie", f"a=1; k={A}")], True),
        ("bearer(A)", [("Authorization", f"Bearer {A}")], [("Authorization", f"bearer {A}")], True),
        ("bearer(A)", [("Authorization", f"Bearer {A}")], [("Authorization", f"Bearer  {A}")], True),
        ("bearer([A, B])", [("Authorization", f"Bearer {A}")], [("Authorization", f"Bearer {B}")], False),
        # The user is no text here, and need not be.
        (
            "bearer(lambda token: object())",
            [("Authorization", f"Bearer {A}")],
            [("Authorization", f"BEARER {A}")],
            True,
        ),
        ("basic({'ann': A})", [basic("Basic", f"ann:{A}")], [basic("BASIC", f"ann:{A}")], True),
        ("basic({'ann': A, 'bob': A})", [basic("Basic", f"ann:{A}")], [basic("Basic", f"bob:{A}")], False),
        (
            f"any_of(bearer(A), {BY_KEY})",
            [("Authorization", f"Bearer {A}")],
            [("Authorization", f"Bearer {A}"), ("X-API-Key", B)],
            True,
        ),
        (
            f"any_of(bearer(A), {BY_KEY})",
            [("Authorization", f"Bearer {A}")],
            [("X-API-Key", A)],
            False,
        ),
        # Nobody: by address.
        ("bearer(A, optional=True)", [], [("X-API-Key", "1")], True),
    ],
)
def test_what_a_step_has_accepted_counts_as_the_key(
    tmp_path: Path, step: str, first: Fields, second: Fields, is_one: bool
) -> None:
    files = {
        "steps.py": STEP.format(step=step),
        "middleware.py": "from steps import step\n" + LIMITED.format(arguments="'1/hour', by='key'"),
        "pages/api/x.py": OK,
    }
    files["middleware.py"] += "middleware.insert(0, step)\n"
    app = App(project(tmp_path, files), rate_limit_store="memory")
    assert [call(app, headers=fields).status for fields in (first, second)] == [200, 429 if is_one else 200]


def test_the_last_key_that_was_accepted_counts(tmp_path: Path) -> None:
    """An optional step after it, which had no credentials, has accepted nothing."""
    before = STEP.format(step='[api_key([A, B], header="X-API-Key"), bearer(A, optional=True)]')
    limit = LIMITED.format(arguments="'1/hour', by='key'")
    source = before + limit + "middleware = [*step, *middleware]\n"
    files = {"middleware.py": source, "pages/api/x.py": OK}
    app = App(project(tmp_path, files), rate_limit_store="memory")
    assert [call(app, headers=[("X-API-Key", key)]).status for key in (A, A, B)] == [200, 429, 200]


VALUES = """
from dataclasses import make_dataclass
from typing import NamedTuple
Visitor = make_dataclass("Visitor", ["name", "page"])
class Pair(NamedTuple):
    name: str
    page: str
"""


@pytest.mark.parametrize(
    ("by", "values", "found"),
    [
        ("lambda req: req.query.get('v')", ["a", "a", "b"], [200, 429, 200]),
        ("lambda req: int(req.query.get('v'))", ["1", "01", "2"], [200, 429, 200]),
        ("lambda req: None", ["a", "a"], [200, 200]),
        ("lambda req: ''", ["a", "b"], [200, 429]),
        ("lambda req: req.query.get('v').encode()", ["a", "a", "b"], [200, 429, 200]),
        ("lambda req: (req.query.get('v'), 1)", ["a", "a", "b"], [200, 429, 200]),
        ("lambda req: object()", ["a"], [500]),
        ("lambda req: Visitor('ann', req.query['v'])", ["a"], [500]),
        ("lambda req: Pair('ann', req.query['v'])", ["a", "a", "b"], [200, 429, 200]),
        ("lambda req: 1 / 0", ["a", "b"], [500, 500]),
        ("lambda req: req.body['email']", ["a"], [500]),
    ],
)
def test_a_function_says_who_it_is(tmp_path: Path, by: str, values: list[str], found: list[int]) -> None:
    app = limited_app(tmp_path, f"'1/hour', by={by}", before=VALUES)
    assert [call(app, target=f"/api/x?v={value}").status for value in values] == found


def test_a_function_may_look_into_the_body(tmp_path: Path) -> None:
    handler = "def POST(req): return req.body\n"
    app = limited_app(tmp_path, "'1/hour', by=lambda req: req.body['email']", handler)
    bodies = [b'{"email": "a"}', b'{"email": "a"}', b'{"email": "b"}', b"{"]
    headers = [("Content-Type", "application/json")]
    assert [call(app, "POST", headers=headers, body=body).status for body in bodies] == [200, 429, 200, 400]


UPLOAD = (
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 200_000 + b"\r\n"
    b'--B\r\nContent-Disposition: form-data; name="email"\r\n\r\nann\r\n--B--\r\n'
)


@pytest.mark.parametrize(
    "argument",
    ["by=lambda req: req.body['email']", "cost=lambda req: len(req.files)", "by='body.email'"],
)
def test_a_function_may_wait_for_the_body_beside_an_event_loop(tmp_path: Path, argument: str) -> None:
    handler = "async def POST(req): return req.body['email']\n"
    app = limited_app(tmp_path, f"'1/hour', {argument}", handler)
    headers = [("Content-Type", "multipart/form-data; boundary=B")]
    server = AsWSGI(app.asgi)
    assert [call(server, "POST", headers=headers, body=UPLOAD).status for _ in range(2)] == [200, 429]


WHERE = """
import asyncio
places = []
def where(req):
    places.append(asyncio._get_running_loop() is not None)
    return 1
"""


@pytest.mark.parametrize("argument", ["by=where", "cost=where"])
def test_a_function_never_holds_the_event_loop(tmp_path: Path, argument: str) -> None:
    handler = "from limits_of_project import places\nasync def GET(): return places\n"
    files = {
        "limits_of_project.py": WHERE,
        "middleware.py": "from limits_of_project import where\n"
        + LIMITED.format(arguments=f"'9/hour', {argument}"),
        "pages/api/x.py": handler,
    }
    app = App(project(tmp_path, files), rate_limit_store="memory")
    assert call(AsWSGI(app.asgi)).body == b"[false]"


def test_no_address_is_in_the_file(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'9/hour'", rate_limit_store="sqlite")
    statuses(app, 3, **Extra(REMOTE_ADDR="203.0.113.77"))
    for file in (tmp_path / ".apiroutes").iterdir():
        assert b"203.0.113.77" not in file.read_bytes()
