"""Attacks on sessions, CSRF checks, tokens, rate limits and webhooks, in the corpus' own format.

Most of them are signed, so code makes them: `python -m tests.attacks.ours` writes ours.jsonl anew. Each names
an advisory, or an issue, of its class.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from apiroutes.secret_keys import read_secret_keys
from apiroutes.signing import sign
from tests.attacks.attacked import KEYS

FILE = Path(__file__).parent / "ours.jsonl"
Case = dict[str, Any]
Headers = Sequence[tuple[str, Any]]

# Moments in seconds since 1970: long past, when these cases were written, and long to come.
PAST, THEN, FUTURE = 100_000_000, 1_795_000_000, 4_102_444_800


def case(
    area: str,
    name: str,
    steps: Iterable[Case],
    *cites: str,
    note: str = "",
    provides: str = "",
) -> Case:
    made: Case = {"id": f"{area}-{name}", "area": area, "level": "must", "needs": [], "steps": list(steps)}
    if provides:
        made |= {"area": "sanity", "provides": [provides]}
    return made | ({"cve": list(cites)} if cites else {}) | ({"note": note} if note else {})


def step(
    target: str,
    *expected: int,
    method: str = "GET",
    headers: Headers = (),
    body: Any = None,
    environ: Mapping[str, Any] | None = None,
    times: int = 1,
    **expect: Any,
) -> Case:
    request: Case = {"method": method, "target": target, "headers": [list(pair) for pair in headers]}
    if body is not None:
        request["body_gen"] = body
    if environ:
        request["environ"] = dict(environ)
    made: Case = {"request": request, "expect": {"status_in": list(expected), **expect}}
    return made | ({"times": times} if times > 1 else {})


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


# -- sessions ------------------------------------------------------------------------------------


def session(
    values: Any,
    *,
    begun: Any = THEN,
    owner: Any = None,
    purpose: str = "sessions.session",
    key: str = "",
    content: bytes | None = None,
) -> str:
    """Return the value of a session's cookie, signed with the project's key unless another one is given."""
    keys = read_secret_keys(key or KEYS["SIGNING"])
    plain = json.dumps([begun, owner, values], separators=(",", ":")).encode()
    return sign(purpose, keys, plain if content is None else content)


VALID = session({"user": "ada"})
BODY, _, SIGNATURE = VALID.rpartition(".")
NOBODY: Case = {"json": {"user": None, "names": []}}
ADA: Case = {"json": {"user": "ada"}}
ANOTHER_KEY = "another-key-of-forty-characters-or-so-0123456789"
FLASK = "eyJ1c2VyIjoiYWRhIn0.aSrYgA.0y7l1mJt7mJ3y1tGJm0x1Qm0n1E"

FORGED: dict[str, tuple[str, str]] = {
    "empty": ("", "CVE-2026-39324"),
    "no-signature": (BODY, "CVE-2026-39324"),
    "empty-signature": (f"{BODY}.", "CVE-2026-39324"),
    "signature-alone": (f".{SIGNATURE}", "CVE-2026-39324"),
    "plain-json": ('[0,null,{"user":"ada"}]', "CVE-2026-39324"),
    "base64-without-key": (base64url(b'[0,null,{"user":"ada"}]'), "CVE-2026-39324"),
    "other-key": (session({"user": "ada"}, key=ANOTHER_KEY), "CVE-2026-39324"),
    "changed-content": (f"{BODY[:-4]}AAAA.{SIGNATURE}", "CVE-2026-39324"),
    "changed-signature": (f"{BODY}.{'A' + SIGNATURE[1:]}", "CVE-2026-39324"),
    "cut-by-one": (VALID[:-1], "CVE-2026-39324"),
    "cut-in-half": (VALID[: len(VALID) // 2], "CVE-2026-39324"),
    "longer-by-one": (f"{VALID}A", "CVE-2026-39324"),
    "twice-in-one": (f"{VALID}.{VALID}", "CVE-2026-39324"),
    "upper-case": (VALID.upper(), "CVE-2026-39324"),
    "padded": (f"{VALID}=", "CVE-2026-39324"),
    "standard-base64": (f"{BODY}.{SIGNATURE.replace('-', '+').replace('_', '/')}+", "CVE-2026-39324"),
    "of-a-signed-cookie": (session({"user": "ada"}, purpose="cookies.session"), "CVE-2026-39324"),
    "of-another-session": (session({"user": "ada"}, purpose="sessions.other"), "CVE-2026-39324"),
    "of-draft-mode": (session({"user": "ada"}, purpose="drafts"), "CVE-2026-39324"),
    "expired": (session({"user": "ada"}, begun=PAST), "CVE-2025-46336"),
    "begun-at-zero": (session({"user": "ada"}, begun=0), "CVE-2025-46336"),
    "begun-is-nan": (session(None, content=b'[NaN,null,{"user":"ada"}]'), "CVE-2024-53861"),
    "begun-is-text": (session({"user": "ada"}, begun="now"), "CVE-2024-53861"),
    "begun-is-null": (session({"user": "ada"}, begun=None), "CVE-2024-53861"),
    "no-list": (session(None, content=b'{"user":"ada"}'), "CVE-2024-53861"),
    "short-list": (session(None, content=b"[1]"), "CVE-2024-53861"),
    "no-json": (session(None, content=b"\x80\x04K\x01."), "CVE-2026-39324"),
    "a-pickle": (base64url(b"cos\nsystem\n(S'touch /tmp/s3cr3t'\ntR."), "CVE-2026-39324"),
    "of-flask": (FLASK, "CVE-2026-39324"),
    "unsigned-jwt": ("eyJhbGciOiJub25lIn0.eyJ1c2VyIjoiYWRhIn0.", "CVE-2022-23540"),
    "controls": ("a\x01b", "CVE-2026-47675"),
    "not-ascii": ("é" * 60 + "." + "é" * 43, "CVE-2026-47675"),
    "percent-escapes": ("%2e" * 60 + "." + "A" * 43, "CVE-2026-47675"),
    "path": ("../../../../etc/passwd." + "A" * 43, "CVE-2026-39324"),
}


def sessions() -> Iterator[Case]:
    me = "/api/session/me"

    def with_cookie(value: Any, *expected: int, target: str = me, **rest: Any) -> Case:
        return step(target, *(expected or (200,)), headers=[("Cookie", f"session={value}")], **rest)

    yield case(
        "session", "valid", [with_cookie(VALID, **ADA, must=["head:(?m)^Vary: .*Cookie"])], provides="session"
    )
    for name, (value, cite) in FORGED.items():
        yield case("session", f"forged-{name}", [with_cookie(value, max_ms=50, **NOBODY)], cite)
        yield (
            case(
                "session",
                f"sign-in-over-{name}",
                [
                    step(
                        "/api/session/enter",
                        200,
                        method="POST",
                        headers=[("Cookie", f"session={value}")],
                        json={"names": ["user"]},
                        must=["set-cookie:session=Wz"],
                    )
                ],
                cite,
                "CVE-2022-25896",
            )
            if name in ("expired", "other-key", "of-another-session")
            else with_nothing(name, value, cite)
        )
    for size in (4_000, 8_000, 100_000):
        long = {"concat": ["session=", {"repeat": "A", "n": size}, ".", SIGNATURE]}
        yield case(
            "session",
            f"forged-of-{size}-bytes",
            [step(me, 200, 400, 431, headers=[("Cookie", long)], on_2xx=NOBODY["json"], max_ms=50)],
            "CVE-2024-39316",
        )
    yield case(
        "session",
        "of-two-the-first",
        [step(me, 200, headers=[("Cookie", f"session={VALID}; session=x")], **ADA)],
        "CVE-2026-39324",
    )
    yield case(
        "session",
        "forged-then-valid",
        [step(me, 200, headers=[("Cookie", f"session=x; session={VALID}")], **NOBODY)],
        "CVE-2026-39324",
        note="one cookie alone is looked at, whichever a proxy in front has checked",
    )
    yield case(
        "session",
        "host-prefixed-over-http",
        [step(me, 200, headers=[("Cookie", f"__Host-session={VALID}")], **NOBODY)],
        "CVE-2025-46721",
    )
    yield case(
        "session",
        "name-in-another-case",
        [step(me, 200, headers=[("Cookie", f"Session={VALID}")], **NOBODY)],
        "CVE-2025-46721",
    )
    yield case("session", "in-the-query", [step(f"{me}?session={VALID}", 200, **NOBODY)], "CVE-2022-25896")
    yield case(
        "session", "in-a-header", [step(me, 200, headers=[("X-Session", VALID)], **NOBODY)], "CVE-2022-25896"
    )
    yield case(
        "session",
        "many-cookies",
        [
            step(
                me,
                200,
                400,
                431,
                headers=[("Cookie", {"seq": "session=a%d", "n": 2000, "join": "; "})],
                on_2xx=NOBODY["json"],
                max_ms=50,
            )
        ],
        "CVE-2024-39316",
    )
    # what answers say
    private: Case = {"header": {"Vary": "Cookie", "Cache-Control": "private|no-store"}}
    yield case(
        "session",
        "a-read-sets-nothing",
        [with_cookie(VALID, header={"Set-Cookie": None, "Vary": "Cookie"})],
        "CVE-2023-30861",
    )
    yield case(
        "session",
        "the-same-value-sets-nothing",
        [with_cookie(VALID, target="/api/session/same", method="POST", header={"Set-Cookie": None})],
        "CVE-2023-30861",
    )
    yield case(
        "session",
        "without-a-session-nothing-is-set",
        [step(me, 200, header={"Set-Cookie": None})],
        "CVE-2023-30861",
    )
    yield case(
        "session", "a-read-is-private", [with_cookie(VALID, **private)], "CVE-2023-30861", "CVE-2026-44457"
    )
    yield case(
        "session", "an-empty-one-is-private", [step(me, 200, **private)], "CVE-2023-30861", "CVE-2026-24472"
    )
    yield case(
        "session",
        "a-new-one-is-private",
        [step("/api/session/enter", 200, method="POST", **private)],
        "CVE-2026-24472",
    )
    yield case(
        "session",
        "untouched-varies-by-nothing",
        [with_cookie(VALID, target="/api/session/untouched", header={"Set-Cookie": None, "Vary": None})],
        "CVE-2023-30861",
    )
    attributes = ["set-cookie:HttpOnly", "set-cookie:SameSite=Lax", "set-cookie:Path=/"]
    yield case(
        "session",
        "attributes",
        [step("/api/session/enter", 200, method="POST", must=attributes, must_not=["set-cookie:Domain"])],
        "CVE-2026-47675",
    )
    https: Case = {"wsgi.url_scheme": "https"}
    yield case(
        "session",
        "over-https-secure-and-of-this-host",
        [
            step(
                "/api/session/enter",
                200,
                method="POST",
                environ=https,
                must=["set-cookie:^__Host-session=", "set-cookie:Secure"],
            )
        ],
        "CVE-2025-46721",
    )
    yield case(
        "session",
        "of-http-is-nobodys-over-https",
        [with_cookie(VALID, environ=https, **NOBODY)],
        "CVE-2025-46721",
    )
    yield case(
        "session",
        "a-scheme-that-a-client-claims",
        [
            step(
                "/api/session/enter",
                200,
                method="POST",
                headers=[("X-Forwarded-Proto", "https")],
                must=["set-cookie:^session="],
                must_not=["set-cookie:Secure"],
            )
        ],
        "CVE-2025-59152",
    )
    yield case(
        "session",
        "a-failed-request-signs-nobody-in",
        [step("/api/session/fails", 500, method="POST", header={"Set-Cookie": None})],
        "CVE-2025-46336",
    )
    # fixation and revival
    fixed = session({"cart": "of the attacker"})
    yield case(
        "session",
        "sign-in-makes-another-cookie",
        [
            step(
                "/api/session/enter",
                200,
                method="POST",
                headers=[("Cookie", f"session={fixed}")],
                must=["set-cookie:session="],
                must_not=[f"set-cookie:{fixed[:40]}"],
            )
        ],
        "CVE-2022-25896",
    )
    yield case(
        "session",
        "two-sign-ins-are-two-cookies",
        [
            step("/api/session/enter", 200, method="POST"),
            step("/api/session/enter", 200, method="POST", setcookie_differs=0),
        ],
        "CVE-2022-25896",
    )
    yield case(
        "session",
        "sign-out-deletes-the-cookie",
        [
            with_cookie(
                VALID,
                target="/api/session/leave",
                method="POST",
                must=["set-cookie:session=;", "set-cookie:Max-Age=0"],
            )
        ],
        "CVE-2025-46336",
    )
    yield case(
        "session",
        "sign-out-of-a-forged-one",
        [with_cookie("x", target="/api/session/leave", method="POST", must_not=["set-cookie:ada"])],
        "CVE-2025-46336",
    )
    # values that a client chooses
    for name, value in {
        "line-end": "a%0d%0aSet-Cookie:%20evil=1",
        "semicolon": "a;%20Domain=evil.example",
        "nul": "a%00b",
        "not-ascii": "%E2%98%83",
        "quote": "%22%27",
    }.items():
        yield case(
            "session",
            f"keeps-{name}",
            [
                step(
                    f"/api/session/keep?n=k&v={value}",
                    200,
                    method="POST",
                    must_not=["head:(?m)^Set-Cookie: evil", "set-cookie:Domain"],
                    must=["set-cookie:session=Wz"],
                )
            ],
            "CVE-2026-47675",
        )
    for name in ("__proto__", "__class__", "constructor"):
        yield case(
            "session",
            f"keeps-the-name-{name.strip('_')}",
            [step(f"/api/session/keep?n={name}&v=x", 200, method="POST"), step(me, 200, **NOBODY)],
            "CVE-2026-47675",
        )
    yield case(
        "session",
        "keeps-too-much",
        [step("/api/session/keep?n=k&v=" + "x" * 5000, 500, method="POST", header={"Set-Cookie": None})],
        "CVE-2024-39316",
    )


def with_nothing(name: str, value: str, cite: str) -> Case:
    """A request that changes nothing: a cookie that is not valid is no reason to set one."""
    headers = [("Cookie", f"session={value}")]
    expect: Case = {"header": {"Set-Cookie": None}}
    return case(
        "session",
        f"same-over-{name}",
        [step("/api/session/same", 200, method="POST", headers=headers, **expect)],
        cite,
        "CVE-2023-30861",
    )


# -- requests of other sites ---------------------------------------------------------------------

EVIL = "https://evil.example"
CROSS = [("Sec-Fetch-Site", "cross-site"), ("Origin", EVIL)]
FORM = ("Content-Type", "application/x-www-form-urlencoded")


def csrf() -> Iterator[Case]:
    order = "/api/csrf/order"
    refused: Case = {"must_not": ['body:"changed": ?true']}

    def sent(
        name: str,
        headers: Headers,
        *expected: int,
        cite: str,
        method: str = "POST",
        target: str = order,
        body: Any = None,
        environ: Mapping[str, Any] | None = None,
    ) -> Case:
        more: Case = {} if 200 in expected else refused
        one = step(target, *expected, method=method, headers=headers, body=body, environ=environ, **more)
        return case("csrf", name, [one], cite)

    yield case(
        "csrf",
        "same-origin",
        [step(order, 200, method="POST", headers=[("Sec-Fetch-Site", "same-origin")])],
        provides="csrf",
    )
    yield sent("program", [], 200, cite="CVE-2025-46721")
    yield sent("typed-address", [("Sec-Fetch-Site", "none")], 200, cite="CVE-2025-46721")
    yield sent(
        "trusted",
        [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://app.example.com")],
        200,
        cite="CVE-2025-46721",
    )
    yield sent("own-origin-of-an-old-browser", [("Origin", "http://localhost")], 200, cite="CVE-2025-46721")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        yield sent(f"{method.lower()}-of-another-site", CROSS, 403, cite="CVE-2025-46721", method=method)
        yield sent(
            f"{method.lower()}-of-a-subdomain",
            [("Sec-Fetch-Site", "same-site")],
            403,
            cite="CVE-2025-46721",
            method=method,
        )
    for method in ("QUERY", "PROPFIND", "MKCOL", "TRACE", "CONNECT", "FOO", "get", "Get", "post"):
        yield sent(
            f"method-{method}-{'lower' if method.islower() else 'as-it-is'}",
            CROSS,
            400,
            403,
            404,
            405,
            501,
            cite="CVE-2025-46721",
            method=method,
            target="/api/csrf/any",
        )
    overrides = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
    for name in overrides:
        yield sent(
            f"get-with-{name.lower()}",
            [*CROSS, (name, "POST")],
            200,
            cite="CVE-2025-46721",
            method="GET",
            target="/api/csrf/any",
        )
        yield sent(f"post-with-{name.lower()}", [*CROSS, (name, "GET")], 403, cite="CVE-2025-46721")
    yield sent("method-in-the-form", [*CROSS, FORM], 403, cite="CVE-2025-46721", body="_method=GET")
    yield sent("method-in-the-query", CROSS, 403, cite="CVE-2025-46721", target=f"{order}?_method=GET")
    for name, origin in {
        "null": "null",
        "empty": "",
        "blank": " ",
        "scheme-alone": "https://",
        "own-host-as-a-prefix": "http://localhost.evil.example",
        "own-host-as-a-suffix": "http://evil-localhost",
        "own-host-as-a-user": "http://localhost@evil.example",
        "own-host-as-a-path": "http://evil.example/localhost",
        "own-host-as-a-query": "http://evil.example?localhost",
        "own-host-as-a-fragment": "http://evil.example#localhost",
        "own-host-after-a-backslash": "http://evil.example\\localhost",
        "own-host-after-a-tab": "http://evil.example\tlocalhost",
        "another-port": "http://localhost:8080",
        "port-zero": "http://localhost:0",
        "port-that-is-none": "http://localhost:evil",
        "two-origins": "http://localhost http://evil.example",
        "two-origins-joined": "http://localhost,http://evil.example",
        "percent-escapes": "http://localhos%74",
        "not-ascii": "http://ⓛocalhost",
        "brackets": "http://[localhost]",
        "another-scheme": "file://localhost",
        "data": "data:text/html,x",
        "extension": "chrome-extension://abcdefghijklmnop",
        "trusted-as-a-prefix": "https://app.example.com.evil.example",
        "trusted-as-a-suffix": "https://evil-app.example.com",
        "trusted-over-http": "http://app.example.com",
        "trusted-on-another-port": "https://app.example.com:8443",
        "trusted-as-a-user": "https://app.example.com@evil.example",
        "below-a-trusted-one": "https://x.app.example.com",
        "above-a-trusted-one": "https://example.com",
        "trusted-with-a-path": "https://app.example.com/",
        "punycode-of-another": "https://xn--bcher-kva8445foa.example",
    }.items():
        cite = "CVE-2026-27978" if origin in ("null", "", " ") else "CVE-2025-46721"
        yield sent(f"origin-{name}", [("Origin", origin)], 400, 403, cite=cite)
        if origin.startswith(("https://app", "null")) or "trusted" in name:
            yield sent(
                f"cross-site-origin-{name}",
                [("Sec-Fetch-Site", "cross-site"), ("Origin", origin)],
                403,
                cite=cite,
            )
    for name, site in {
        "empty": "",
        "upper-case": "SAME-ORIGIN",
        "two": "same-origin, cross-site",
        "quoted": '"same-origin"',
        "blank-before": " same-origin",
        "unknown": "evil",
    }.items():
        if name != "blank-before":  # which servers take off
            yield sent(
                f"site-{name}", [("Sec-Fetch-Site", site), ("Origin", EVIL)], 400, 403, cite="CVE-2025-46721"
            )
    yield sent(
        "site-said-twice",
        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-origin")],
        400,
        403,
        cite="CVE-2025-46721",
    )
    hosts = {
        "host-of-the-attacker": "evil.example",
        "host-with-a-user": "localhost@evil.example",
        "host-empty": "",
    }
    for name, host in hosts.items():
        yield sent(name, CROSS, 400, 403, 421, cite="CVE-2026-27978", environ={"HTTP_HOST": host})
    for header in ("X-Forwarded-Host", "X-Original-Host", "X-Host", "Forwarded"):
        value = "host=evil.example" if header == "Forwarded" else "evil.example"
        yield sent(
            f"host-in-{header.lower()}", [("Origin", EVIL), (header, value)], 403, cite="CVE-2025-59152"
        )
    for name, kind in {
        "text": "text/plain",
        "form": FORM[1],
        "multipart": "multipart/form-data; boundary=x",
        "json": "application/json",
        "upper": "TEXT/PLAIN",
        "parameter": "text/plain; a=b",
        "two": "text/plain, application/json",
        "none": "",
        "unknown": "a/b",
        "no-type": "x",
    }.items():
        yield sent(
            f"content-type-{name}", [*CROSS, ("Content-Type", kind)], 403, cite="CVE-2025-46721", body="{}"
        )
    yield sent(
        "referer-of-the-site-itself",
        [("Origin", EVIL), ("Referer", "http://localhost/")],
        403,
        cite="CVE-2025-46721",
    )
    yield sent("requested-with", [*CROSS, ("X-Requested-With", "XMLHttpRequest")], 403, cite="CVE-2025-46721")
    yield sent(
        "token-of-the-attackers-own",
        [*CROSS, ("X-CSRF-Token", "x"), ("Cookie", "csrf=x")],
        403,
        cite="CVE-2025-46721",
    )
    for name, path in {
        "slash-at-the-end": f"{order}/",
        "two-slashes": "/api//csrf/order",
        "upper-case": "/api/csrf/ORDER",
        "percent-escapes": "/api/csrf/%6frder",
        "dot": "/api/csrf/./order",
        "dots": "/api/session/../csrf/order",
        "semicolon": "/api/csrf/order;x",
    }.items():
        yield sent(
            f"path-with-{name}", CROSS, 301, 307, 308, 400, 403, 404, cite="GHSA-x732-6j76-qmhm", target=path
        )
    # put in by itself where a session is
    signed_in = ("Cookie", f"session={VALID}")
    for target in ("/api/session/leave", "/api/session/keep?n=a&v=b", "/api/session/enter"):
        yield sent(
            f"session{target[12:].partition('?')[0].replace('/', '-')}-of-another-site",
            [*CROSS, signed_in],
            403,
            cite="CVE-2026-27978",
            target=target,
        )
        yield sent(
            f"session{target[12:].partition('?')[0].replace('/', '-')}-of-null",
            [("Origin", "null"), signed_in],
            403,
            cite="CVE-2026-27978",
            target=target,
        )


# -- tokens --------------------------------------------------------------------------------------

CLAIMS: Case = {"sub": "ada", "aud": "api", "iss": "https://issuer.example", "exp": FUTURE}


def token(
    claims: Any = None,
    *,
    key: Any = None,
    header: Any = None,
    raw_header: bytes | None = None,
    raw_claims: bytes | None = None,
    digest: str = "sha256",
    signature: str | None = None,
) -> str:
    """Return a token signed by HMAC, whatever its header says."""
    top = json.dumps({"alg": "HS256", "typ": "JWT"} if header is None else header).encode()
    content = json.dumps(CLAIMS if claims is None else claims).encode()
    signed = f"{base64url(raw_header or top)}.{base64url(raw_claims or content)}"
    secret = KEYS["TOKENS"] if key is None else key
    if signature is None:
        bytes_of_key = secret.encode() if isinstance(secret, str) else secret
        signature = base64url(hmac.new(bytes_of_key, signed.encode(), digest).digest())
    return f"{signed}.{signature}"


def rsa_token(claims: Any = None, header: Any = None) -> str:
    import jwt

    return jwt.encode(CLAIMS if claims is None else claims, KEYS["PRIVATE_KEY"], "RS256", header)


def tokens() -> Iterator[Case]:
    secret, public, named = "/api/jwt/secret", "/api/jwt/public", "/api/jwt/named"
    ada: Case = {"json": {"user": "ada"}}

    def refused(name: str, *cites: str, text: Any, target: str = secret, scheme: str = "Bearer ") -> Case:
        value = {"concat": [scheme, text]} if isinstance(text, dict) else f"{scheme}{text}"
        one = step(
            target,
            401,
            headers=[("Authorization", value)],
            max_ms=50,
            header={"WWW-Authenticate": "^Bearer"},
            must_not=["body:ada", "s3cr3t"],
        )
        return case("jwt", name, [one], *cites)

    def accepted(
        name: str, text: str, target: str, *cites: str, scheme: str = "Bearer ", provides: str = ""
    ) -> Case:
        one = step(target, 200, headers=[("Authorization", f"{scheme}{text}")], **ada)
        return case("jwt", name, [one], *cites, provides=provides)

    yield accepted("valid", token(), secret, provides="jwt")
    yield accepted("valid-rs256", rsa_token(), public, "CVE-2022-29217")
    yield accepted(
        "valid-by-name", token(key=KEYS["NEW"], header={"alg": "HS256", "kid": "new"}), named, "CVE-2018-0114"
    )
    yield accepted("scheme-in-lower-case", token(), secret, "CVE-2026-47673", scheme="bearer ")
    for none in ("none", "None", "NONE", "nOnE", "", " none", "none ", "no\u200bne"):
        label = none.strip().replace("\u200b", "-zero-width-").replace(" ", "") or "empty"
        blank = "-blank" if none != none.strip() else ""
        for kind, signature in {"without": "", "with": None}.items():
            yield refused(
                f"alg-{label}{blank}{'-' + str(none.index('n')) if blank else ''}-{kind}-signature",
                "CVE-2022-23540",
                text=token(header={"alg": none}, signature=signature),
            )
    algorithms: Case = {
        "missing": ...,
        "null": None,
        "true": True,
        "number": 1,
        "list": ["HS256"],
        "object": {},
        "lower-case": "hs256",
        "hs1": "HS1",
        "hs512": "HS512",
        "rs256": "RS256",
        "dir": "dir",
        "a256kw": "A256KW",
        "edDSA": "EdDSA",
    }
    for name, alg in algorithms.items():
        header = {"typ": "JWT"} if alg is ... else {"alg": alg, "typ": "JWT"}
        yield refused(f"alg-is-{name}", "CVE-2022-23540", text=token(header=header))
    yield refused(
        "hs384-with-the-same-key", "CVE-2022-29217", text=token(header={"alg": "HS384"}, digest="sha384")
    )
    # the public key as a secret
    pem = KEYS["PUBLIC_KEY"]
    for name, key in {
        "pem": pem,
        "pem-without-line-end": pem.rstrip(),
        "pem-with-space": f" {pem}",
        "pem-with-crlf": pem.replace("\n", "\r\n"),
        "der": base64.b64decode("".join(pem.splitlines()[1:-1])),
    }.items():
        cites = ("CVE-2024-33663",) if name == "der" else ("CVE-2022-29217", "CVE-2024-37568")
        yield refused(f"confusion-{name}", *cites, text=token(key=key), target=public)
        yield refused(
            f"confusion-{name}-rs256", *cites, text=token(key=key, header={"alg": "RS256"}), target=public
        )
    yield refused("confusion-rs256-at-a-secret", "CVE-2022-29217", text=rsa_token())
    jwk = {"kty": "oct", "k": base64url(b"k" * 32)}
    yield refused("confusion-jwk-text", "CVE-2026-48526", text=token(key=json.dumps(jwk)), target=public)
    # a key that the token brings
    own: Case = {"key": b"k" * 32}
    brought: Case = {
        "jwk": {"jwk": jwk},
        "jwk-and-kid": {"jwk": jwk, "kid": "new"},
        "jku": {"jku": "https://evil.example/jwks"},
        "jku-of-this-host": {"jku": "http://localhost/api/hello"},
        "x5u": {"x5u": "https://evil.example/cert"},
        "x5c": {"x5c": ["MIIB"]},
        "x5t": {"x5t": "AAAA"},
        "url-as-kid": {"kid": "https://evil.example/key"},
    }
    for name, member in brought.items():
        for target, place in ((secret, "secret"), (named, "named")):
            yield refused(
                f"brings-{name}-{place}",
                "CVE-2018-0114",
                text=token(header={"alg": "HS256", **member}, **own),
                target=target,
            )
    kids = {
        "path": "../../../../dev/null",
        "absolute-path": "/dev/null",
        "proc": "/proc/self/environ",
        "sql": "x' UNION SELECT 'k",
        "command": "|sleep 5",
        "nul": "new\x00",
        "empty": "",
        "dunder": "__class__",
        "upper-case": "NEW",
        "blank": " new",
        "unicode": "ｎｅｗ",
        "long": "k" * 700,
    }
    for name, kid in kids.items():
        for kind, key in {"empty-key": b"", "k": b"k", "new-key": KEYS["NEW"]}.items():
            if kind == "new-key" or name in ("path", "sql", "empty"):
                yield refused(
                    f"kid-{name}-{kind}",
                    "GHSA-869p-cjfg-cm3x",
                    text=token(key=key, header={"alg": "HS256", "kid": kid}),
                    target=named,
                )
    for name, value in {
        "number": 1,
        "null": None,
        "list": ["new"],
        "object": {"new": 1},
        "true": True,
    }.items():
        yield refused(
            f"kid-is-{name}",
            "GHSA-869p-cjfg-cm3x",
            text=token(key=KEYS["NEW"], header={"alg": "HS256", "kid": value}),
            target=named,
        )
    yield refused(
        "kid-of-another-key",
        "CVE-2018-0114",
        text=token(key=KEYS["NEW"], header={"alg": "HS256", "kid": "old"}),
        target=named,
    )
    yield refused("no-kid-among-several", "CVE-2018-0114", text=token(key=KEYS["NEW"]), target=named)
    for name, member in {
        "unknown": ["bork"],
        "known": ["exp"],
        "empty": [],
        "text": "exp",
        "b64": ["b64"],
    }.items():
        yield refused(f"crit-{name}", "CVE-2025-59420", text=token(header={"alg": "HS256", "crit": member}))
    yield refused("b64-false", "CVE-2025-59420", text=token(header={"alg": "HS256", "b64": False}))
    for kind in ("JWE", "at+JWT;x", "logout+jwt", "dpop+jwt", "id_token"):
        yield refused(f"typ-{kind}", "CVE-2025-59420", text=token(header={"alg": "HS256", "typ": kind}))

    # claims
    def changed(**members: Any) -> Case:
        return {name: value for name, value in {**CLAIMS, **members}.items() if value is not ...}

    for name, claims in {
        "exp-missing": changed(exp=...),
        "exp-null": changed(exp=None),
        "exp-past": changed(exp=PAST),
        "exp-zero": changed(exp=0),
        "exp-negative": changed(exp=-1),
        "exp-text": changed(exp=str(FUTURE)),
        "exp-true": changed(exp=True),
        "exp-list": changed(exp=[FUTURE]),
        "exp-object": changed(exp={}),
        "nbf-future": changed(nbf=FUTURE),
        "nbf-text": changed(nbf="0"),
        "nbf-huge": changed(nbf=10**30),
        "iat-future": changed(iat=FUTURE),
        "iat-text": changed(iat="0"),
        "aud-missing": changed(aud=...),
        "aud-other": changed(aud="apis"),
        "aud-part": changed(aud="ap"),
        "aud-empty": changed(aud=""),
        "aud-list-of-others": changed(aud=["a", "p", "i"]),
        "aud-empty-list": changed(aud=[]),
        "aud-number": changed(aud=1),
        "aud-object": changed(aud={"api": 1}),
        "aud-null": changed(aud=None),
        "aud-upper": changed(aud="API"),
        "aud-list-in-a-list": changed(aud=[["api"]]),
        "iss-missing": changed(iss=...),
        "iss-part": changed(iss="https://issuer"),
        "iss-longer": changed(iss="https://issuer.example/"),
        "iss-list": changed(iss=["https://issuer.example"]),
        "iss-null": changed(iss=None),
        "iss-upper": changed(iss="HTTPS://ISSUER.EXAMPLE"),
        "sub-number": changed(sub=1),
        "sub-object": changed(sub={"a": 1}),
        "jti-number": changed(jti=1),
    }.items():
        yield refused(f"claims-{name}", "CVE-2024-53861", text=token(claims))
    raw = json.dumps(CLAIMS).encode()
    for name, content in {
        "no-object": b'["ada"]',
        "text": b'"ada"',
        "null": b"null",
        "empty": b" ",
        "no-json": b"{'sub': 'ada'}",
        "nan": raw.replace(str(FUTURE).encode(), b"NaN"),
        "infinity": raw.replace(str(FUTURE).encode(), b"Infinity"),
        "huge-number": raw.replace(str(FUTURE).encode(), b"1e999"),
        "million-digits": raw.replace(str(FUTURE).encode(), b"9" * 5000),
        "member-twice": b'{"exp": 1, ' + raw[1:],
        "sub-twice": b'{"sub": "eve", ' + raw[1:],
        "escaped-member-twice": b'{"su\\u0062": "eve", ' + raw[1:],
        "bom": b"\xef\xbb\xbf" + raw,
        "utf-16": raw.decode().encode("utf-16"),
        "not-utf-8": raw.replace(b"ada", b"\xff"),
        "lone-surrogate": raw.replace(b'"ada"', b'"\\ud800"'),
        "deep": b"[" * 2000 + b"]" * 2000,
        "trailing": raw + b"{}",
        "comment": raw[:-1] + b"/**/}",
        "nul": raw + b"\x00",
    }.items():
        yield refused(f"json-{name}", "CVE-2024-53861", text=token(raw_claims=content))
    for name, content in {
        "alg-twice": b'{"alg":"none","alg":"HS256"}',
        "alg-escaped-twice": b'{"al\\u0067":"none","alg":"HS256"}',
        "no-object": b'["HS256"]',
        "bom": b'\xef\xbb\xbf{"alg":"HS256"}',
        "deep": b"[" * 500 + b"]" * 500,
    }.items():
        yield refused(f"header-{name}", "CVE-2022-23540", text=token(raw_header=content))
    # the text
    good = token()
    top, middle, last = good.split(".")
    for name, text in {
        "empty": "",
        "dot": ".",
        "dots": "..",
        "two-parts": f"{top}.{middle}",
        "no-signature": f"{top}.{middle}.",
        "four-parts": f"{good}.x",
        "five-parts": f"{good}.x.y",
        "padded": f"{good}=",
        "signature-cut": good[:-1],
        "signature-longer": f"{good}A",
        "signature-of-zeros": f"{top}.{middle}.{'A' * 43}",
        "blank-inside": f"{top}. {middle}.{last}",
        "line-inside": f"{top}.{middle[:9]}\t{middle[9:]}.{last}",
        "standard-base64": f"{top}.{middle}.{last[:-2]}+/",
        "percent": good.replace(".", "%2E"),
        "quoted": f'"{good}"',
        "json-form": json.dumps({"payload": middle, "protected": top, "signature": last}),
        "other-last-character": good[:-1] + chr(ord(good[-1]) + 1),
        "not-ascii": good.replace("e", "е", 1),
        "key-empty": token(key=b""),
        "key-other": token(key="x" * 48),
        "key-cut": token(key=KEYS["TOKENS"][:-1]),
        "unsigned-hash": f"{top}.{middle}.{base64url(hashlib.sha256(f'{top}.{middle}'.encode()).digest())}",
    }.items():
        yield refused(f"text-{name}", "GHSA-869p-cjfg-cm3x", text=text)
    for size in (9_000, 100_000, 1_000_000):
        parts: Case = {
            "header": [{"repeat": "A", "n": size}, f".{middle}.{last}"],
            "content": [f"{top}.", {"repeat": "A", "n": size}, f".{last}"],
            "signature": [f"{top}.{middle}.", {"repeat": "A", "n": size}],
            "dots": [{"repeat": ".", "n": size}],
        }
        for part, concat in parts.items():
            long: Case = {"concat": ["Bearer ", *concat]}
            one = step(
                secret, 401, 400, 431, headers=[("Authorization", long)], max_ms=50, must_not=["body:ada"]
            )
            yield case("jwt", f"{part}-of-{size}", [one], "CVE-2024-39316")
    # the header field
    for name, scheme in {
        "basic": "Basic ",
        "token": "Token ",
        "digest": "Digest ",
        "none": "",
        "jwt": "JWT ",
        "two-words": "Bearer Bearer ",
        "colon": "Bearer: ",
        "prefix": "Bearerx ",
    }.items():
        yield refused(f"scheme-{name}", "CVE-2026-47673", text=good, scheme=scheme)
    for name, values in {
        "forged-second": [f"Bearer {good}", "Bearer x"],
        "forged-first": ["Bearer x", f"Bearer {good}"],
        "twice": [f"Bearer {good}", f"Bearer {good}"],
    }.items():
        one = step(
            secret, 400, 401, headers=[("Authorization", value) for value in values], must_not=["body:ada"]
        )
        yield case("jwt", f"several-{name}", [one], "CVE-2026-47673")
    for name, request in {
        "query": step(f"{secret}?access_token={good}", 401),
        "query-token": step(f"{secret}?token={good}", 401),
        "cookie": step(secret, 401, headers=[("Cookie", f"access_token={good}")]),
        "other-field": step(secret, 401, headers=[("X-Authorization", f"Bearer {good}")]),
        "proxy": step(secret, 401, headers=[("Proxy-Authorization", f"Bearer {good}")]),
    }.items():
        yield case("jwt", f"in-{name}", [request], "CVE-2026-47673")
    yield case(
        "jwt",
        "answer-of-a-signed-in-user-is-private",
        [
            step(
                secret, 200, headers=[("Authorization", f"Bearer {good}")], header={"Vary": "Authorization"}
            ),
            step(secret, 401),
        ],
        "CVE-2026-44457",
    )
    yield case(
        "jwt", "head-is-guarded-too", [step(secret, 401, method="HEAD", no_body=True)], "CVE-2026-47673"
    )


# -- rate limits ---------------------------------------------------------------------------------


def limits() -> Iterator[Case]:
    three = "/api/limited/three"

    def spent(target: str = three, **rest: Any) -> Case:
        """Three requests, which are all that there are."""
        return step(target, 200, times=3, **rest)

    def limited(name: str, last: Case, *cites: str, first: Case | None = None) -> Case:
        return case("ratelimit", name, [spent() if first is None else first, last], *cites)

    told: Case = {"header": {"Retry-After": "^[0-9]+$", "RateLimit": "r=0", "RateLimit-Policy": "q=3;w=3600"}}
    yield case("ratelimit", "fourth", [spent(), step(three, 429, **told)], provides="ratelimit")
    for header, values in {
        "X-Forwarded-For": (
            "198.51.100.1",
            "198.51.100.1, 203.0.113.9",
            "127.0.0.1",
            "::1",
            "",
            "unknown",
            "'",
            "\x7f",
        ),
        "Forwarded": ("for=198.51.100.1", 'for="[2001:db8::1]"'),
        "X-Real-IP": ("198.51.100.1",),
        "X-Client-IP": ("198.51.100.1",),
        "True-Client-IP": ("198.51.100.1",),
        "CF-Connecting-IP": ("198.51.100.1",),
        "X-Originating-IP": ("127.0.0.1",),
        "X-Remote-Addr": ("127.0.0.1",),
        "Client-IP": ("127.0.0.1",),
    }.items():
        for number, value in enumerate(values):
            yield limited(
                f"{header.lower()}-{number}", step(three, 429, headers=[(header, value)]), "CVE-2025-59152"
            )
    yield limited(
        "forwarded-for-twice",
        step(three, 429, headers=[("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "198.51.100.2")]),
        "CVE-2025-59152",
    )
    for header, value in {
        "User-Agent": "another",
        "Cookie": "session=another",
        "Authorization": "Bearer another",
        "X-API-Key": "another",
        "Host": "another.example",
        "Origin": "https://another.example",
        "Accept-Language": "de",
        "X-Request-Id": "1",
    }.items():
        yield limited(
            f"another-{header.lower()}", step(three, 429, headers=[(header, value)]), "CVE-2025-59152"
        )
    # addresses
    base = {"REMOTE_ADDR": "2001:db8:1:2::1"}
    for name, address in {
        "next": "2001:db8:1:2::2",
        "far": "2001:db8:1:2:ffff:ffff:ffff:ffff",
        "upper-case": "2001:DB8:1:2::1",
        "written-out": "2001:0db8:0001:0002:0000:0000:0000:0001",
        "zone": "2001:db8:1:2::1%eth0",
        "dotted-end": "2001:db8:1:2::1.2.3.4",
    }.items():
        yield limited(
            f"ipv6-{name}",
            step(three, 429, environ={"REMOTE_ADDR": address}),
            "CVE-2026-45364",
            "CVE-2026-47674",
            first=spent(environ=base),
        )
    for name, address in {
        "mapped": "::ffff:203.0.113.9",
        "mapped-upper": "::FFFF:203.0.113.9",
        "mapped-hex": "::ffff:cb00:7109",
        "mapped-written-out": "0:0:0:0:0:ffff:cb00:7109",
    }.items():
        yield limited(f"ipv4-{name}", step(three, 429, environ={"REMOTE_ADDR": address}), "CVE-2026-45364")
    for name, address in {"another-network": "2001:db8:1:3::1", "ipv4": "203.0.113.9"}.items():
        yield limited(
            f"not-of-the-network-{name}",
            step(three, 200, environ={"REMOTE_ADDR": address}),
            "CVE-2026-30827",
            first=spent(environ=base),
        )
    for name, address in {"another-mapped": "::ffff:198.51.100.7", "next": "203.0.113.10"}.items():
        yield limited(
            f"not-of-the-client-{name}", step(three, 200, environ={"REMOTE_ADDR": address}), "CVE-2026-30827"
        )
    # one route by other names
    for name, path in {
        "query": f"{three}?x=1",
        "empty-query": f"{three}?",
        "percent": "/api/limited/thr%65e",
        "percent-upper": "/api/limited/%74hree",
        "slash": f"{three}/",
        "two-slashes": "/api//limited/three",
        "slashes-before": "//api/limited/three",
        "upper": "/api/limited/THREE",
        "dot": "/api/limited/./three",
        "dots": "/api/x/../limited/three",
        "semicolon": f"{three};x=1",
        "nul": f"{three}%00",
        "extension": f"{three}.json",
        "blank": f"{three}%20",
        "encoded-slash": "/api/limited%2fthree",
    }.items():
        yield limited(f"path-{name}", step(path, 429, 301, 307, 308, 400, 404), "GHSA-x732-6j76-qmhm")
    for method in ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO", "get"):
        harmless = [204] if method == "OPTIONS" else []
        one = step(three, *harmless, 429, 405, 400, 501, method=method)
        yield limited(f"method-{method}", one, "GHSA-x732-6j76-qmhm")
    items = "/api/limited/items/"
    for name, path in {
        "another": "b",
        "percent": "%62",
        "upper": "A",
        "long": "x" * 500,
        "not-ascii": "%E2%98%83",
    }.items():
        yield limited(
            f"item-{name}", step(items + path, 429), "GHSA-x732-6j76-qmhm", first=spent(f"{items}a")
        )
    # what counts
    login = "/api/limited/login"
    wrong, right = f"{login}?password=wrong", f"{login}?password=right"
    tries = step(wrong, 401, method="POST", times=3)
    yield limited("failures-are-counted", step(wrong, 429, method="POST"), "CVE-2026-45364", first=tries)
    yield limited(
        "the-right-password-after-too-many", step(right, 429, method="POST"), "CVE-2026-45364", first=tries
    )
    yield case(
        "ratelimit",
        "a-success-does-not-forgive",
        [
            step(wrong, 401, method="POST", times=2),
            step(right, 200, method="POST"),
            step(wrong, 401, method="POST"),
            step(wrong, 429, method="POST"),
        ],
        "CVE-2026-45364",
    )
    yield case(
        "ratelimit",
        "successes-are-not-counted",
        [step(right, 200, method="POST", times=10)],
        "CVE-2026-45364",
    )
    cost = "/api/limited/cost?n="
    for name, value, expected in [
        ("all", "3", 200),
        ("too-much", "4", 429),
        ("huge", str(10**30), 429),
        ("free", "0", 200),
        ("negative", "-1", 500),
        ("huge-negative", "-" + "9" * 30, 500),
        ("no-number", "x", 500),
        ("infinite", "inf", 500),
        ("million-digits", "9" * 5000, 500),
    ]:
        yield case(
            "ratelimit", f"cost-{name}", [step(cost + value, expected, must_not=["s3cr3t"])], "CVE-2026-45364"
        )
    yield case(
        "ratelimit",
        "a-negative-cost-gives-nothing-back",
        [step(f"{cost}3", 200), step(f"{cost}-5", 500), step(f"{cost}1", 429)],
        "CVE-2026-45364",
    )
    yield case(
        "ratelimit",
        "what-is-refused-costs-nothing",
        [step(f"{cost}2", 200), step(f"{cost}2", 429), step(f"{cost}1", 200)],
        "CVE-2026-30827",
    )
    key = "/api/limited/key"
    for header, value in {"X-API-Key": "new", "Authorization": "Bearer new"}.items():
        yield limited(
            f"unchecked-{header.lower()}",
            step(key, 429, headers=[(header, value)]),
            "CVE-2025-59152",
            first=spent(key),
        )
    names = "/api/limited/name?name="
    yield case(
        "ratelimit",
        "many-subjects-in-little-memory",
        [step(f"{names}{'x' * 4000}{number}", 200, max_ms=50) for number in range(30)],
        "CVE-2026-48524",
    )
    yield limited("names-side-by-side", step(f"{names}b", 200), "CVE-2026-30827", first=spent(f"{names}a"))
    yield limited(
        "name-with-a-separator", step(f"{names}a%3Ab", 200), "CVE-2026-30827", first=spent(f"{names}a")
    )
    yield limited(
        "refused-answers-are-not-cached",
        step(three, 429, header={"Cache-Control": "no-store"}),
        "CVE-2026-24472",
    )


# -- webhooks ------------------------------------------------------------------------------------

EVENT = '{"event": "paid"}'
LENGTHS = "inkbox-ai/inkbox#144"
REPLAY = "CVE-2025-46336"


def mac(key: str | bytes, *parts: str | bytes) -> bytes:
    joined = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return hmac.new(key.encode() if isinstance(key, str) else key, joined, "sha256").digest()


def webhooks() -> Iterator[Case]:
    plain = KEYS["PLAIN_HOOKS"]
    decoded = base64.b64decode(KEYS["HOOKS"].removeprefix("whsec_"))
    taken: Case = {"json": {"taken": EVENT}}

    def sent(
        name: str,
        sender: str,
        headers: Headers,
        *expected: int,
        body: Any = EVENT,
        cites: Sequence[str] = (LENGTHS,),
        provides: str = "",
        **rest: Any,
    ) -> Case:
        more = (
            taken
            if expected == (200,) and body == EVENT
            else {}
            if expected == (200,)
            else {"must_not": ["body:taken"]}
        )
        one = step(
            f"/api/webhook/{sender}",
            *expected,
            method="POST",
            body=body,
            headers=headers,
            max_ms=300,
            **more,
            **rest,
        )
        return case("webhook", f"{sender}-{name}", [one], *cites, provides=provides)

    hub = "X-Hub-Signature-256"
    good = mac(plain, EVENT).hex()
    yield sent("valid", "github", [(hub, f"sha256={good}")], 200, provides="webhook")
    for name, value in {
        "empty": "",
        "prefix-alone": "sha256=",
        "no-prefix": good,
        "sha1-prefix": f"sha1={good}",
        "upper-prefix": f"SHA256={good}",
        "cut": f"sha256={good[:-1]}",
        "longer": f"sha256={good}0",
        "odd": f"sha256={good[:-1]}g",
        "short": "sha256=abcd",
        "zeros": f"sha256={'0' * 64}",
        "twice": f"sha256={good}{good}",
        "list": f"sha256={'0' * 64},sha256={good}",
        "list-with-blank": f"sha256={'0' * 64}, sha256={good}",
        "other-key": f"sha256={mac('x', EVENT).hex()}",
        "empty-key": f"sha256={mac('', EVENT).hex()}",
        "unkeyed": f"sha256={hashlib.sha256(EVENT.encode()).hexdigest()}",
        "of-an-empty-body": f"sha256={mac(plain).hex()}",
        "of-parsed-json": f"sha256={mac(plain, json.dumps(json.loads(EVENT), separators=(',', ':'))).hex()}",
        "hex-prefixed": f"sha256=0x{good}",
        "base64": f"sha256={base64.b64encode(mac(plain, EVENT)).decode()}",
        "not-ascii": "sha256=" + "é" * 64,
        "full-width": "sha256=" + "０" * 64,
        "blank-inside": f"sha256= {good}",
        "underscores": f"sha256={good[:30]}_{good[31:]}",
        "null": "null",
    }.items():
        yield sent(name, "github", [(hub, value)], 400, 401)
    yield sent("upper-hex", "github", [(hub, f"sha256={good.upper()}")], 200)
    yield sent("missing", "github", [], 401)
    yield sent(
        "sha1-field",
        "github",
        [("X-Hub-Signature", "sha1=" + hmac.new(plain.encode(), EVENT.encode(), "sha1").hexdigest())],
        401,
    )
    yield sent(
        "long-field", "github", [(hub, {"concat": ["sha256=", {"repeat": "a", "n": 100_000}]})], 400, 401, 431
    )
    yield sent("two-fields", "github", [(hub, f"sha256={good}"), (hub, "sha256=" + "0" * 64)], 400, 401)
    for name, body in {
        "changed": EVENT.replace("paid", "free"),
        "longer": EVENT + " ",
        "empty": "",
        "reordered": '{ "event":"paid"}',
        "bom": "\ufeff" + EVENT,
        "crlf": EVENT + "\r\n",
    }.items():
        yield sent(f"body-{name}", "github", [(hub, f"sha256={good}")], 401, body=body)
    yield sent("form-of-the-body", "github", [(hub, f"sha256={good}"), FORM], 401, body="payload=x")
    yield sent("in-the-query", "github", [], 401)
    binary = bytes(range(256))
    yield sent(
        "binary-body",
        "github",
        [(hub, f"sha256={mac(plain, binary).hex()}"), ("Content-Type", "application/octet-stream")],
        200,
        body={"hex": binary.hex()},
    )
    yield case(
        "webhook",
        "github-get",
        [step("/api/webhook/github", 401, 405, headers=[(hub, f"sha256={mac(plain).hex()}")])],
        LENGTHS,
    )

    def stripe(when: object = THEN, signature: str | None = None, key: str = plain) -> str:
        return f"t={when},v1={mac(key, f'{when}.', EVENT).hex() if signature is None else signature}"

    field = "Stripe-Signature"
    right = mac(plain, f"{THEN}.", EVENT).hex()
    yield sent("valid", "stripe_ever", [(field, stripe())], 200)
    yield sent("valid-of-two", "stripe_ever", [(field, f"t={THEN},v1={'0' * 64},v1={right}")], 200)
    yield sent("old", "stripe", [(field, stripe(PAST))], 401, cites=[REPLAY])
    yield sent("future", "stripe", [(field, stripe(FUTURE))], 401, cites=[REPLAY])
    for name, value in {
        "empty": "",
        "no-time": f"v1={right}",
        "no-signature": f"t={THEN}",
        "v0-alone": f"t={THEN},v0={right}",
        "upper-names": f"T={THEN},V1={right}",
        "two-times": f"t={THEN},t={PAST},v1={right}",
        "time-moved": f"t={THEN + 1},v1={right}",
        "time-empty": stripe(""),
        "time-zero": stripe(0),
        "time-negative": stripe(-THEN),
        "time-plus": stripe(f"+{THEN}"),
        "time-blank": stripe(f" {THEN}"),
        "time-float": stripe(f"{THEN}.5"),
        "time-exponent": stripe("1e9"),
        "time-hex": stripe("0x6aff"),
        "time-underscore": stripe("1_795_000_000"),
        "time-nan": stripe("nan"),
        "time-infinite": stripe("inf"),
        "time-huge": stripe("9" * 30),
        "time-million-digits": stripe("9" * 1500),
        "time-full-width": f"t={'９' * 10},v1={right}",
        "signature-empty": stripe(signature=""),
        "signature-short": stripe(signature="ab"),
        "signature-other-key": stripe(key="x"),
        "signature-empty-key": stripe(key=""),
        "semicolons": stripe().replace(",", ";"),
        "many": f"t={THEN}," + ",".join(["v1=" + "0" * 64] * 20),
        "thousands": f"t={THEN}," + ",".join(["v1=" + "0" * 64] * 2000),
    }.items():
        yield sent(
            name,
            "stripe_ever",
            [(field, value)],
            400,
            401,
            cites=[REPLAY if name.startswith("time") else LENGTHS],
        )
    yield sent("body-changed", "stripe_ever", [(field, stripe())], 401, body=EVENT + "\n")

    def slack(when: object = THEN, signature: str | None = None, key: str = plain) -> list[tuple[str, str]]:
        made = "v0=" + mac(key, f"v0:{when}:", EVENT).hex() if signature is None else signature
        return [("X-Slack-Signature", made), ("X-Slack-Request-Timestamp", str(when))]

    yield sent("valid", "slack_ever", slack(), 200)
    yield sent("old", "slack", slack(PAST), 401, cites=[REPLAY])
    yield sent("future", "slack", slack(FUTURE), 401, cites=[REPLAY])
    yield sent("no-time", "slack_ever", slack()[:1], 400, 401, cites=[REPLAY])
    yield sent("time-moved", "slack_ever", [slack()[0], slack(THEN + 1)[1]], 401, cites=[REPLAY])
    yield sent("time-joined", "slack_ever", slack(f"{THEN}:x"), 400, 401, cites=[REPLAY])
    yield sent("signature-v1", "slack_ever", slack(signature=slack()[0][1].replace("v0", "v1")), 400, 401)
    yield sent("signature-empty", "slack_ever", slack(signature=""), 400, 401)
    yield sent("signature-other-key", "slack_ever", slack(key="x"), 401)

    def standard(
        when: object = THEN,
        identifier: str = "msg_1",
        *,
        key: bytes = decoded,
        family: str = "webhook",
        signatures: str | None = None,
    ) -> list[tuple[str, str]]:
        made = (
            "v1," + base64.b64encode(mac(key, f"{identifier}.{when}.", EVENT)).decode()
            if signatures is None
            else signatures
        )
        return [
            (f"{family}-id", identifier),
            (f"{family}-timestamp", str(when)),
            (f"{family}-signature", made),
        ]

    one = standard()[2][1]
    yield sent("valid", "standard_ever", standard(), 200)
    yield sent("valid-of-svix", "standard_ever", standard(family="svix"), 200)
    yield sent("valid-of-several", "standard_ever", standard(signatures=f"v1,{'A' * 43}= v1a,xyz {one}"), 200)
    yield sent("old", "standard", standard(PAST), 401, cites=[REPLAY])
    yield sent("future", "standard", standard(FUTURE), 401, cites=[REPLAY])
    for number, name in enumerate(("id", "time", "signature")):
        without = [pair for index, pair in enumerate(standard()) if index != number]
        yield sent(f"without-{name}", "standard_ever", without, 400, 401, cites=[REPLAY])
    for name, made in {
        "id-changed": [("webhook-id", "msg_2"), *standard()[1:]],
        "id-with-a-dot": standard(THEN, "msg.1"),
        "id-empty": standard(THEN, ""),
        "id-long": standard(THEN, "m" * 300),
        "dots-moved": [("webhook-id", f"msg_1.{THEN}"), ("webhook-timestamp", "1"), standard()[2]],
        "time-moved": [standard()[0], ("webhook-timestamp", str(THEN + 1)), standard()[2]],
        "time-float": standard(f"{THEN}.0"),
        "time-text": standard("now"),
        "signature-empty": standard(signatures=""),
        "version-alone": standard(signatures="v1,"),
        "no-version": standard(signatures=one.removeprefix("v1,")),
        "v1a": standard(signatures=one.replace("v1,", "v1a,")),
        "v2": standard(signatures=one.replace("v1,", "v2,")),
        "commas": standard(signatures=f"{one},{one}"),
        "unpadded": standard(signatures=one.rstrip("=")),
        "url-safe": standard(signatures="v1," + "-_" * 21 + "A="),
        "hex": standard(signatures="v1," + mac(decoded, f"msg_1.{THEN}.", EVENT).hex()),
        "encoded-key": standard(key=KEYS["HOOKS"].encode()),
        "empty-key": standard(key=b""),
        "families-mixed": [("svix-id", "msg_1"), *standard()[1:]],
        "svix-beside-a-forged-one": [*standard(family="svix"), *standard(signatures=f"v1,{'A' * 43}=")],
    }.items():
        yield sent(
            name,
            "standard_ever",
            made,
            400,
            401,
            cites=[REPLAY if "time" in name or "id" in name else LENGTHS],
        )


def cases() -> list[Case]:
    """Return all cases."""
    return [*sessions(), *csrf(), *tokens(), *limits(), *webhooks()]


def text() -> str:
    """Return the file."""
    return "".join(f"{json.dumps(made, separators=(',', ':'))}\n" for made in cases())


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
