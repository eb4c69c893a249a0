"""Sign-in with a provider over real HTTP: what works, and what fails for users."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from apiroutes import App
from apiroutes.testing import Client
from simulated_provider import CLIENT_ID, CLIENT_SECRET, Provider


class Browser(Client):
    """Keeps the cookies of the site, as the client of any test does."""

    def begin(self, query: str = "") -> str:
        """Open the sign-in; return the address at the provider."""
        response = self.get(f"/api/login{query}")
        assert response.status_code == 307
        return response.headers["Location"]

    def session_cookie(self) -> str:
        cookie = self.get_cookie("session")
        assert cookie is not None
        return cookie.value

    def user(self) -> Any:
        response = self.get("/api/me")
        return response.json if response.status_code == 200 else response.status_code


@pytest.fixture(scope="session", autouse=True)
def running() -> Iterator[Provider]:
    """Run a provider, before the project reads where it is."""
    provider = Provider()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SITE_URL", "http://localhost")
        patch.setenv("OIDC_ISSUER", provider.url)
        patch.setenv("OIDC_CLIENT_ID", CLIENT_ID)
        patch.setenv("OIDC_CLIENT_SECRET", CLIENT_SECRET)
        yield provider
    provider.close()


@pytest.fixture
def provider(running: Provider) -> Iterator[Provider]:
    """The provider, which behaves well until a test has it misbehave."""
    key = running.key
    yield running
    running.key, running.changes, running.refuses, running.is_down = key, {}, False, False


@pytest.fixture
def browser(apiroutes_app: App, provider: Provider) -> Browser:
    return Browser(apiroutes_app)


def test_a_user_signs_in_and_out(browser: Browser, provider: Provider) -> None:
    assert browser.user() == 401
    response = browser.get(provider.authorize(browser.begin()))
    assert (response.status_code, response.headers["Location"]) == (303, "/api/me")
    assert browser.user() == {"id": "u-1", "email": "ada@example.com"}
    assert browser.post("/api/logout").status_code == 204
    assert browser.user() == 401


def test_no_other_site_signs_a_user_out(browser: Browser, provider: Provider) -> None:
    browser.get(provider.authorize(browser.begin()))
    assert browser.post("/api/logout", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.user() != 401


def test_a_user_who_refuses_is_not_signed_in(browser: Browser, provider: Provider) -> None:
    provider.refuses = True
    assert browser.get(provider.authorize(browser.begin())).status_code == 403
    assert browser.user() == 401


def test_the_callback_of_another_browser_signs_nobody_in(
    browser: Browser, provider: Provider, apiroutes_app: App
) -> None:
    """Login CSRF: the victim would be in the attacker's account (RFC 6749 section 10.12)."""
    attacker = Browser(apiroutes_app)
    link = provider.authorize(attacker.begin())
    browser.begin()
    assert browser.get(link).status_code == 400
    assert browser.user() == 401


def test_a_forged_callback_does_not_end_a_sign_in_that_is_going_on(
    browser: Browser, provider: Provider
) -> None:
    back = provider.authorize(browser.begin())
    assert browser.get("/api/callback?state=forged&code=forged").status_code == 400
    assert browser.get(back).status_code == 303


@pytest.mark.parametrize("query", ["", "?code=x", "?state=", "?state=x", "?error=access_denied"])
def test_a_callback_without_a_sign_in_is_refused(browser: Browser, query: str) -> None:
    assert browser.get(f"/api/callback{query}").status_code == 400


def test_a_browser_that_has_lost_its_cookie_is_told_to_begin_again(
    browser: Browser, provider: Provider
) -> None:
    back = provider.authorize(browser.begin())
    browser.delete_cookie("session")
    response = browser.get(back)
    assert response.status_code == 400
    assert "/api/login" in response.text


def test_a_code_counts_once(browser: Browser, provider: Provider, apiroutes_app: App) -> None:
    begun = browser.begin()
    thief = Browser(apiroutes_app)
    thief.set_cookie("session", browser.session_cookie())
    back = provider.authorize(begun)
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 400, "the state is used up"
    assert thief.get(back).status_code == 403, "the code is used up"


def test_a_code_of_another_sign_in_is_refused(
    browser: Browser, provider: Provider, apiroutes_app: App
) -> None:
    """Code injection (RFC 9700 section 4.5): PKCE binds a code to the browser that asked for it."""
    stolen = provider.authorize(Browser(apiroutes_app).begin())
    own = provider.authorize(browser.begin())
    code = stolen.rpartition("code=")[2]
    assert browser.get(own.rpartition("code=")[0] + f"code={code}").status_code == 403
    assert browser.user() == 401


def test_each_tab_has_a_sign_in_of_its_own(browser: Browser, provider: Provider) -> None:
    backs = [provider.authorize(browser.begin(f"?next=/{tab}")) for tab in "abc"]
    assert browser.get(backs[0]).headers["Location"] == "/a"
    assert browser.user() != 401


def test_many_begun_sign_ins_fit_into_the_cookie(browser: Browser, provider: Provider) -> None:
    backs = [provider.authorize(browser.begin(f"?next=/{'x' * 60}")) for _ in range(12)]
    assert browser.get(backs[-1]).status_code == 303


NEXT = [
    ("/api/me?tab=1", "/api/me?tab=1"),
    ("https://evil.example/", "/api/me"),
    ("//evil.example/", "/api/me"),
    ("/\\evil.example/", "/api/me"),
    ("/\t/evil.example/", "/api/me"),
    ("javascript:alert(1)", "/api/me"),
    ("", "/api/me"),
]


@pytest.mark.parametrize(("target", "location"), NEXT)
def test_the_user_is_sent_on_within_the_site_alone(
    browser: Browser, provider: Provider, target: str, location: str
) -> None:
    back = provider.authorize(browser.begin(f"?next={quote(target)}"))
    assert browser.get(back).headers["Location"] == location


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "for another audience": {"aud": "other"},
    "for nobody": {"aud": ...},
    "of another issuer": {"iss": "https://evil.example"},
    "of another sign-in": {"nonce": "replayed"},
    "without a nonce": {"nonce": ...},
    "that has expired": {"exp": int(time.time()) - 3600},
    "without an end": {"exp": ...},
    "of nobody": {"sub": ...},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_an_id_token_is_refused(browser: Browser, provider: Provider, changes: dict[str, Any]) -> None:
    provider.changes = changes
    assert browser.get(provider.authorize(browser.begin())).status_code == 403
    assert browser.user() == 401


def test_an_id_token_of_another_key_is_refused(browser: Browser, provider: Provider) -> None:
    provider.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert browser.get(provider.authorize(browser.begin())).status_code == 403


def test_a_provider_that_is_away_is_a_503(browser: Browser, provider: Provider) -> None:
    back = provider.authorize(browser.begin())
    provider.is_down = True
    assert browser.get("/api/login").status_code == 503
    assert browser.get(back).status_code == 503


def test_the_session_is_another_one_after_the_sign_in(browser: Browser, provider: Provider) -> None:
    """One that was planted before gives nobody access (session fixation)."""
    back = provider.authorize(browser.begin())
    before = browser.session_cookie()
    browser.get(back)
    browser.set_cookie("session", before)
    assert browser.user() == 401
