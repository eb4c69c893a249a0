"""Keys that an issuer publishes, over real HTTP: which are used, how long, and what failures do."""

from __future__ import annotations

import gzip
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apiroutes import App
from apiroutes.middleware import jwt
from apiroutes.testing import Client
from tests.security.jwks_server import (
    Behaviour,
    Issuer,
    certificate,
    cut,
    dripping_content,
    dripping_head,
    endless,
    hang,
    hanging_up,
    issuer,
    jwk,
    no_http,
    publishing,
    redirecting,
    sending,
)
from tests.security.tokens import RULES, SECRET, base64url, claims, private_key, send, token, with_header
from tests.support import app_of

DAY = 86400


class Clock:
    """The clock of the keys, which tests put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("apiroutes.security.jwks.time", SimpleNamespace(monotonic=made.monotonic))
    return made


@pytest.fixture
def server() -> Iterator[Issuer]:
    with issuer(publishing(jwk())) as running:
        yield running


def project(root: Path, url: str, algorithms: list[str] | None = None, options: str = "timeout=20") -> App:
    source = f"""
from apiroutes import use
from apiroutes.middleware import jwt
@use(jwt(jwks_url={url!r}, algorithms={algorithms or ["RS256"]!r}, {RULES}, {options}))
def GET(req):
    return {{'user': req.context['user']}}
"""
    return app_of(root, source)


def named(number: int = 0, algorithm: str = "RS256", **changes: Any) -> str:
    """A token of the key with a number, which names it."""
    key = private_key(algorithm, number)
    return token(algorithm, key, {"kid": changes.pop("kid", f"{algorithm}-{number}")}, **changes)


def until_read(server: Issuer, times: int) -> None:
    """Wait until the set has been asked for so many times, at most 30 seconds."""
    end = time.monotonic() + 30
    while len(server.paths) < times:
        assert time.monotonic() < end
        time.sleep(0.01)


# -- which keys are used -------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "ES512", "EdDSA"])
def test_a_token_of_a_published_key_signs_in(tmp_path: Path, server: Issuer, algorithm: str) -> None:
    server.publish(jwk("ES384", 7), jwk(algorithm), jwk(algorithm, 1))
    app = project(tmp_path, server.url, [algorithm])
    assert send(app, named(1, algorithm)).json()["user"]["sub"] == "ada"


def test_the_set_is_read_once_for_many_requests(tmp_path: Path, server: Issuer) -> None:
    app = project(tmp_path, server.url)
    assert {send(app, named()).status for _ in range(20)} == {200}
    assert len(server.paths) == 1


USABLE = {
    "without use": jwk(use=...),
    "without alg": jwk(alg=...),
    "with its alg": jwk(alg="RS256"),
    "with key_ops": jwk(key_ops=["verify"]),
    "with members that are not known": jwk(x="y", x5t="z"),
}
UNUSABLE = {
    "for encryption": jwk(use="enc"),
    "for another operation": jwk(key_ops=["encrypt"]),
    "key_ops as a text": jwk(key_ops="verify"),
    "of another alg": jwk(alg="RS512"),
    "of an alg for encryption": jwk(alg="RSA-OAEP"),
    "of an unknown kind": jwk(kty="AKP"),
    "of another kind": jwk("ES256"),
    "without a kind": jwk(kty=...),
    "with a private part": jwk(d="AQAB"),
    "a secret": {"kty": "oct", "kid": "RS256-0", "k": base64url(SECRET)},
    "of no number (CVE-2026-102274)": jwk(n="!!"),
    "of an empty number": jwk(n=""),
    "of a number that is no text": jwk(n=5),
    "of an even exponent": jwk(e=base64url(b"\2")),
    "of 1024 bits": jwk(n=base64url(b"\xc1" + bytes(126) + b"\1")),
    "kid as a number": jwk(kid=1),
    "no object": "RS256-0",
    "null": None,
    "a list": [jwk()],
}


@pytest.mark.parametrize("key", USABLE.values(), ids=USABLE)
def test_such_keys_are_used(tmp_path: Path, server: Issuer, key: Any) -> None:
    server.publish(key)
    assert send(project(tmp_path, server.url), named()).status == 200


@pytest.mark.parametrize("key", UNUSABLE.values(), ids=UNUSABLE)
def test_such_keys_are_left_out_and_others_used(tmp_path: Path, server: Issuer, key: Any) -> None:
    server.publish(key, jwk(number=1))
    app = project(tmp_path, server.url)
    assert [send(app, named(number)).status for number in (0, 1)] == [401, 200]


@pytest.mark.parametrize("claimed", ["HS256", "RS256"])
def test_a_published_secret_signs_nobody_in(tmp_path: Path, server: Issuer, claimed: str) -> None:
    server.publish({"kty": "oct", "kid": "a", "k": base64url(SECRET)}, jwk())
    assert send(project(tmp_path, server.url), with_header(SECRET, alg=claimed, kid="a")).status == 401


def test_of_two_keys_with_one_name_the_first_is_used(tmp_path: Path, server: Issuer) -> None:
    server.publish(jwk(kid="a"), jwk(number=1, kid="a"))
    app = project(tmp_path, server.url)
    assert [send(app, named(number, kid="a")).status for number in (0, 1)] == [200, 401]


@pytest.mark.parametrize(
    ("keys", "status"),
    [([jwk()], 200), ([jwk(), jwk(number=1)], 401), ([jwk(kid=...), jwk(number=1)], 200), ([], 401)],
)
def test_a_token_without_kid_needs_a_set_that_leaves_no_choice(
    tmp_path: Path, server: Issuer, keys: list[Any], status: int
) -> None:
    server.publish(*keys)
    assert send(project(tmp_path, server.url), token("RS256")).status == status


def test_a_set_without_keys_lets_nobody_in_and_is_told(
    tmp_path: Path, server: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    server.publish()
    assert send(project(tmp_path, server.url), named()).status == 401
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"the JWK Set at {server.url} has no key for RS256: no token is valid"
    ]


# -- servers that fail ---------------------------------------------------------------------------

KEYS = [jwk()]
BROKEN: dict[str, Behaviour] = {
    "hangs": hang,
    "drips its head": dripping_head(KEYS),
    "drips its content": dripping_content(KEYS),
    "sends without end": endless,
    "sends too much": sending(json.dumps({"keys": KEYS, "x": "x" * 2_000_000}).encode()),
    "ends too early": cut(KEYS),
    "hangs up": hanging_up,
    "is broken": sending(b'{"keys": []}', 500),
    "has no such file": sending(b"Not Found", 404),
    "has nothing": sending(b"", 204),
    "sends a page": sending(b"<!doctype html><title>Sign in</title>"),
    "sends JSON of another form": sending(b"[]"),
    "sends keys of another form": sending(b'{"keys": {}}'),
    "sends null": sending(b"null"),
    "sends JSON that nests": sending(b'{"keys": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "sends bytes": sending(gzip.compress(json.dumps({"keys": KEYS}).encode()), Content_Encoding="gzip"),
    "sends no HTTP": no_http,
    "redirects to itself": redirecting("/jwks.json"),
    "redirects to a file": redirecting("file:///etc/passwd"),
    "redirects to another scheme": redirecting("ftp://127.0.0.1/"),
}


@pytest.mark.parametrize("behave", BROKEN.values(), ids=BROKEN)
def test_without_keys_the_answer_is_503(
    tmp_path: Path, server: Issuer, behave: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    server.behave = behave
    app = project(tmp_path, server.url, options="timeout=0.4")
    answers = [send(app, named()) for _ in range(3)]
    assert {answer.status for answer in answers} == {503}
    assert 1 <= int(answers[0].header("Retry-After") or 0) <= 10
    until_quiet(app)
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len([record for record in told if "cannot be read" in record.getMessage()]) == 1


@pytest.mark.parametrize("behave", BROKEN.values(), ids=BROKEN)
def test_keys_from_before_stay_in_use(
    tmp_path: Path, server: Issuer, behave: Behaviour, clock: Clock
) -> None:
    app = project(tmp_path, server.url, options="timeout=1.5")
    assert send(app, named()).status == 200
    server.behave = behave
    clock.ahead += DAY - 60
    assert [send(app, named()).status for _ in range(3)] == [200, 200, 200]


def until_quiet(app: App) -> None:
    """Wait until no thread reads a set any more."""
    end = time.monotonic() + 30
    while any(thread.name == "apiroutes-jwks" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_server_that_is_gone_is_503_and_its_return_is_noticed(
    tmp_path: Path, server: Issuer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    server.behave = hanging_up
    app = project(tmp_path, server.url)
    assert send(app, named()).status == 503
    server.publish(jwk())
    clock.ahead += 11
    assert send(app, named()).status == 200
    assert f"the JWK Set at {server.url} can be read again" in caplog.messages


def test_keys_are_forgotten_after_a_day_without_the_server(
    tmp_path: Path, server: Issuer, clock: Clock
) -> None:
    app = project(tmp_path, server.url)
    assert send(app, named()).status == 200
    server.behave = hanging_up
    clock.ahead += DAY + 60
    assert send(app, named()).status == 503
    assert send(app, named()).status == 503


def test_garbage_is_401_while_the_server_hangs_and_asks_for_nothing(tmp_path: Path, server: Issuer) -> None:
    """The header is read before any key is looked for."""
    server.behave = hang
    app = project(tmp_path, server.url)
    assert [send(app, text).status for text in ("a.b.c", with_header(), "x" * 9000)] == [401, 401, 401]
    assert server.paths == []


def test_redirects_are_followed_on_the_same_host_alone(tmp_path: Path, server: Issuer) -> None:
    server.behave = redirecting("/keys")
    assert send(project(tmp_path, server.url), named()).status == 200
    with issuer(publishing(jwk())) as other:
        server.behave = redirecting(other.url)
        assert send(project(tmp_path / "other", server.url), named()).status == 503
        assert other.paths == []


@pytest.mark.parametrize(("is_trusted", "status"), [(True, 200), (False, 503)])
def test_https_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool, status: int
) -> None:
    file, context = certificate(tmp_path)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with issuer(publishing(jwk()), context) as server:
        assert send(project(tmp_path / "project", server.url), named()).status == status


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_handshake_that_nobody_answers_ends(tmp_path: Path, greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/jwks.json"
        app = project(tmp_path, url, options="timeout=0.4")
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(send, app, named())
            connection, _ = listening.accept()
            with connection:
                connection.sendall(greeting)
                assert answer.result().status == 503


GEVENT = """
from gevent import monkey
monkey.patch_all()
import sys
from pathlib import Path
import gevent
from apiroutes import App
from tests.support import call
app, (token, *_) = App(Path(sys.argv[1])), sys.argv[2:]
headers = [("Authorization", f"Bearer {token}")]
with gevent.Timeout(60):
    calls = [gevent.spawn(call, app, headers=headers) for _ in range(20)]
    gevent.joinall(calls)
    print({one.value.status for one in calls})
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_greenlets_wait_for_one_reading(tmp_path: Path, server: Issuer, kind: str) -> None:
    def slowly(exchange: Any) -> None:
        exchange.wait(0.3)
        publishing(jwk())(exchange)

    server.behave = slowly
    source = f"""
from typing import Annotated
from apiroutes import Depends
from apiroutes.middleware import jwt
step = jwt(jwks_url={server.url!r}, algorithms=["RS256"], {RULES}, timeout=20)
middleware = [step]
{kind} GET(user: Annotated[dict, Depends(step)]):
    return dict(user)
"""
    app_of(tmp_path, source)
    command = [sys.executable, "-c", GEVENT, str(tmp_path), named()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2])
    assert done.stdout == "{200}\n", done.stderr
    assert len(server.paths) == 1


# -- for how long --------------------------------------------------------------------------------

LIFETIMES = [
    ({}, 470, 1),
    ({}, 490, 2),
    ({"Cache_Control": "max-age=1200"}, 950, 1),
    ({"Cache_Control": "public, Max-Age=1200, must-revalidate"}, 970, 2),
    ({"Cache_Control": 'max-age="1200"'}, 950, 1),
    ({"Cache_Control": "max-age=1200", "Age": "1100"}, 90, 2),
    ({"Cache_Control": "max-age=1"}, 40, 1),
    ({"Cache_Control": "max-age=1"}, 55, 2),
    ({"Cache_Control": "no-store"}, 40, 1),
    ({"Cache_Control": "no-store, max-age=1200"}, 55, 2),
    ({"Cache_Control": "max-age=31536000"}, 2800, 1),
    ({"Cache_Control": "max-age=31536000"}, 2900, 2),
    ({"Cache_Control": "s-maxage=10, x-max-age=10"}, 470, 1),
    ({"Cache_Control": "max-age=-5"}, 470, 1),
    ({"Cache_Control": "max-age=1200", "Age": "soon"}, 950, 1),
]


@pytest.mark.parametrize(("headers", "seconds", "readings"), LIFETIMES)
def test_the_set_is_read_anew_before_its_time_is_over(
    tmp_path: Path, server: Issuer, clock: Clock, headers: dict[str, str], seconds: float, readings: int
) -> None:
    server.publish(jwk(), **headers)
    app = project(tmp_path, server.url)
    send(app, named())
    clock.ahead += seconds
    assert send(app, named()).status == 200
    until_read(server, readings)
    until_quiet(app)
    assert len(server.paths) == readings


def test_it_is_read_anew_in_the_background(tmp_path: Path, server: Issuer, clock: Clock) -> None:
    """A request whose key is there waits for nothing, though the server hangs."""
    app = project(tmp_path, server.url, options="timeout=30")
    send(app, named())
    server.behave = hang
    clock.ahead += 500
    assert [send(app, named()).status for _ in range(3)] == [200, 200, 200]
    until_read(server, 2)


def test_no_request_waits_for_a_server_that_has_just_failed(
    tmp_path: Path, server: Issuer, clock: Clock
) -> None:
    """Or all would, again and again, for as long as it is away."""
    goes_on = threading.Event()

    def replace_late(exchange: Any) -> None:
        goes_on.wait(5)
        publishing(jwk(number=1))(exchange)

    app = project(tmp_path, server.url)
    assert send(app, named()).status == 200
    server.behave = hanging_up
    clock.ahead += 601
    assert send(app, named()).status == 200
    until_quiet(app)
    server.behave = replace_late
    clock.ahead += 11
    assert send(app, named()).status == 200  # 401 with the keys that it has not waited for
    goes_on.set()
    until_quiet(app)
    assert [send(app, named(number)).status for number in (0, 1)] == [401, 200]


def test_a_key_that_was_taken_away_is_not_used_once_the_time_is_over(
    tmp_path: Path, server: Issuer, clock: Clock
) -> None:
    app = project(tmp_path, server.url)
    assert send(app, named()).status == 200
    server.publish(jwk(number=1))
    clock.ahead += 601
    assert [send(app, named(number)).status for number in (0, 1)] == [401, 200]


def test_a_new_key_is_fetched_when_a_token_names_it(tmp_path: Path, server: Issuer, clock: Clock) -> None:
    app = project(tmp_path, server.url)
    send(app, named())
    server.publish(jwk(), jwk(number=1))
    clock.ahead += 11
    assert [send(app, named(number)).status for number in (1, 0)] == [200, 200]
    assert len(server.paths) == 2


def test_a_thousand_names_of_no_key_cost_two_readings(tmp_path: Path, server: Issuer, clock: Clock) -> None:
    """CVE-2026-101917: each unknown `kid` had the set read anew."""
    app = project(tmp_path, server.url)
    send(app, named())
    clock.ahead += 11
    _, content, signature = named().split(".")
    for number in range(1000):
        forged = base64url(json.dumps({"alg": "RS256", "kid": f"made-up-{number}"}))
        assert send(app, f"{forged}.{content}.{signature}").status == 401
    assert len(server.paths) == 2
    assert send(app, named()).status == 200


def test_many_threads_wait_for_one_reading(tmp_path: Path, server: Issuer) -> None:
    arrived = threading.Event()

    def wait_for_all(exchange: Any) -> None:
        arrived.wait(30)
        publishing(jwk())(exchange)

    server.behave = wait_for_all
    app = project(tmp_path, server.url, options="timeout=30")
    text = named()
    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(send, app, text) for _ in range(16)]
        until_read(server, 1)
        arrived.set()
        assert {answer.result().status for answer in answers} == {200}
    assert len(server.paths) == 1


@pytest.mark.parametrize("seconds", [11, 601])
def test_requests_with_a_new_key_wait_for_the_reading_that_runs(
    tmp_path: Path, server: Issuer, clock: Clock, seconds: float
) -> None:
    """At a rotation many come at once, and after an hour without requests too."""
    goes_on = threading.Event()

    def wait(exchange: Any) -> None:
        goes_on.wait(30)
        publishing(jwk(number=1))(exchange)

    app = project(tmp_path, server.url)
    send(app, named())
    server.behave = wait
    clock.ahead += seconds
    text = named(1)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(send, app, text)
        until_read(server, 2)
        others = [pool.submit(send, app, text) for _ in range(7)]
        time.sleep(0.05)  # they would be refused by now
        goes_on.set()
        assert {answer.result().status for answer in (first, *others)} == {200}
    assert len(server.paths) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_during_a_reading_reads_for_itself(tmp_path: Path, server: Issuer) -> None:
    """A fork takes no thread along, and nobody would ever end the reading that runs."""
    goes_on = threading.Event()

    def wait(exchange: Any) -> None:
        goes_on.wait(30)
        publishing(jwk())(exchange)

    server.behave = wait
    app = project(tmp_path, server.url, options="timeout=20")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(send, app, named())
        until_read(server, 1)
        server.publish(jwk())
        child = os.fork()
        if child == 0:
            os._exit(0 if send(app, named()).status == 200 else 1)
        _, status = os.waitpid(child, 0)
        goes_on.set()
        assert answer.result().status == 200
    assert os.waitstatus_to_exitcode(status) == 0


# -- users and dependencies ----------------------------------------------------------------------

KINDS = {
    "a plain handler": "def GET(user: Annotated[dict, Depends(step)]):\n    return dict(user)",
    "an async handler": "async def GET(user: Annotated[dict, Depends(step)]):\n    return dict(user)",
    "middleware": "@use(step)\ndef GET(req):\n    return dict(req.context['user'])",
    "middleware of an async handler": "@use(step)\nasync def GET(req):\n    return dict(req.context['user'])",
    "both": "@use(step)\ndef GET(user: Annotated[dict, Depends(step)]):\n    return dict(user)",
}
USERS = {
    "claims": "None",
    "plain": "lambda claims: {'sub': claims['sub']}",
    "async": "make_user",
    "a coroutine of a plain function": "lambda claims: make_user(claims)",
    "with the request": "lambda claims, req: {'sub': claims['sub']}",
}


@pytest.mark.parametrize("handler", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_keys_are_fetched_for_any_kind_of_handler(
    tmp_path: Path, server: Issuer, handler: str, user: str
) -> None:
    app = app_of(
        tmp_path,
        f"""
from typing import Annotated
from apiroutes import Depends, use
from apiroutes.middleware import jwt
async def make_user(claims):
    return {{'sub': claims['sub']}}
step = jwt(jwks_url={server.url!r}, algorithms=["RS256"], {RULES}, user={user})
{handler}
""",
    )
    assert [send(app, text).status for text in (named(), named(), None, "a.b.c")] == [200, 200, 401, 401]
    assert send(app, named()).json()["sub"] == "ada"
    server.behave = hang


@pytest.mark.parametrize("handler", KINDS.values(), ids=KINDS)
def test_503_reaches_any_kind_of_handler(tmp_path: Path, server: Issuer, handler: str) -> None:
    server.behave = hanging_up
    app = app_of(
        tmp_path,
        f"""
from typing import Annotated
from apiroutes import Depends, use
from apiroutes.middleware import jwt
step = jwt(jwks_url={server.url!r}, algorithms=["RS256"], {RULES}, timeout=0.4)
{handler}
""",
    )
    assert [send(app, named()).status for _ in range(2)] == [503, 503]


# -- URLs ----------------------------------------------------------------------------------------

URLS = [
    ("https://issuer.example/jwks.json", None),
    ("https://issuer.example:8443/realms/a/certs?x=1", None),
    ("http://localhost:8080/jwks", None),
    ("http://127.0.0.1/jwks", None),
    ("http://[::1]:8080/jwks", None),
    ("http://issuer.example/jwks", "is not https"),
    ("http://localhost.evil.example/jwks", "is not https"),
    ("http://127.0.0.1.evil.example/jwks", "is not https"),
    ("http://0.0.0.0/jwks", "is not https"),
    ("ftp://issuer.example/jwks", "is not a URL"),
    ("file:///etc/jwks.json", "is not a URL"),
    ("issuer.example/jwks", "is not a URL"),
    ("https://", "is not a URL"),
    ("https:///jwks", "is not a URL"),
    ("https://issuer.example/a b", "is not a URL"),
    ("https://issuer.example/\r\nX: y", "is not a URL"),
    ("https://issuer.example:port/jwks", "is not a URL"),
    ("https://[::1/jwks", "is not a URL"),
    ("https://user:pass@issuer.example/jwks", "user name or a password"),
    ("", "is not a URL"),
    (b"https://issuer.example/jwks", "bytes"),
]


@pytest.mark.parametrize(("url", "message"), URLS)
def test_the_url_is_checked_at_start(url: Any, message: str | None) -> None:
    def make() -> object:
        return jwt(jwks_url=url, algorithms=["RS256"], audience="api", issuer=None)

    if message is None:
        make()
    else:
        with pytest.raises((ValueError, TypeError), match=message):
            make()


def test_http_is_allowed_when_told() -> None:
    jwt(
        jwks_url="http://keycloak:8080/certs",
        algorithms=["RS256"],
        audience="api",
        issuer=None,
        allow_http=True,
    )


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_published_keys_are_no_secrets(algorithm: str) -> None:
    with pytest.raises(ValueError, match="need a secret"):
        jwt(
            jwks_url="https://issuer.example/jwks",
            algorithms=[algorithm],
            audience="api",
            issuer=None,
        )


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), "2", None])
def test_the_timeout_is_a_time(timeout: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="timeout"):
        jwt(
            jwks_url="https://issuer.example/jwks",
            algorithms=["RS256"],
            audience="api",
            issuer=None,
            timeout=timeout,
        )


def test_claims_are_checked_as_with_a_key(tmp_path: Path, server: Issuer) -> None:
    app = project(tmp_path, server.url)
    assert [send(app, named(aud=aud)).status for aud in ("api", "other")] == [200, 401]
    assert claims()["aud"] == "api"


@pytest.mark.parametrize("handler", KINDS.values(), ids=KINDS)
def test_a_test_replaces_the_step_and_needs_no_issuer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handler: str
) -> None:
    step: Any = jwt(jwks_url="https://issuer.example/jwks", algorithms=["RS256"], audience="api", issuer=None)
    monkeypatch.setitem(sys.modules, "published_step", SimpleNamespace(step=step))
    source = f"""
from typing import Annotated
from apiroutes import Depends, use
from published_step import step
{handler}
"""
    client = Client(app_of(tmp_path, source))
    with client.override(step, lambda: {"sub": "cy"}):
        assert client.get("/api/x").json == {"sub": "cy"}
    assert client.get("/api/x").status_code == 401
