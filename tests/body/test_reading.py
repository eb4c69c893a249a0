"""Content is read whole, to its announced end and no further, and never past its limit."""

from __future__ import annotations

import io
from typing import Any

import pytest

from apiroutes import App
from tests.body.bodies import (
    BYTES,
    FORM,
    JSON,
    ROUTES,
    SAMPLES,
    SHOW,
    TEXT,
    CountingInput,
    chunked,
    post,
)
from tests.support import Extra, project


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(project(tmp_path_factory.mktemp("reading"), ROUTES))


OF_TEN = {
    TEXT: b"0123456789",
    BYTES: b"0123456789",
    JSON: b'"01234567"',
    FORM: b"a=01234567",
}


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("content_type", OF_TEN)
def test_exactly_the_limit_passes(app: App, content_type: str, is_chunked: bool) -> None:
    extra = chunked() if is_chunked else {}
    assert post(app, content_type, OF_TEN[content_type], "/api/small", **extra).status == 200


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("content_type", [*OF_TEN, "multipart/form-data; boundary=X"])
def test_a_byte_over_the_limit_is_413(app: App, content_type: str, is_chunked: bool) -> None:
    extra = chunked() if is_chunked else {}
    answer = post(app, content_type, b"0" * 11, "/api/small", **extra)
    assert (answer.status, answer.body) == (413, b"Body exceeded 10b limit")


def test_a_limit_of_zero_is_zero(app: App) -> None:
    assert [post(app, TEXT, body, "/api/none").status for body in (b"", b"x")] == [200, 413]


def test_a_refused_body_is_not_read(app: App) -> None:
    stream = CountingInput(b"0" * 1000)
    answer = post(app, TEXT, b"", "/api/small", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": "1000"}))
    assert (answer.status, stream.taken) == (413, 0)


def test_a_chunked_body_is_read_one_byte_past_the_limit(app: App) -> None:
    stream = CountingInput(b"0" * 1000, most=1000)
    extra: Extra = {"wsgi.input": stream, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert (post(app, TEXT, b"", "/api/small", **extra).status, stream.taken) == (413, 11)


def test_a_body_is_never_read_past_its_length(app: App) -> None:
    stream = CountingInput(b"0123456789", most=100)
    answer = post(app, TEXT, b"", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": "4"}))
    assert (answer.json(), stream.taken) == (["str", "0123"], 4)


@pytest.mark.parametrize("content_type", OF_TEN)
def test_a_body_may_come_in_small_pieces(app: App, content_type: str) -> None:
    stream = CountingInput(OF_TEN[content_type], most=1)
    answer = post(app, content_type, b"", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": "10"}))
    assert answer.status == 200


@pytest.mark.parametrize("content_type", [*OF_TEN, "multipart/form-data; boundary=X"])
@pytest.mark.parametrize("sent", range(10))
def test_a_body_shorter_than_announced_is_400(app: App, content_type: str, sent: int) -> None:
    stream = io.BytesIO(OF_TEN.get(content_type, b"--X\r\n0000")[:sent])
    answer = post(app, content_type, b"", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": "10"}))
    assert (answer.status, answer.body) == (400, b"Invalid body")


@pytest.mark.parametrize("error", [OSError, ConnectionResetError, TimeoutError, RuntimeError])
@pytest.mark.parametrize("extra", [{"CONTENT_LENGTH": "5"}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_a_connection_that_breaks_is_400(app: App, error: type[Exception], extra: dict[str, str]) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise error

    assert post(app, TEXT, b"", **Extra({"wsgi.input": Broken(), **extra})).status == 400


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072, 2**20])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_of_several_reads_is_whole(app: App, size: int, is_chunked: bool) -> None:
    extra = chunked() if is_chunked else {}
    assert post(app, BYTES, b"x" * size, "/api/length", **extra).json() == size


def test_an_input_that_returns_none_means_a_body_cut_off(app: App) -> None:
    class Blocking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> Any:
            return None  # like a non-blocking socket

    extra: Extra = {"wsgi.input": Blocking(), "CONTENT_LENGTH": "3"}
    assert post(app, TEXT, b"", **extra).status == 400


# -- every type, at every length


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> App:
    """One route for each length of the samples, whose limit is that length."""
    lengths = {len(content) for content in SAMPLES.values()}
    files = {
        f"pages/api/{length}.py": f'config = {{"api": {{"bodyParser": {{"sizeLimit": {length}}}}}}}\n{SHOW}'
        for length in lengths | {length - 1 for length in lengths}
    }
    return App(project(tmp_path_factory.mktemp("limited"), files))


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("content_type", SAMPLES)
def test_every_type_of_body_passes_at_its_limit_and_not_above(
    limited: App, content_type: str, is_chunked: bool
) -> None:
    content = SAMPLES[content_type]
    extra = chunked() if is_chunked else {}
    at, above = (
        post(limited, content_type, content, f"/api/{length}", **extra)
        for length in (len(content), len(content) - 1)
    )
    assert (at.status, above.status) == (200, 413)
    assert above.body == f"Body exceeded {len(content) - 1} limit".encode()


@pytest.mark.parametrize("content_type", SAMPLES)
def test_a_body_cut_off_anywhere_is_400(app: App, content_type: str) -> None:
    content = SAMPLES[content_type]
    for length in range(len(content)):
        answer = post(app, content_type, content[:length], CONTENT_LENGTH=str(len(content)))
        assert (answer.status, answer.body) == (400, b"Invalid body"), length


@pytest.mark.parametrize("most", [1, 2, 7, 1000])
@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("content_type", SAMPLES)
def test_a_body_is_the_same_however_many_bytes_a_read_gives(
    app: App, content_type: str, is_chunked: bool, most: int
) -> None:
    content = SAMPLES[content_type]
    whole = post(app, content_type, content)
    length = chunked() if is_chunked else {"CONTENT_LENGTH": str(len(content))}
    extra: Extra = {**length, "wsgi.input": CountingInput(content, most)}
    in_pieces = post(app, content_type, b"", **extra)
    assert (in_pieces.status, in_pieces.body) == (200, whole.body)


@pytest.mark.parametrize("content_type", SAMPLES)
def test_no_type_of_body_is_read_past_its_announced_end(app: App, content_type: str) -> None:
    content = SAMPLES[content_type]
    stream = CountingInput(content + b"GET / HTTP/1.1\r\n", most=1000)
    extra: Extra = {"wsgi.input": stream, "CONTENT_LENGTH": str(len(content))}
    answer = post(app, content_type, b"", **extra)
    assert (answer.status, stream.taken) == (200, len(content))


@pytest.mark.parametrize("content_type", SAMPLES)
@pytest.mark.parametrize("error", [OSError, ConnectionResetError, ValueError, StopIteration, RuntimeError])
def test_an_input_that_fails_midway_is_400(app: App, content_type: str, error: type[Exception]) -> None:
    class Breaking(CountingInput):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.taken:
                raise error
            return super().read(size)

    content = SAMPLES[content_type]
    extra: Extra = {"wsgi.input": Breaking(content, most=1), "CONTENT_LENGTH": str(len(content))}
    answer = post(app, content_type, b"", **extra)
    assert (answer.status, answer.body) == (400, b"Invalid body")
