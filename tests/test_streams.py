"""Content in chunks: streams that have begun, that are counted, and those of other applications."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from apiroutes.streams import (
    Begun,
    Counted,
    FileChunks,
    as_chunk,
    close,
    kind_of,
    remaining_size,
    run_application,
)
from tests.support import environ


class Stream:
    """Chunks, and whether they were closed."""

    def __init__(self, *chunks: Any) -> None:
        self._chunks = iter(chunks)
        self.closings = 0

    def __iter__(self) -> Iterator[Any]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def close(self) -> None:
        self.closings += 1


@pytest.mark.parametrize("chunk", [b"\xc3\xa9", "é", bytearray(b"\xc3\xa9"), memoryview(b"\xc3\xa9")])
def test_a_chunk_is_bytes_and_a_str_is_utf_8(chunk: object) -> None:
    assert as_chunk(chunk) == b"\xc3\xa9"


def test_another_chunk_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="a stream must yield bytes or str, not 1"):
        as_chunk(1)


def test_close_ignores_an_object_without_that_method() -> None:
    close(object())


def test_a_begun_stream_has_run_to_its_first_chunk_and_loses_none() -> None:
    stream = Stream(b"", "a", b"", b"b")
    begun = Begun(stream)
    assert (begun.is_empty, list(begun)) == (False, [b"a", b"", b"b"])
    begun.close()
    begun.close()
    assert stream.closings == 1


@pytest.mark.parametrize("chunks", [[], [b"", ""]])
def test_a_begun_stream_without_content_is_empty(chunks: list[Any]) -> None:
    assert Begun(Stream(*chunks)).is_empty


def test_a_stream_that_fails_before_its_first_chunk_is_closed() -> None:
    stream = Stream(b"", LookupError())
    with pytest.raises(LookupError):
        Begun(stream)
    assert stream.closings == 1


def test_a_counted_stream_is_cut_at_its_length() -> None:
    stream = Stream("abc", "def")
    counted = Counted(stream, 4)
    assert list(counted) == [b"abc", b"d"]
    counted.close()
    assert stream.closings == 1


def test_a_counted_stream_that_is_too_short_is_an_error() -> None:
    with pytest.raises(EOFError, match="the response is 2 bytes too short for its Content-Length"):
        list(Counted(Stream(b"abc"), 5))


@pytest.mark.parametrize(("length", "content"), [(None, b"abc"), (3, b"abc"), (2, b"ab")])
def test_a_file_is_sent_up_to_its_length(length: int | None, content: bytes) -> None:
    assert b"".join(FileChunks(io.BytesIO(b"abc"), length)) == content


def test_a_file_that_is_too_short_is_an_error() -> None:
    with pytest.raises(EOFError, match="the file is 1 bytes too short"):
        list(FileChunks(io.BytesIO(b"abc"), 4))


async def chunks() -> Any:
    yield b""


class HasField:
    read = True


KINDS = [
    (type(chunks()), "async"),
    (type(iter([])), "stream"),
    (io.BytesIO, "stream"),
    (tempfile._TemporaryFileWrapper, "unknown"),
    (HasField, "json"),
    (dict, "json"),
]


@pytest.mark.parametrize(("cls", "kind"), KINDS)
def test_a_class_has_one_kind_of_values(cls: type, kind: str) -> None:
    assert kind_of(cls) == kind


def test_a_file_has_its_remaining_size() -> None:
    file = io.BytesIO(b"abc")
    file.read(1)
    assert (remaining_size(file), file.tell()) == (2, 1)
    assert remaining_size(io.StringIO("abc")) is None
    assert remaining_size(object()) is None


# -- other applications

Application = Callable[..., Iterable[bytes]]


def application(
    *calls: tuple[Any, ...], content: Iterable[bytes] = (b"b",), written: bytes = b""
) -> Application:
    def run(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        for arguments in calls:
            write = start_response(*arguments)
            if written:
                write(written)
        return content

    return run


def test_an_application_has_a_status_headers_and_content() -> None:
    status, headers, content = run_application(
        application(("201 Made", [("X", "1")]), written=b"a"), environ("GET", "/")
    )
    assert (status, headers, b"".join(content)) == (201, [("X", "1")], b"ab")


OK: tuple[str, list[Any]] = ("200 OK", [])
WRONG = [
    ([], "did not call start_response"),
    ([OK, OK], "called start_response twice"),
    ([("2OO OK", [])], "sent the status '2OO OK'"),
    ([("101 Switching", [])], "sent the status '101 Switching'"),
]


@pytest.mark.parametrize(("calls", "message"), WRONG)
def test_an_application_that_violates_pep_3333_is_an_error(calls: list[Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        run_application(application(*calls), environ("GET", "/"))


def test_the_empty_content_of_a_head_is_not_known_to_be_empty() -> None:
    _, _, content = run_application(application(OK, content=()), environ("HEAD", "/"))
    assert not content.is_empty
