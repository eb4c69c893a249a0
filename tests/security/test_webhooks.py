"""webhook(): which requests are signed, and what the others are told."""

from __future__ import annotations

import json
import logging
import math
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from apiroutes import App
from apiroutes.middleware import webhook
from apiroutes.secret_keys import SecretKeys
from tests.security.signed import BODY, OTHER, SECRET, SENDERS, Headers, kind_of, signed
from tests.support import app_of, call

JSON = ("Content-Type", "application/json")
HANDLER = "def POST(req): return req.body\n"
AGES = timedelta(days=36500)  # for signatures of documents


def app(root: Path, sender: str, handler: str = HANDLER, *, secret: Any = SECRET, **options: Any) -> App:
    step: Any = webhook(kind_of(sender), secret=secret, **options)  # type: ignore[arg-type]
    return app_of(root, handler, middleware=[step])


def status(app: App, headers: Headers, body: bytes = BODY) -> int:
    return call(app, "POST", headers=[JSON, *headers], body=body).status


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("handler", [HANDLER, f"async {HANDLER}"], ids=["sync", "async"])
def test_what_is_signed_reaches_the_handler_parsed(tmp_path: Path, sender: str, handler: str) -> None:
    answer = call(app(tmp_path, sender, handler), "POST", headers=[JSON, *signed(sender)], body=BODY)
    assert (answer.status, answer.json()) == (200, json.loads(BODY))


@pytest.mark.parametrize("sender", SENDERS)
def test_a_body_that_is_not_parsed_is_checked_too(tmp_path: Path, sender: str) -> None:
    handler = "config = {'api': {'bodyParser': False}}\ndef POST(req): return req.stream.read()\n"
    answer = call(app(tmp_path, sender, handler), "POST", headers=signed(sender), body=BODY)
    assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.parametrize("sender", SENDERS)
def test_bytes_that_are_no_text_are_checked_too(tmp_path: Path, sender: str) -> None:
    body = bytes(range(256))
    handler = "def POST(req): return req.raw_body\n"
    headers = [("Content-Type", "application/octet-stream"), *signed(sender, body)]
    assert call(app(tmp_path, sender, handler), "POST", headers=headers, body=body).body == body


FORM = b'--B\r\nContent-Disposition: form-data; name="payload"\r\n\r\n1\r\n--B--\r\n'


@pytest.mark.parametrize("sender", SENDERS)
def test_forms_are_parsed_once_they_are_checked(tmp_path: Path, sender: str) -> None:
    handler = "def POST(req): return req.body\n"
    forms = {
        "application/x-www-form-urlencoded": b"payload=1",
        "multipart/form-data; boundary=B": FORM,
    }
    of_sender = app(tmp_path, sender, handler)
    for content_type, body in forms.items():
        headers = [("Content-Type", content_type), *signed(sender, body)]
        assert call(of_sender, "POST", headers=headers, body=body).json() == {"payload": "1"}
        assert call(of_sender, "POST", headers=headers, body=body + b"\r\n").status == 401


@pytest.mark.parametrize("sender", SENDERS)
def test_an_empty_body_is_checked_too(tmp_path: Path, sender: str) -> None:
    of_sender = app(tmp_path, sender, "def POST(): return 'ping'\n")
    assert (
        status(of_sender, signed(sender, b""), b"") == 204
        or status(of_sender, signed(sender, b""), b"") == 200
    )
    assert status(of_sender, signed(sender), b"") == 401


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], BODY.replace(b"ping", b"pong"), b""])
def test_another_body_is_a_401(tmp_path: Path, sender: str, body: bytes) -> None:
    assert status(app(tmp_path, sender), signed(sender), body) == 401


@pytest.mark.parametrize("sender", SENDERS)
def test_another_secret_is_a_401(tmp_path: Path, sender: str) -> None:
    assert status(app(tmp_path, sender), signed(sender, secret=OTHER)) == 401


@pytest.mark.parametrize("sender", SENDERS)
def test_a_request_without_a_signature_is_a_401_with_a_challenge(tmp_path: Path, sender: str) -> None:
    answer = call(app(tmp_path, sender), "POST", headers=[JSON], body=BODY)
    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == f'Webhook realm="{kind_of(sender)}"'
    assert "signature" in answer.text.lower()


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize(
    "secret",
    [
        [SECRET, OTHER],
        [OTHER, SECRET],
        (OTHER, SECRET),
        SecretKeys([OTHER, SECRET]),
        [OTHER, SecretKeys([SECRET])],
    ],
)
def test_any_of_several_secrets_will_do(tmp_path: Path, sender: str, secret: Any) -> None:
    of_sender = app(tmp_path, sender, secret=secret)
    assert status(of_sender, signed(sender)) == 200
    assert status(of_sender, signed(sender, secret=OTHER)) == 200
    assert status(of_sender, signed(sender, secret="whsec_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB")) == 401


@pytest.mark.parametrize("sender", ["standard", "svix", "stripe"])
@pytest.mark.parametrize("order", [1, -1])
def test_any_of_several_signatures_will_do(tmp_path: Path, sender: str, order: int) -> None:
    right, wrong = (dict(signed(sender, secret=secret)) for secret in (SECRET, OTHER))
    name = next(name for name in right if name.lower().endswith("signature"))
    separator = "," if sender == "stripe" else " "
    found = [headers[name].partition(",v0")[0] for headers in (right, wrong)]
    if sender == "stripe":
        time, found = found[0].partition(",")[0], [part.partition(",")[2] for part in found]
        right[name] = ",".join([time, *found[::order]])
    else:
        right[name] = separator.join(found[::order])
    assert status(app(tmp_path, sender), [*right.items()]) == 200


@pytest.mark.parametrize("sender", [sender for sender in SENDERS if sender != "github"])
@pytest.mark.parametrize(
    ("age", "expected"), [(0, 200), (280, 200), (-280, 200), (320, 401), (-320, 401), (10**9, 401)]
)
def test_a_signature_counts_for_five_minutes(tmp_path: Path, sender: str, age: float, expected: int) -> None:
    assert status(app(tmp_path, sender), signed(sender, age=age)) == expected


@pytest.mark.parametrize("tolerance", [60, 60.0, timedelta(minutes=1)])
def test_the_window_can_be_another(tmp_path: Path, tolerance: Any) -> None:
    of_sender = app(tmp_path, "stripe", tolerance=tolerance)
    assert [status(of_sender, signed("stripe", age=age)) for age in (40, 80, -80)] == [200, 401, 401]


def test_a_signature_of_github_has_no_time(tmp_path: Path) -> None:
    assert status(app(tmp_path, "github", tolerance=1), signed("github")) == 200


# The examples of the senders' documentation; that of Stripe is of its library.
SLACK = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url="
    b"https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
DOCUMENTED: list[tuple[str, str, Headers, bytes]] = [
    (
        "standard",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ],
        b'{"test": 2432232314}',
    ),
    (
        "github",
        "It's a Secret to Everybody",
        [("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")],
        b"Hello, World!",
    ),
    (
        "stripe",
        "whsec_test_secret",
        [
            (
                "Stripe-Signature",
                "t=1614265330,v1=d8ad0119c04884f963d66fde235b40b6fb9b013e987cbf5471d69f2574a46d8e",
            )
        ],
        b'{"id": "evt_1", "object": "event"}',
    ),
    (
        "slack",
        "8f742231b10e8888abcd99yyyzzz85a5",
        [
            ("X-Slack-Request-Timestamp", "1531420618"),
            ("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
        ],
        SLACK,
    ),
]


@pytest.mark.parametrize(
    ("sender", "secret", "headers", "body"), DOCUMENTED, ids=["standard", "github", "stripe", "slack"]
)
def test_the_examples_of_the_senders_are_signed(
    tmp_path: Path, sender: str, secret: str, headers: Headers, body: bytes
) -> None:
    of_sender = app(
        tmp_path, sender, "def POST(req): return len(req.raw_body)\n", secret=secret, tolerance=AGES
    )
    text = ("Content-Type", "text/plain")
    assert call(of_sender, "POST", headers=[text, *headers], body=body).json() == len(body)
    assert call(of_sender, "POST", headers=[text, *headers], body=body + b" ").status == 401


def test_what_the_library_of_standard_webhooks_signs_is_accepted(tmp_path: Path) -> None:
    now = datetime.now(tz=timezone.utc)
    signature = Webhook(SECRET).sign("msg_2", now, BODY.decode())
    headers = [
        ("webhook-id", "msg_2"),
        ("webhook-timestamp", str(int(now.timestamp()))),
        ("webhook-signature", signature),
    ]
    assert status(app(tmp_path, "standard"), headers) == 200


def test_what_is_signed_here_is_accepted_by_the_library_of_standard_webhooks() -> None:
    assert Webhook(SECRET).verify(BODY, dict(signed("standard"))) == json.loads(BODY)


@pytest.mark.parametrize(("sender", "expected"), [("standard", "msg_1"), ("svix", "msg_1"), ("github", None)])
def test_the_id_of_a_standard_webhook_tells_repetitions(
    tmp_path: Path, sender: str, expected: str | None
) -> None:
    handler = "def POST(req): return [req.context.get('webhook_id')]\n"
    answer = call(app(tmp_path, sender, handler), "POST", headers=[JSON, *signed(sender)], body=BODY)
    assert answer.json() == [expected]


def test_a_body_over_the_limit_is_a_413(tmp_path: Path) -> None:
    handler = "config = {'api': {'bodyParser': {'sizeLimit': 100}}}\n" + HANDLER
    body = b'"' + b"x" * 200 + b'"'
    assert status(app(tmp_path, "github", handler), signed("github", body), body) == 413


def test_a_refusal_is_a_problem_for_those_who_prefer_json(tmp_path: Path) -> None:
    headers = [JSON, ("Accept", "application/json"), *signed("github", secret=OTHER)]
    answer = call(app(tmp_path, "github"), "POST", headers=headers, body=BODY)
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.json()["detail"] == "The signature does not match the body"


def test_the_log_says_why_without_a_part_of_the_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    of_sender = app(tmp_path, "slack")
    with caplog.at_level(logging.INFO, "apiroutes"):
        status(of_sender, signed("slack", secret=OTHER))
        status(of_sender, signed("slack", X_Slack_Signature="v0=no"))
    assert [record.getMessage() for record in caplog.records if "webhook" in record.getMessage()] == [
        "A webhook of 'slack' was refused with 401: The signature does not match the body",
        "A webhook of 'slack' was refused with 400: The header X-Slack-Signature is malformed",
    ]


def test_the_document_names_the_header(tmp_path: Path) -> None:
    document = app(tmp_path, "github").openapi()
    assert document["components"]["securitySchemes"] == {
        "github_webhook": {"type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"}
    }


# -- at start


@pytest.mark.parametrize(
    ("sender", "secret", "message"),
    [
        ("github", None, 'and write `secret=os.environ["GITHUB_WEBHOOK_SECRET"]`'),
        ("stripe", None, 'write `secret=os.environ["STRIPE_WEBHOOK_SECRET"]`'),
        ("github", "", "the secret is empty"),
        ("github", " \t", "the secret is empty"),
        ("github", ["good" * 5, ""], "the secret is empty"),
        ("github", "good\n", "the secret has white space around it"),
        ("github", [], "the list of secrets is empty"),
        ("standard", "whsec_", "the secret is not base64 after `whsec_`"),
        ("standard", "whsec_====", "the secret is not base64 after `whsec_`"),
        ("standard", "whsec_a", "the secret is not base64 after `whsec_`"),
        ("standard", "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "the secret is not base64 after `whsec_`"),
        ("standard", "hünter2", "the secret is not base64 after `whsec_`"),
        ("standard", "whsec_YWI=", "the secret has fewer than 16 bytes, and could be guessed"),
        ("github", "good", "the secret has fewer than 16 bytes, and could be guessed. Make one: python"),
        ("slack", "good", "the secret has fewer than 16 bytes, and could be guessed. Copy all"),
        ("stripe", ["good" * 5, "good"], "the secret has fewer than 16 bytes, and could be guessed. Copy"),
        ("stripe", "sk_live_goodgoodgoodgood", "the secret is an API key. Copy the webhook's secret instead"),
        ("stripe", "rk_test_goodgoodgoodgood", "the secret is an API key. Copy the webhook's secret instead"),
        ("slack", "xoxb-good-goodgoodgoodgood", "the secret is an access token. Copy the webhook's"),
        ("github", "ghp_goodgoodgoodgoodgoodgoodgoodgood", "the secret is an access token. Copy the"),
        ("github", "github_pat_goodgoodgoodgoodgood", "the secret is an access token. Copy the"),
    ],
)  # fmt: skip
def test_a_secret_that_is_no_secret_is_told_at_start(sender: Any, secret: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        webhook(sender, secret=secret)
    assert "good" not in str(raised.value)
    assert "MfKQ9r8" not in str(raised.value)


@pytest.mark.parametrize("secret", [1, b"bytes", [None], [["nested"]], {"a": 1}])
def test_a_secret_of_another_type_is_told_at_start(secret: Any) -> None:
    with pytest.raises(TypeError, match="neither a string nor a list of strings"):
        webhook("github", secret=secret)


@pytest.mark.parametrize(
    "secret",
    ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZ", "whsec_MfKQ9r8GKYqrTwjUPD8ILQ=="],
)
def test_a_standard_secret_may_lack_prefix_and_padding(secret: str) -> None:
    webhook("standard", secret=secret)


@pytest.mark.parametrize("tolerance", [0, -1, math.inf, math.nan, timedelta(0)])
def test_a_window_of_no_time_or_of_all_time_is_told_at_start(tolerance: Any) -> None:
    with pytest.raises(ValueError, match="takes more than 0 seconds"):
        webhook("stripe", secret=SECRET, tolerance=tolerance)


@pytest.mark.parametrize("tolerance", [None, "300", True])
def test_a_window_of_another_type_is_told_at_start(tolerance: Any) -> None:
    with pytest.raises(TypeError, match="takes seconds or a timedelta"):
        webhook("stripe", secret=SECRET, tolerance=tolerance)


@pytest.mark.parametrize(
    ("sender", "message"), [("githab", "Did you mean 'github'?"), ("paypal", "Expected one of 'github'")]
)
def test_a_sender_that_nobody_knows_is_told_at_start(sender: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        webhook(sender, secret=SECRET)
