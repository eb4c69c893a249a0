"""The site and its API, run as the site's tests are: `python manage.py test`."""

from typing import Any

from django.contrib.auth.models import User
from django.test import TestCase
from werkzeug.test import Client

from shop.wsgi import application


class NotesTest(TestCase):
    """Django's `self.client` calls views alone; what servers call takes a client of WSGI."""

    def setUp(self) -> None:
        self.ada = User.objects.create_user("ada", password="correct horse battery")
        self.http = Client(application)

    def sign_in(self, user: Any) -> None:
        self.client.force_login(user)
        self.http.set_cookie("sessionid", self.client.cookies["sessionid"].value)

    def test_the_site_and_its_api_are_there(self) -> None:
        assert self.http.get("/").status_code == 302
        assert "Sign in" in self.http.get("/login/").text
        assert self.http.get("/v1/api/notes").status_code == 401
        assert self.http.get("/api/notes").status_code == 404

    def test_a_note_of_the_api_is_on_the_page(self) -> None:
        self.sign_in(self.ada)
        response = self.http.post("/v1/api/notes", json={"text": "<Tea>"})
        note = self.ada.notes.get()
        assert (response.status_code, response.json) == (201, {"id": note.id, "text": "<Tea>"})
        assert "<li>&lt;Tea&gt;</li>" in self.http.get("/").text

    def test_a_user_has_notes_of_their_own(self) -> None:
        User.objects.create_user("bob").notes.create(text="Bob's")
        self.ada.notes.create(text="Ada's")
        self.sign_in(self.ada)
        assert [note["text"] for note in self.http.get("/v1/api/notes").json or []] == ["Ada's"]

    def test_a_session_that_has_ended_is_nobodys(self) -> None:
        self.sign_in(self.ada)
        self.client.logout()
        assert self.http.get("/v1/api/notes").status_code == 401

    def test_a_new_password_ends_other_sessions(self) -> None:
        self.sign_in(self.ada)
        self.ada.set_password("another horse battery")
        self.ada.save()
        assert self.http.get("/v1/api/notes").status_code == 401

    def test_a_note_is_checked(self) -> None:
        self.sign_in(self.ada)
        assert self.http.post("/v1/api/notes", json={"text": ""}).status_code == 422

    def test_another_site_cannot_write(self) -> None:
        self.sign_in(self.ada)
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        response = self.http.post("/v1/api/notes", json={"text": "x"}, headers=headers)
        assert (response.status_code, self.ada.notes.count()) == (403, 0)
