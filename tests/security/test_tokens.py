"""Which tokens are accepted: their form, their header, their signature and their claims."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from tests.security.tokens import (
    DAY,
    ISSUER,
    OTHER_SECRET,
    RULES,
    SECRET,
    base64url,
    claims,
    private_key,
    project,
    public_pem,
    send,
    signed_text,
    token,
    with_content,
    with_header,
)

CHALLENGE = 'Bearer realm="api", error="invalid_token"'
NOW = int(time.time())
ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
ALGORITHMS += ["ES256", "ES384", "ES512", "ES256K", "EdDSA"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_the_issuer_signs_in(tmp_path: Path, algorithm: str) -> None:
    key = SECRET if algorithm.startswith("HS") else public_pem(algorithm)
    answer = send(project(tmp_path, key, [algorithm]), token(algorithm))
    assert answer.status == 200
    assert answer.json()["user"]["sub"] == "ada"


def test_without_a_token_the_challenge_has_no_error(tmp_path: Path) -> None:
    answer = send(project(tmp_path), None)
    assert (answer.status, answer.header("WWW-Authenticate")) == (401, 'Bearer realm="api"')


ACCEPTED = {
    "no typ": with_header(),
    "typ JWT": with_header(typ="JWT"),
    "typ in lower case (RFC 7515 section 4.1.9)": with_header(typ="jwt"),
    "typ of RFC 9068": with_header(typ="at+jwt"),
    "typ as a whole media type": with_header(typ="application/at+jwt"),
    "kid beside a key without a name": with_header(kid="2026"),
    "b64 as it is without it": with_header(b64=True),
    "members that are not known (RFC 7515 section 4)": with_header(cty="JWT", x=[{"y": 1}]),
    "several audiences": token(aud=["other", "api"]),
    "times with fractions": token(exp=NOW + DAY + 0.5, nbf=NOW - 0.5),
    "without times but exp": token(iat=...),
    "nested claims": token(address={"lines": [["a"], ["b"]]}),
    "claims of any script": token(name="Ada ☃ \U0001f600"),
    "escapes of whole characters": with_content('{%s,"name":"\\u0041\\ud83d\\ude00\\\\ud800"}'),
    "spaces in the JSON (RFC 7519 section 3)": with_content(" {\r\n%s } "),
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_what_the_standards_allow_is_accepted(tmp_path: Path, text: str) -> None:
    assert send(project(tmp_path), text).status == 200


def _unsigned(algorithm: object) -> str:
    return f"{base64url(json.dumps({'alg': algorithm}))}.{base64url(json.dumps(claims()))}."


VALID = token()
HEADER, CONTENT, SIGNATURE = VALID.split(".")
OTHER_HEADER = base64url('{"alg":"HS256"}')
# Another text in base64 for the same bytes: the last character has four bits of them.
LAST = SIGNATURE[-1]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TWIN = SIGNATURE[:-1] + ALPHABET[ALPHABET.index(LAST) ^ 1]

FORMS = {
    "empty parts": "..",
    "one part": HEADER,
    "two parts": f"{HEADER}.{CONTENT}",
    "no signature": f"{HEADER}.{CONTENT}.",
    "no content": signed_text('{"alg":"HS256"}', ""),
    "five parts, as a JWE has": f"{HEADER}.{CONTENT}.{SIGNATURE}.{CONTENT}.{SIGNATURE}",
    "four parts": f"{VALID}.{SIGNATURE}",
    "padding (CVE-2022-25898)": f"{VALID}=",
    "the signature in another form of base64 (CVE-2026-102269)": f"{HEADER}.{CONTENT}.{TWIN}",
    "a signature cut by a character": VALID[:-1],
    "a signature with more behind it": f"{VALID}AAAA",
    "a signature of one byte (CVE-2020-28042)": f"{HEADER}.{CONTENT}.{SIGNATURE[:2]}",
    "a header in base64 with padding": f"{HEADER}==.{CONTENT}.{SIGNATURE}",
    "base64 that ends after six bits": f"{HEADER}A.{CONTENT}.{SIGNATURE}",
    "more than 8 KB": token(filling="x" * 8000),
    "a long header": with_header(filling="x" * 1000),
    "a signature of another secret": token(key=OTHER_SECRET),
    "claims that were changed": f"{HEADER}.{base64url(json.dumps(claims(sub='root')))}.{SIGNATURE}",
    "a header that was changed": ".".join((OTHER_HEADER, CONTENT, SIGNATURE)),
    "JSON serialization (RFC 7515 section 7.2)": base64url(
        json.dumps({"payload": CONTENT, "signature": SIGNATURE})
    ),
}
HEADERS = {
    # CVE-2022-23540: a token without a signature, in all letters that a comparison may overlook.
    "alg none": _unsigned("none"),
    "alg None": _unsigned("None"),
    "alg NONE": _unsigned("NONE"),
    "alg nOnE": _unsigned("nOnE"),
    "alg none with a signature": with_header(alg="none"),
    "an empty alg": with_header(alg=""),
    "no alg": with_header(alg=...),
    "alg null": with_header(alg=None),
    "alg as a list": with_header(alg=["HS256"]),
    "alg as an object": with_header(alg={"HS256": 1}),
    "alg in lower case (RFC 7515 section 4.1.1)": with_header(alg="hs256"),
    "alg with a space": with_header(alg="HS256 "),
    "an algorithm that is not allowed": token("HS512"),
    "an algorithm of other keys": with_header(alg="RS256"),
    # CVE-2026-32597, CVE-2025-59420: what a token calls critical, and nobody has understood.
    "crit": with_header(crit=["exp"], exp=1),
    "crit of an extension that is not known": with_header(crit=["x-policy"], **{"x-policy": "strict"}),
    "crit that is empty": with_header(crit=[]),
    "crit null": with_header(crit=None),
    "crit as a text": with_header(crit="b64"),
    "content that is not encoded (RFC 7797)": with_header(b64=False, crit=["b64"]),
    "the same without crit": with_header(b64=False),
    "b64 as a number": with_header(b64=1),
    # RFC 8725 section 3.11: a token that was made for something else.
    "typ of a logout token": with_header(typ="logout+jwt"),
    "typ of a DPoP proof": with_header(typ="dpop+jwt"),
    "typ as a number": with_header(typ=1),
    "typ null": with_header(typ=None),
    "an empty typ": with_header(typ=""),
    "kid as a number": with_header(kid=1),
    "kid null": with_header(kid=None),
    "kid as a list": with_header(kid=["a"]),
    "alg twice": signed_text('{"alg":"none","alg":"HS256"}', json.dumps(claims())),
    "kid twice": signed_text('{"alg":"HS256","kid":"a","kid":"b"}', json.dumps(claims())),
    "a member twice, once escaped": signed_text('{"alg":"HS256","\\u0061lg":"HS256"}', json.dumps(claims())),
    "a list": signed_text('["HS256"]', json.dumps(claims())),
    "a text": signed_text('"HS256"', json.dumps(claims())),
    "no JSON": signed_text("alg=HS256", json.dumps(claims())),
    "JSON that is cut": signed_text('{"alg":"HS256"', json.dumps(claims())),
    "more behind the JSON": signed_text('{"alg":"HS256"}{}', json.dumps(claims())),
    "a byte order mark": signed_text('\ufeff{"alg":"HS256"}', json.dumps(claims())),
    "UTF-16": signed_text('{"alg":"HS256"}'.encode("utf-16"), json.dumps(claims())),
    "no UTF-8": signed_text(b'{"alg":"HS256","x":"\xff"}', json.dumps(claims())),
    "half a character": signed_text('{"alg":"HS256","kid":"\\ud800"}', json.dumps(claims())),
    "nothing": signed_text("", json.dumps(claims())),
    "null": signed_text("null", json.dumps(claims())),
    "nesting (CVE-2026-101918)": signed_text(
        '{"alg":"HS256","x":' + "[" * 300 + "]" * 300 + "}", json.dumps(claims())
    ),
}
CLAIMS = {
    "no exp": token(exp=...),
    "exp null": token(exp=None),
    "exp as a text": token(exp=str(NOW + DAY)),
    "exp true": token(exp=True),
    "exp as a list": token(exp=[NOW + DAY]),
    "exp as a date": token(exp="2099-01-01T00:00:00Z"),
    "exp Infinity": with_content('{"iss":"%s","aud":"api","exp":Infinity}'.replace("%s", ISSUER)),
    "exp NaN": with_content('{"iss":"%s","aud":"api","exp":NaN}'.replace("%s", ISSUER)),
    "exp too large for a float": with_content('{"iss":"%s","aud":"api","exp":1e999}'.replace("%s", ISSUER)),
    "exp twice": with_content('{%s,"exp":99999999999}'),
    "sub twice": with_content('{%s,"sub":"root"}'),
    "a nested member twice": with_content('{%s,"a":{"b":1,"b":2}}'),
    "nbf as a text": token(nbf="0"),
    "nbf null": token(nbf=None),
    "iat as a text": token(iat="0"),
    "another audience": token(aud="other"),
    "other audiences": token(aud=["other", "api2"]),
    "part of the audience": token(aud="ap"),
    "more than the audience": token(aud="api "),
    "the audience in capitals": token(aud="API"),
    "the audience as characters": token(aud=["a", "p", "i"]),
    "no audience": token(aud=...),
    "no audience in the list": token(aud=[]),
    "aud null": token(aud=None),
    "aud as an object": token(aud={"api": 1}),
    "aud with a number beside": token(aud=["api", 1]),
    "another issuer": token(iss="https://evil.example"),
    # CVE-2024-53861
    "part of the issuer": token(iss=ISSUER[:-1]),
    "more than the issuer": token(iss=f"{ISSUER}.evil.example"),
    "the issuer with a slash": token(iss=f"{ISSUER}/"),
    "no issuer": token(iss=...),
    "the issuer in a list": token(iss=[ISSUER]),
    "iss null": token(iss=None),
    "sub as a number (RFC 7519 section 4.1.2)": token(sub=1),
    "jti as a list": token(jti=[]),
    # RFC 8259 section 8.2: each decoder makes something else of it.
    "half a character": with_content('{%s,"name":"\\ud800"}'),
    "half a character as a name": with_content('{%s,"\\udfff":1}'),
    "half a character, nested": with_content('{%s,"a":[{"b":"x\\udc00\\ud800"}]}'),
    "a list": with_content("[]"),
    "a text": with_content('"ada"'),
    "null": with_content("null"),
    "no JSON": with_content("ada"),
    "no UTF-8": with_content(b'{"sub":"\xff"}'),
    "nesting": with_content('{%s,"x":' + "[" * 2000 + "]" * 2000 + "}"),
    "nesting of objects": with_content('{%s,"x":' + '{"x":' * 700 + "1" + "}" * 700 + "}"),
    "a comment": with_content("{%s/**/}"),
}  # fmt: skip


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_token_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    answer = send(project(tmp_path), text)
    assert (answer.status, answer.header("WWW-Authenticate")) == (401, CHALLENGE)


@pytest.mark.parametrize("text", HEADERS.values(), ids=HEADERS)
def test_a_token_with_such_a_header_is_refused(tmp_path: Path, text: str) -> None:
    answer = send(project(tmp_path), text)
    assert (answer.status, answer.header("WWW-Authenticate")) == (401, CHALLENGE)


@pytest.mark.parametrize("text", CLAIMS.values(), ids=CLAIMS)
def test_a_token_with_such_claims_is_refused(tmp_path: Path, text: str) -> None:
    answer = send(project(tmp_path), text)
    assert (answer.status, answer.header("WWW-Authenticate")) == (401, CHALLENGE)


TIMES = [
    ("exp", -30, 200),
    ("exp", -61, 401),
    ("exp", -120, 401),
    ("exp", -DAY, 401),
    ("nbf", 30, 200),
    ("nbf", 120, 401),
    ("iat", 30, 200),
    ("iat", 120, 401),
]


@pytest.mark.parametrize(("claim", "seconds", "status"), TIMES)
def test_clocks_may_be_apart_by_a_minute(tmp_path: Path, claim: str, seconds: float, status: int) -> None:
    changes: dict[str, Any] = {claim: time.time() + seconds}
    text = token(**changes)
    assert send(project(tmp_path), text).status == status


@pytest.mark.parametrize("text", [FORMS["no signature"], HEADERS["crit"], CLAIMS["no exp"]])
def test_all_refusals_read_alike(tmp_path: Path, text: str) -> None:
    """Which check has failed would help whoever forges tokens."""
    app = project(tmp_path)
    refused, forged = send(app, text), send(app, token(key=OTHER_SECRET))
    assert (refused.body, sorted(refused.headers)) == (forged.body, sorted(forged.headers))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (token(exp=NOW - 120), "it has expired"),
        (token(key=OTHER_SECRET), "its signature is wrong, or its key is unknown"),
        (with_header(alg="n\r\none"), r"its algorithm is 'n\r\none', not one of HS256"),
    ],
)
def test_the_log_has_the_reason(
    tmp_path: Path, text: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "apiroutes")
    send(project(tmp_path), text)
    assert f"a token was refused: {reason}" in [record.getMessage() for record in caplog.records]


# -- keys that a token names, or brings along ----------------------------------------------------

FORGED_BY_HEADER = {
    # CVE-2018-0114: the key that verifies is the forger's own.
    "jwk": {"jwk": {"kty": "oct", "k": base64url(OTHER_SECRET)}},
    "jku": {"jku": "http://127.0.0.1:9/jwks.json", "kid": "evil"},
    "x5u": {"x5u": "http://127.0.0.1:9/cert.pem"},
    "x5c": {"x5c": [base64url(b"certificate")]},
}


@pytest.mark.parametrize("members", FORGED_BY_HEADER.values(), ids=FORGED_BY_HEADER)
def test_a_key_that_the_token_brings_is_no_key(tmp_path: Path, members: dict[str, Any]) -> None:
    assert send(project(tmp_path), with_header(OTHER_SECRET, **members)).status == 401


@pytest.mark.parametrize("members", FORGED_BY_HEADER.values(), ids=FORGED_BY_HEADER)
def test_a_token_may_have_such_members_and_they_mean_nothing(tmp_path: Path, members: dict[str, Any]) -> None:
    assert send(project(tmp_path), with_header(**members)).status == 200


NAMES = [
    "../../../../dev/null", "/dev/null", "file:///dev/null", "http://127.0.0.1:9/key", "' OR '1'='1",
    "a' UNION SELECT 'x", "", "old\x00", "__class__", "0", "old ", "OLD", "ｏｌｄ",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("secret", ["", OTHER_SECRET, SECRET])
def test_a_name_of_no_key_is_refused_whatever_it_says(tmp_path: Path, name: str, secret: str) -> None:
    """`kid` as a path, a query or a URL: others have read an empty file as the key."""
    app = project(tmp_path, {"old": SECRET})
    assert send(app, with_header(secret, kid=name)).status == 401


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("claimed", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_secret(tmp_path: Path, algorithm: str, claimed: str) -> None:
    """CVE-2015-9235, CVE-2016-10555, CVE-2022-29217: a token of HMAC, signed with the public key."""
    public = public_pem(algorithm)
    app = project(tmp_path, public, [algorithm])
    for secret in (public, public.strip(), public.replace("\n", "\r\n")):
        assert send(app, with_header(secret, alg=claimed)).status == 401


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "RS256"])
@pytest.mark.parametrize("length", [0, 1, 64, 96, 256])
def test_a_signature_of_zeros_is_refused(tmp_path: Path, algorithm: str, length: int) -> None:
    """CVE-2022-21449: zeros verified as a signature of any content."""
    header = base64url(json.dumps({"alg": algorithm}))
    text = f"{header}.{base64url(json.dumps(claims()))}.{base64url(bytes(length))}"
    assert send(project(tmp_path, public_pem(algorithm), [algorithm]), text).status == 401


@pytest.mark.parametrize(("allowed", "used"), [("RS256", "PS256"), ("RS256", "RS512"), ("PS256", "RS256")])
def test_a_key_is_for_its_algorithms_alone(tmp_path: Path, allowed: str, used: str) -> None:
    """CVE-2026-48523: the list of algorithms was compared, and another one verified."""
    app = project(tmp_path, public_pem("RS256"), [allowed])
    assert send(app, token(used, private_key("RS256"))).status == 401


# -- what a project expects ----------------------------------------------------------------------

EXPECTED = [
    ("audience='api', issuer=None", {"iss": "https://any.example"}, 200),
    ("audience='api', issuer=None", {"iss": ...}, 200),
    ("audience='api', issuer=None", {"iss": 1}, 401),
    ("audience=None, issuer=None", {"aud": ...}, 200),
    ("audience=None, issuer=None", {}, 401),  # RFC 7519 section 4.1.3: it is meant for others
    ("audience=None, issuer=None", {"aud": []}, 401),
    ("audience=['web', 'api'], issuer=None", {}, 200),
    ("audience=['web', 'app'], issuer=None", {}, 401),
    (f"audience='api', issuer=['https://a.example', {ISSUER!r}]", {}, 200),
    ("audience='api', issuer=['https://a.example']", {}, 401),
    (f"{RULES}, required=['sub']", {}, 200),
    (f"{RULES}, required=['sub']", {"sub": ...}, 401),
    (f"{RULES}, required=['tenant']", {}, 401),
    (f"{RULES}, required=['tenant']", {"tenant": None}, 401),
    (f"{RULES}, required=['tenant']", {"tenant": 0}, 200),
    (f"{RULES}, required=['exp']", {"exp": ...}, 401),
    (f"{RULES}, leeway=0", {"exp": NOW - 5}, 401),
    (f"{RULES}, leeway=7200", {"exp": NOW - 120}, 200),
    (f"{RULES}, leeway=__import__('datetime').timedelta(hours=2)", {"exp": NOW - 120}, 200),
]


@pytest.mark.parametrize(("rules", "changes", "status"), EXPECTED)
def test_claims_are_those_that_the_project_expects(
    tmp_path: Path, rules: str, changes: dict[str, Any], status: int
) -> None:
    text = with_content(json.dumps(claims(**changes)))
    assert send(project(tmp_path, rules=rules), text).status == status


@pytest.mark.parametrize(
    ("typ", "status"), [("at+jwt", 200), ("application/AT+jwt", 200), ("JWT", 401), (..., 401)]
)
def test_types_are_those_that_the_project_expects(tmp_path: Path, typ: object, status: int) -> None:
    app = project(tmp_path, rules=f"{RULES}, types=['at+jwt']")
    assert send(app, with_header(typ=typ)).status == status
