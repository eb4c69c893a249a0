"""The length of content as the client announces it: valid, invalid, chunked."""

from __future__ import annotations

import pytest

from apiroutes import App
from tests.body.bodies import ROUTES, SAMPLES, TEXT, CountingInput, chunked, post
from tests.support import Extra, project


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(project(tmp_path_factory.mktemp("lengths"), ROUTES))


LENGTHS = ["-1", "+5", "1_0", "0x10", "5.0", "５", "5,5", " 5", "abc"]


@pytest.mark.parametrize("length", LENGTHS)
def test_an_invalid_length_is_400(app: App, length: str) -> None:
    assert post(app, TEXT, b"01234", CONTENT_LENGTH=length).status == 400


@pytest.mark.parametrize("content_type", SAMPLES)
@pytest.mark.parametrize("length", ["-1", "+5", "1_0", "0x10", "５", "5,5", "5.0", " 5", "5 ", "\n5", "²"])
def test_an_invalid_length_is_400_for_every_type_of_body(app: App, content_type: str, length: str) -> None:
    stream = CountingInput(SAMPLES[content_type])
    extra: Extra = {"wsgi.input": stream, "CONTENT_LENGTH": length}
    assert (post(app, content_type, b"", **extra).status, stream.taken) == (400, 0)


@pytest.mark.parametrize("length", ["9" * 18, "9" * 25, "9" * 5000])
def test_a_length_over_any_limit_is_413(app: App, length: str) -> None:
    assert post(app, TEXT, b"01234", CONTENT_LENGTH=length).status == 413


def test_without_a_length_nothing_is_read(app: App) -> None:
    stream = CountingInput(b"01234")
    answer = post(app, TEXT, b"", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": ""}))
    assert (answer.json(), stream.taken) == (["NoneType", None], 0)


def test_a_coding_other_than_chunked_is_501(app: App) -> None:
    assert post(app, TEXT, b"01234", HTTP_TRANSFER_ENCODING="gzip, chunked").status == 501


def test_chunks_that_the_server_does_not_end_are_411(app: App) -> None:
    extra: Extra = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": None}
    assert post(app, TEXT, b"01234", **extra).status == 411


def test_chunked_coding_overrides_a_length(app: App) -> None:
    assert (
        post(app, TEXT, b"01234", HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH="2").json()[1] == "01234"
    )


@pytest.mark.parametrize("content_type", SAMPLES)
@pytest.mark.parametrize(
    ("coding", "terminated", "status"),
    [
        ("gzip", True, 501),
        ("chunked, gzip", True, 501),
        ("chunked, chunked", True, 501),
        ("identity", True, 501),
        ("xchunked", True, 501),
        (" ", True, 501),
        ("chunked", False, 411),
        ("chunked", None, 411),
        ("CHUNKED", True, 200),
        (" chunked ", True, 200),
    ],
)
def test_a_transfer_coding_is_chunked_or_refused(
    app: App, content_type: str, coding: str, terminated: bool | None, status: int
) -> None:
    extra = chunked(**{"wsgi.input_terminated": terminated, "HTTP_TRANSFER_ENCODING": coding})
    assert post(app, content_type, SAMPLES[content_type], **extra).status == status
