"""Webhooks that nobody has signed: none reaches the handler, and none is a 500.

Each has what it is known from.
"""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.middleware import webhook
from tests.security.signed import BODY, OTHER, SECRET, SENDERS, Headers, digest, kind_of, signed
from tests.support import Extra, app_of, environ, exchange

ID, TIME = "webhook-id", "webhook-timestamp"
STANDARD, GITHUB, STRIPE, SLACK = (
    "webhook-signature",
    "X-Hub-Signature-256",
    "Stripe-Signature",
    "X-Slack-Signature",
)
SLACK_TIME = "X-Slack-Request-Timestamp"
KEY = SECRET.encode()
NOW = str(int(time.time()))


def app(root: Path, sender: str) -> App:
    step: Any = webhook(kind_of(sender), secret=SECRET)  # type: ignore[arg-type]
    return app_of(root, "def handler(req, res): return 'done'\n", middleware=[step])


def send(app: App, headers: Headers, body: bytes = BODY) -> int:
    """Send headers as the server has them: any text of Latin-1."""
    entries: Extra = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers}
    return exchange(app, environ("POST", body=body, CONTENT_TYPE="application/json", **entries)).status


def with_header(sender: str, name: str, value: str | None) -> Headers:
    """The headers of a right signature, but one."""
    headers = {key: text for key, text in signed(sender) if key.lower() != name.lower()}
    return [*(headers if value is None else headers | {name: value}).items()]


GARBAGE = [
    ("", "an empty header: librefang/librefang#3472"),
    (" ", "a blank header: librefang/librefang#3472"),
    ("\xe9", "no ASCII, for compare_digest: mishrasanjeev/grantex#892"),
    ("sha256=\xe9", "no ASCII, for compare_digest: mishrasanjeev/grantex#892"),
    ("v1,\xff\xfe", "no ASCII, for base64: standardwebhooks 1.1"),
    ("garbage", "no separator, for unpacking: standardwebhooks 1.1"),
    ("v1", "no signature, for unpacking: standardwebhooks 1.1"),
    ("v1,", "an empty signature: standardwebhooks 1.1"),
    ("v1,a,b", "two separators, for unpacking: standardwebhooks 1.1"),
    ("v1,!!!!", "no base64: CWE-20"),
    ("v1=", "an empty signature: CWE-347"),
    ("t=,v1=", "an empty time: CWE-20"),
    ("t=" + NOW, "a time alone: CWE-347"),
    ("t=" + NOW + ",v1", "no value: CWE-20"),
    ("=,=,=", "names without letters: CWE-20"),
    ("," * 1000, "separators alone: CWE-400"),
    ("sha256=", "an empty signature: CWE-347"),
    ("sha256=" + "0" * 63, "a digit too few: CWE-347"),
    ("sha256=" + "0" * 65, "a digit too many: CWE-347"),
    ("sha256=" + " " * 64, "blanks, which bytes.fromhex skips: CWE-20"),
    ("sha256=" + "g" * 64, "no digits: CWE-20"),
    ("none=" + "0" * 64, "no algorithm: CVE-2015-9235 of jsonwebtoken"),
    ("\x00" * 64, "NULs: CWE-158"),
    ("v1," + "A" * 100_000, "a long header: CWE-400"),
    (" ".join(["v1," + "A" * 43 + "="] * 10_000), "thousands of signatures: CWE-400"),
    ("t=1," + ",".join(["v1=" + "0" * 64] * 10_000), "thousands of signatures: CWE-400"),
]


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize(("value", "known_from"), GARBAGE, ids=[known for _, known in GARBAGE])
def test_garbage_is_refused(tmp_path: Path, sender: str, value: str, known_from: str) -> None:
    (name,) = [name for name, _ in signed(sender) if name.lower().endswith(("signature", "signature-256"))]
    assert send(app(tmp_path, sender), with_header(sender, name, value)) in (400, 401)


def hexadecimal(key: bytes, content: bytes) -> str:
    return digest(key, content).hex()


def standard(identifier: str, sent: str, body: bytes = BODY, key: str = SECRET) -> str:
    secret = base64.b64decode(key.removeprefix("whsec_"))
    return "v1," + base64.b64encode(digest(secret, f"{identifier}.{sent}.".encode() + body)).decode()


def forged() -> list[tuple[str, Headers, str]]:
    """The headers of requests of this moment."""
    now = int(time.time())
    right = dict(signed("standard"))[STANDARD].removeprefix("v1,")
    return [
        # A signature that is weaker, or of something else.
        ("github", [("X-Hub-Signature", "sha1=" + "0" * 40)], "SHA-1 alone: CVE-2005-4900"),
        ("github", [(GITHUB, "sha1=" + hexadecimal(KEY, BODY))], "another algorithm's name: CWE-757"),
        ("github", [(GITHUB, hexadecimal(KEY, BODY))], "no algorithm: CWE-757"),
        ("github", [(GITHUB, "sha256=" + hexadecimal(KEY, b""))], "of no body: CWE-347"),
        (
            "github",
            [(GITHUB, "sha256=" + hexadecimal(b"", BODY))],
            "by an empty secret: librefang/librefang#3472",
        ),
        ("github", [(GITHUB, "sha256=" + hexadecimal(b"None", BODY))], "by the text None: CWE-1188"),
        ("github", [(GITHUB, "sha256=" + hexadecimal(KEY, BODY)[:32])], "the first half: CWE-347"),
        (
            "github",
            [(GITHUB, f"sha256={'0' * 64},sha256={hexadecimal(KEY, BODY)}")],
            "two lines, as servers join them: CWE-444",
        ),
        (
            "stripe",
            [(STRIPE, f"t={now},v0={hexadecimal(KEY, str(now).encode() + b'.' + BODY)}")],
            "v0, which is for tests: Stripe's documentation",
        ),
        ("stripe", [(STRIPE, f"v1={hexadecimal(KEY, BODY)}")], "no time: own-pay/OwnPay#296"),
        (
            "stripe",
            [(STRIPE, f"t={now},v1={hexadecimal(KEY, BODY)}")],
            "a time that is not signed: linear/linear#1268",
        ),
        ("stripe", [(STRIPE, f"t={now},t=1,v1={hexadecimal(KEY, b'1.' + BODY)}")], "two times: CWE-235"),
        ("stripe", [(STRIPE, f"t=1,t={now},v1={hexadecimal(KEY, b'1.' + BODY)}")], "two times: CWE-235"),
        (
            "stripe",
            [(STRIPE, f"t=1,v1={hexadecimal(KEY, b'1.' + BODY)}")],
            "an old one: flippercloud/flipper#1022",
        ),
        (
            "stripe",
            [(STRIPE, f"t={now + 9999},v1={hexadecimal(KEY, f'{now + 9999}.'.encode() + BODY)}")],
            "one of the future: camunda/connectors#8989",
        ),
        (
            "stripe",
            [(STRIPE, f"t={'9' * 400},v1={hexadecimal(KEY, b'9' * 400 + b'.' + BODY)}")],
            "a time of 400 digits: CVE-2020-10735",
        ),
        ("stripe", [(STRIPE, f"t=-1,v1={hexadecimal(KEY, b'-1.' + BODY)}")], "a negative time: CWE-20"),
        (
            "stripe",
            [(STRIPE, f"t=nan,v1={hexadecimal(KEY, b'nan.' + BODY)}")],
            "no number, which nothing is far from: nextlyhq/nextly#227",
        ),
        (
            "stripe",
            [(STRIPE, f"t=inf,v1={hexadecimal(KEY, b'inf.' + BODY)}")],
            "an infinite time: nextlyhq/nextly#227",
        ),
        (
            "stripe",
            [(STRIPE, f"t={now}.0,v1={hexadecimal(KEY, f'{now}.0.'.encode() + BODY)}")],
            "a time with a fraction: CWE-20",
        ),
        ("slack", with_header("slack", SLACK, "v1=" + "0" * 64), "another version: CWE-757"),
        ("slack", with_header("slack", SLACK_TIME, None), "no time: own-pay/OwnPay#296"),
        ("slack", with_header("slack", SLACK_TIME, "0"), "a time that is not signed: linear/linear#1268"),
        (
            "slack",
            with_header("slack", SLACK_TIME, str(now + 1)),
            "a time that is not signed: linear/linear#1268",
        ),
        ("slack", with_header("slack", SLACK_TIME, "1e9"), "a time as a float: CWE-20"),
        (
            "slack",
            with_header("slack", SLACK_TIME, "\xb2"),
            "a digit of another script, which int() refuses: CWE-20",
        ),
        ("slack", signed("slack", age=9999), "an old one: Agent-Field/agentfield#717"),
        ("slack", signed("slack", age=-9999), "one of the future: camunda/connectors#8989"),
        ("standard", with_header("standard", ID, None), "no id: svix"),
        ("standard", with_header("standard", ID, ""), "an empty id: svix"),
        ("standard", with_header("standard", ID, "msg_2"), "another id, so that it counts as new: CWE-294"),
        ("standard", with_header("standard", TIME, None), "no time: own-pay/OwnPay#296"),
        (
            "standard",
            with_header("standard", TIME, str(now + 100)),
            "a time that is not signed: linear/linear#1268",
        ),
        ("standard", with_header("standard", TIME, "NaN"), "no number: NangoHQ/nango#6218"),
        (
            "standard",
            with_header("standard", STANDARD, f"v1a,{right}"),
            "of a public key: Standard Webhooks 1.0.0",
        ),
        (
            "standard",
            with_header("standard", STANDARD, f"v2,{right}"),
            "a version that does not exist: CWE-757",
        ),
        ("standard", with_header("standard", STANDARD, right), "no version: CWE-757"),
        ("standard", with_header("standard", STANDARD, f"v1,{right[:20]}"), "the first half: CWE-347"),
        (
            "standard",
            with_header("standard", STANDARD, f"v1,{'A' * 43}=,v1,{right}"),
            "two lines, as servers join them: CWE-444",
        ),
        (
            "standard",
            with_header("standard", STANDARD, standard("msg_1", str(now), key=OTHER)),
            "of another endpoint: CWE-347",
        ),
        (
            "standard",
            [("svix-id", "msg_1"), (TIME, str(now)), (STANDARD, standard("msg_1", str(now)))],
            "the id of the other spelling: svix",
        ),
        (
            "standard",
            [*signed("svix"), (STANDARD, "v1," + "A" * 43 + "=")],
            "both spellings, of which one is wrong: svix",
        ),
    ]


FORGED = [f"{sender}: {known_from}" for sender, _, known_from in forged()]


@pytest.mark.parametrize("number", range(len(FORGED)), ids=FORGED)
def test_what_is_not_signed_is_refused(tmp_path: Path, number: int) -> None:
    sender, headers, _ = forged()[number]
    assert send(app(tmp_path, sender), headers) in (400, 401)


def test_the_parts_that_are_signed_cannot_be_shifted(tmp_path: Path) -> None:
    """An id with a full stop would have the time at another place, and the rest as its body: CWE-347."""
    now = int(time.time())
    body = f"{now}.5".encode()
    headers = {ID: "msg_1", TIME: str(now), STANDARD: standard("msg_1", str(now), body)}
    standard_app = app(tmp_path, "standard")
    assert send(standard_app, [*headers.items()], body) == 200
    shifted = headers | {ID: f"msg_1.{now}"}
    assert send(standard_app, [*shifted.items()], b"5") == 400


BODIES = [
    (BODY + b"\n", "a line more: CWE-345"),
    (BODY.replace(b": ", b":"), "the same JSON, written again: CWE-345"),
    (BODY.decode().encode("utf-16"), "another encoding: CWE-345"),
    (b"\xef\xbb\xbf" + BODY, "a byte order mark: CWE-345"),
    (BODY + b"\x00", "a NUL more: CWE-345"),
    (bytes(range(256)), "bytes that are no text, for decode(): standardwebhooks 1.1"),
    (b"\xff" * 1000, "bytes that are no text, for decode(): stripe 16.1"),
    (b"", "no body: CWE-345"),
]


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize(("body", "known_from"), BODIES, ids=[known for _, known in BODIES])
def test_another_body_is_refused(tmp_path: Path, sender: str, body: bytes, known_from: str) -> None:
    assert send(app(tmp_path, sender), signed(sender), body) == 401


@pytest.mark.parametrize("sender", SENDERS)
def test_a_signature_of_one_sender_is_none_of_another(tmp_path: Path, sender: str) -> None:
    of_sender = app(tmp_path, sender)
    others = [other for other in SENDERS if kind_of(other) != kind_of(sender)]
    assert [send(of_sender, signed(other)) for other in others] == [401] * len(others)
    assert send(of_sender, signed(sender)) == 200
