import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from apiroutes.testing import Client

ADA = ("ada@example.com", "correct horse battery")


@pytest.fixture(scope="session", autouse=True)
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the tests users of their own, before the project opens its database."""
    path = tmp_path_factory.mktemp("data") / "users.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USERS_DB", str(path))
        yield path


@pytest.fixture
def client(apiroutes_client: Client, database: Path) -> Client:
    with closing(sqlite3.connect(database)) as users, users:
        users.execute("DELETE FROM users")
    return apiroutes_client


def sign_up(client: Client, email: str, password: str) -> tuple[int, str]:
    response = client.post("/signup", data={"email": email, "password": password})
    return response.status_code, response.get_data(as_text=True)


def sign_in(client: Client, email: str, password: str) -> tuple[int, str | None]:
    response = client.post("/", data={"email": email, "password": password})
    return response.status_code, response.headers.get("Location")


def test_signing_up_tells_nothing_of_who_is_known(client: Client) -> None:
    assert sign_up(client, *ADA) == sign_up(client, ADA[0], "another password")
    assert sign_in(client, ADA[0], "another password") == (403, None)
    assert sign_in(client, *ADA) == (303, "/account")


def test_a_failure_tells_nothing_of_who_is_known(client: Client) -> None:
    sign_up(client, *ADA)
    forms = [{"email": email, "password": "wrong horse battery"} for email in (ADA[0], "bob@example.com")]
    known, unknown = (client.post("/", data=form) for form in forms)
    assert (known.status_code, known.data) == (unknown.status_code, unknown.data)
    assert "The address or the password is wrong." in known.text


def test_the_case_of_an_address_does_not_matter(client: Client) -> None:
    sign_up(client, *ADA)
    assert sign_in(client, "ADA@Example.com", ADA[1]) == (303, "/account")


def test_signing_in_is_limited_by_failures_alone(client: Client) -> None:
    sign_up(client, *ADA)
    assert {sign_in(client, *ADA)[0] for _ in range(8)} == {303}
    assert [sign_in(client, ADA[0], "wrong horse battery")[0] for _ in range(7)] == [403] * 5 + [429] * 2


@pytest.mark.parametrize("path", ["/account", "/account/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_enters_the_directory_without_a_session(client: Client, path: str, method: str) -> None:
    response = client.open(path, method=method, data={"note": "x"} if method == "POST" else None)
    response = client.get(response.headers["Location"]) if response.status_code == 308 else response
    assert (response.status_code, response.headers["Location"]) == (303, "/")


def test_who_has_signed_in_is_led_to_the_account(client: Client) -> None:
    assert client.get("/").status_code == 200
    sign_up(client, *ADA)
    sign_in(client, *ADA)
    response = client.get("/")
    assert (response.status_code, response.headers["Location"]) == (303, "/account")


@pytest.mark.parametrize("path", ["/signup", "/logout"])
def test_the_address_of_a_form_leads_to_the_forms(client: Client, path: str) -> None:
    sign_up(client, *ADA)
    sign_in(client, *ADA)
    response = client.get(path)
    assert (response.status_code, response.headers["Location"]) == (303, "/")
    assert client.get("/account").status_code == 200  # reading signs nobody out


def test_signing_out_ends_the_session(client: Client) -> None:
    sign_up(client, *ADA)
    sign_in(client, *ADA)
    response = client.post("/logout")
    assert (response.status_code, response.headers["Location"]) == (303, "/")
    assert client.get("/account").headers["Location"] == "/"


def test_a_session_whose_user_is_gone_enters_nothing(client: Client, database: Path) -> None:
    sign_up(client, *ADA)
    sign_in(client, *ADA)
    with closing(sqlite3.connect(database)) as users, users:
        users.execute("DELETE FROM users")
    assert client.get("/account").headers["Location"] == "/"
    assert client.get("/").status_code == 200


NOT_CREDENTIALS = [
    {},
    {"email": "ada@example.com"},
    {"email": "ada@example.com", "password": "short"},
    {"email": "ada@example.com", "password": "x" * 201},
    {"email": "a" * 255, "password": "correct horse battery"},
]


@pytest.mark.parametrize("path", ["/", "/signup"])
@pytest.mark.parametrize("form", NOT_CREDENTIALS, ids=str)
def test_what_is_no_form_of_ours_is_refused(client: Client, path: str, form: dict[str, str]) -> None:
    assert client.post(path, data=form).status_code == 422


@pytest.mark.parametrize(
    "body", [[], 5, "text", None, {"email": 5}, {"email": None, "password": {}}], ids=str
)
def test_json_of_any_shape_is_no_fault(client: Client, body: object) -> None:
    assert 400 <= client.post("/", json=body).status_code < 500


def test_a_password_is_kept_as_its_hash(client: Client, database: Path) -> None:
    sign_up(client, *ADA)
    stored = database.read_bytes()
    assert b"$argon2id$" in stored
    assert ADA[1].encode() not in stored
