"""Requests of other sites that got past the checks of others: none reaches a handler that trusts cookies.

Each has what it is known from. A browser writes `Origin` and `Sec-Fetch-Site` itself; what no browser writes
is here as well, because a proxy, a browser's defect or an extension might.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from apiroutes import App
from tests.support import call, environ, exchange, project

STEPS = """
from apiroutes.handlers import reads_ambient_credentials
from apiroutes.middleware import csrf
done = []
@reads_ambient_credentials
def sessions(req, res, next):
    done.append("session")
    return next()
"""
ROUTE = """
from steps_attacked import *
middleware = sessions
def handler(req, res):
    done.append("call")
    return "done"
"""
TRUSTS = ROUTE.replace("sessions\n", "[csrf(trusted=['https://app.example.com']), sessions]\n", 1)
HOST = "example.com"

Headers = dict[str, str]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "steps_attacked", raising=False)
    files = {
        "steps_attacked.py": STEPS,
        "pages/api/x.py": ROUTE,
        "pages/api/trusts.py": TRUSTS,
        "pages/api/[id]/index.py": ROUTE,
    }
    return App(project(tmp_path, files))


def is_done() -> bool:
    done: list[str] = sys.modules["steps_attacked"].done
    return bool(done)


# Without Sec-Fetch-Site the origin decides: plain HTTP, and browsers of before 2023.
ORIGINS = [
    ("https://example.com.evil.com", "a host that begins with ours: cisco-ai-defense/defenseclaw#27"),
    ("https://evilexample.com", "a host that ends with ours: SaaSy-Solutions/mockforge#760"),
    ("https://evil.com/example.com", "our host in the path: tryigit/CleveresTricky#236"),
    ("https://evil.com?example.com", "our host in the query: CWE-346"),
    ("https://evil.com#example.com", "our host in the fragment: CWE-346"),
    ("https://example.com@evil.com", "our host as userinfo: CVE-2022-0639 of url-parse"),
    ("https://evil.com@example.com", "userinfo before our host, which no browser sends: CVE-2022-0639"),
    ("https://example.com:443@evil.com", "our host and port as userinfo: CVE-2022-0639"),
    (
        "https://evil.com\\@example.com",
        "a backslash, which parsers read in two ways: CVE-2021-27515 of url-parse",
    ),
    ("https:\\\\example.com", "backslashes in place of slashes: CVE-2021-27515 of url-parse"),
    ("https:/example.com", "one slash: CVE-2021-3664 of url-parse"),
    ("https:example.com", "no slash: CVE-2021-3664 of url-parse"),
    ("//example.com", "no scheme: CWE-346"),
    ("example.com", "a bare host: CWE-346"),
    ("null", "the origin of a sandboxed frame: dotnet/aspnetcore#66585"),
    ("NULL", "the same in capitals: dotnet/aspnetcore#66585"),
    ("", "an empty origin: outsourc-e/hermes-workspace#68"),
    (" ", "a blank origin: outsourc-e/hermes-workspace#68"),
    ("https://example.com https://evil.com", "a list of origins: RFC 6454 section 7.1"),
    ("https://evil.com https://example.com", "the same the other way round: RFC 6454 section 7.1"),
    ("https://example.com,https://evil.com", "two lines, as servers join them: CWE-444"),
    ("https://evil.com, https://example.com", "two lines, as servers join them: CWE-444"),
    ("https://example.com:8443", "another port is another origin: RFC 6454 section 5"),
    ("https://example.com:80", "the port of the other scheme: RFC 6454 section 5"),
    ("http://example.com:443", "the port of the other scheme: RFC 6454 section 5"),
    ("https://example.com:0", "a port that cannot be: RFC 6335 section 6"),
    ("https://example.com:65979", "443 and 65536: CWE-190"),
    ("https://example.com:", "an empty port: CVE-2022-0686 of url-parse"),
    ("https://example.com:4 43", "a space in the port: CWE-20"),
    ("https://example.com:\u0664\u0664\u0663", "digits of another script: CWE-20"),
    ("ftp://example.com", "another scheme: CWE-346"),
    ("file://example.com", "a file of a share: CWE-346"),
    ("javascript://example.com", "a scheme of scripts: CWE-346"),
    ("chrome-extension://example.com", "an extension that is called as we are: CWE-346"),
    ("blob:https://example.com", "an origin inside of another URL: WHATWG URL 4.7"),
    ("https://xn--xample-2of.com", "a Cyrillic letter that looks like ours: UTS 39"),
    ("https://ex\u00e4mple.com", "letters beyond ASCII, which browsers do not send: UTS 46"),
    ("https://example.com\x00.evil.com", "a NUL: CWE-158"),
    (
        "https://example.com\t.evil.com",
        "a tab, which the URL standard leaves out: CVE-2022-0691 of url-parse",
    ),
    ("https://example.com%2eevil.com", "an encoded dot: CWE-177"),
    ("https://example%2ecom", "our host, encoded: CWE-177"),
    ("https://example.com..", "two root dots: RFC 1034 section 3.1"),
    ("https://.example.com", "an empty label: RFC 1034 section 3.1"),
    ("https://*.example.com", "a wildcard: CWE-942"),
    ("*", "a wildcard: CWE-942"),
    ("https://[example.com]", "a name in brackets: CVE-2024-11168 of urllib"),
    ("https://[::1", "an open bracket: CVE-2024-11168 of urllib"),
    ("https://" + "a." * 50_000 + "com", "a long one, for expressions that back-track: CWE-1333"),
    ("https://" + "example.com:" * 10_000, "a long one, for expressions that back-track: CWE-1333"),
]


@pytest.mark.parametrize(("origin", "known_from"), ORIGINS, ids=[known for _, known in ORIGINS])
def test_another_origin_is_refused(app: App, origin: str, known_from: str) -> None:
    sent = environ("POST", "/api/x", HTTP_HOST=HOST, HTTP_ORIGIN=origin)
    assert exchange(app, sent).status == 403
    assert not is_done()


ADDRESSES = [
    ("http://2130706433", "127.0.0.1", "an address as one number: CVE-2021-29921 and its like"),
    ("http://0177.0.0.1", "127.0.0.1", "an address in octal: CVE-2021-29921 of ipaddress"),
    ("http://127.1", "127.0.0.1", "a short address: CVE-2021-29921 and its like"),
    ("http://[::ffff:127.0.0.1]", "127.0.0.1", "an address inside of another: RFC 4291 section 2.5.5"),
    ("http://[::1%25eth0]", "[::1]", "an address with a zone: RFC 6874"),
    ("http://[::1]", "[::1%eth0]", "a Host with a zone: RFC 6874"),
    ("http://localhost", "127.0.0.1", "two names of one machine: CWE-346"),
    ("http://127.0.0.1.evil.com", "127.0.0.1", "an address before a name: cisco-ai-defense/defenseclaw#27"),
    ("http://evil.com", "evil.com,example.com", "two Host lines: CWE-444"),
    ("http://evil.com", "example.com@evil.com", "a Host with userinfo: CVE-2012-4520 of Django"),
    ("http://evil.com", "example.com/evil.com", "a Host with a path: RFC 9112 section 3.2"),
    ("http://example.com", "", "an empty Host: RFC 9112 section 3.2"),
    ("http://example.com", "example.com:x", "a Host with a wrong port: RFC 9112 section 3.2"),
    ("http://example.com", None, "no Host: HTTP/1.0"),
    ("null", "null", "a Host that is called null: CWE-346"),
]


@pytest.mark.parametrize(("origin", "host", "known_from"), ADDRESSES, ids=[known for *_, known in ADDRESSES])
def test_another_spelling_of_a_host_is_another_host(
    app: App, origin: str, host: str | None, known_from: str
) -> None:
    assert exchange(app, environ("POST", "/api/x", HTTP_HOST=host, HTTP_ORIGIN=origin)).status in (400, 403)
    assert not is_done()


EVIL = "https://evil.example"
SITES = [
    ("cross-site", "a page of another site: CWE-352"),
    ("same-site", "a page of another subdomain: middleapi/orpc#1840"),
    ("cross-origin", "a word of none: kubetail-org/kubetail#1155"),
    ("", "an empty value is no missing one: outsourc-e/hermes-workspace#68"),
    (" ", "a blank value: outsourc-e/hermes-workspace#68"),
    ("Same-Origin", "capitals, which no browser writes: CWE-178"),
    ("same-origin ", "a space behind: CWE-20"),
    ("same-origin\t", "a tab behind: CWE-20"),
    ("same-origin;", "a parameter, which the standard may get: Fetch Metadata section 2"),
    ("same-origin, cross-site", "two lines, as servers join them: CWE-444"),
    ("cross-site, same-origin", "two lines, as servers join them: CWE-444"),
    ("none,none", "two lines, as servers join them: CWE-444"),
    ("same-originated", "a longer word: CWE-187"),
    ("same", "a shorter word: CWE-187"),
    ("?1", "the value of another Sec-Fetch header: CWE-20"),
]


@pytest.mark.parametrize(("site", "known_from"), SITES, ids=[known for _, known in SITES])
@pytest.mark.parametrize("origin", [None, EVIL, "null", "https://example.com"])
def test_another_site_is_refused_whatever_its_origin_says(
    app: App, site: str, origin: str | None, known_from: str
) -> None:
    sent = environ("POST", "/api/x", HTTP_HOST=HOST, HTTP_ORIGIN=origin, HTTP_SEC_FETCH_SITE=site)
    assert exchange(app, sent).status == 403
    assert not is_done()


FOREIGN = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
WAYS: list[tuple[str, str, Headers, str]] = [
    ("POST", "/api/x", {"X-HTTP-Method-Override": "GET"}, "another method in a header: Rack::MethodOverride"),
    ("POST", "/api/x", {"X-HTTP-Method": "GET"}, "another method in a header: Rack::MethodOverride"),
    ("POST", "/api/x", {"X-Method-Override": "OPTIONS"}, "another method in a header: Rack::MethodOverride"),
    ("POST", "/api/x?_method=GET", {}, "another method in the query: Rack::MethodOverride"),
    ("GETS", "/api/x", {}, "a method that begins with a safe one: CWE-187"),
    ("PROPFIND", "/api/x", {}, "a method that is not known: CWE-183"),
    ("TRACE", "/api/x", {}, "a method that scripts may not send: CWE-183"),
    ("DELETE", "/api/x", {}, "another unsafe method: CVE-2011-0696 and its like"),
    (
        "POST",
        "/api/x",
        {"X-Requested-With": "XMLHttpRequest"},
        "a header that is to exempt: CVE-2011-0696 of Django",
    ),
    (
        "POST",
        "/api/x",
        {"Content-Type": "text/plain"},
        "JSON as text, which needs no preflight: CVE-2023-29003 of SvelteKit",
    ),
    (
        "POST",
        "/api/x",
        {"Content-Type": "Application/X-WWW-Form-Urlencoded"},
        "a type in capitals: CVE-2023-29008 of SvelteKit, CVE-2024-43787 of Hono",
    ),
    ("POST", "/api/x", {}, "no type: CVE-2024-48913 of Hono"),
    (
        "POST",
        "/api/x",
        {"Referer": "https://example.com/"},
        "a Referer of ours: CVE-2025-24358 of gorilla/csrf",
    ),
    ("POST", "/api/x", {"X-Forwarded-Host": "evil.example"}, "a host that a client forwards: CWE-348"),
    ("POST", "/api/x", {"Forwarded": "host=evil.example"}, "a host that a client forwards: RFC 7239"),
    ("POST", "/api/x", {"X-Original-Host": "evil.example"}, "a host that a client forwards: CWE-348"),
    (
        "POST",
        "/api/x",
        {"X-CSRF-Token": "a", "Cookie": "csrftoken=a"},
        "a token that a cookie of a subdomain gives: CWE-352",
    ),
    (
        "POST",
        "/api/x",
        {"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "empty"},
        "other Sec-Fetch headers: middleapi/orpc#1840",
    ),
    (
        "POST",
        "/api/x",
        {"Upgrade": "websocket", "Connection": "upgrade"},
        "an upgrade that is no GET: RFC 6455 section 4.1",
    ),
    ("POST", "/api/x/", {}, "a path that is redirected: CVE-2025-47910 of Go"),
    ("POST", "/api//x", {}, "a path that is redirected: CVE-2025-47910 of Go"),
    ("POST", "/api/%78", {}, "an encoded path: CVE-2025-47910 and its like"),
    ("POST", "/api/5", {}, "a dynamic route: CVE-2025-47910 and its like"),
    ("POST", "/api/trusts", {}, "a route that trusts another origin: CWE-942"),
]


@pytest.mark.parametrize(
    ("method", "target", "headers", "known_from"), WAYS, ids=[known for *_, known in WAYS]
)
def test_nothing_else_lets_another_site_in(
    app: App, method: str, target: str, headers: Headers, known_from: str
) -> None:
    answer = call(app, method, target, headers=[*(FOREIGN | headers).items()], HTTP_HOST=HOST)
    assert answer.status in (308, 403)
    assert not is_done()


TRUSTED = [
    ("http://app.example.com", "the trusted host without TLS: CVE-2025-47909 of gorilla/csrf"),
    ("https://app.example.com:8443", "the trusted host at another port: RFC 6454 section 5"),
    ("https://app.example.com.evil.com", "a host that begins with the trusted one: CWE-346"),
    ("https://evil-app.example.com", "a host that ends with the trusted one: CWE-346"),
    ("https://sub.app.example.com", "a subdomain of the trusted one: CWE-346"),
    ("https://example.com", "the parent of the trusted one: CWE-346"),
    ("https://app.example.com@evil.com", "the trusted one as userinfo: CVE-2022-0639 of url-parse"),
    ("https://app.example.com/", "the trusted one with a path: CWE-20"),
    ("https://appxexample.com", "a host that an expression takes for the trusted one: CWE-777"),
    ("https://app.example.com,https://evil.com", "two lines, as servers join them: CWE-444"),
    ("app.example.com", "the trusted one without its scheme: CVE-2025-47909 of gorilla/csrf"),
    ("null", "the origin of a sandboxed frame: dotnet/aspnetcore#66585"),
]


@pytest.mark.parametrize(("origin", "known_from"), TRUSTED, ids=[known for _, known in TRUSTED])
def test_an_origin_like_a_trusted_one_is_not_trusted(app: App, origin: str, known_from: str) -> None:
    headers = [("Origin", origin), ("Sec-Fetch-Site", "cross-site")]
    assert call(app, "POST", "/api/trusts", headers=headers, HTTP_HOST=HOST).status == 403
    assert not is_done()


def test_the_trusted_origin_itself_is_served(app: App) -> None:
    headers = [("Origin", "https://app.example.com"), ("Sec-Fetch-Site", "cross-site")]
    assert call(app, "POST", "/api/trusts", headers=headers, HTTP_HOST=HOST).text == "done"
    assert is_done()
