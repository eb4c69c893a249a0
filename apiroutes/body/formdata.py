"""multipart/form-data (RFC 7578). The only file that imports `multipart`.

In: chunks of content, the boundary, limits. Out: text fields and files. Raises ApiError: 400
for a malformed form, 413 for too many or too large parts, 507 if the disk is full. Files above a small size
are spooled to disk; after an error, no file stays open.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from functools import cached_property
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Any

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from werkzeug.datastructures import FileStorage, Headers

from apiroutes.body.disposition import extended_file_name
from apiroutes.body.errors import invalid_body
from apiroutes.body.limits import Limits
from apiroutes.errors import ApiError

__all__ = ["parse_form"]

# RFC 2046 section 5.1.1 allows 70; some clients send a little more.
_MAX_BOUNDARY = 100
# Bytes before the first part, which are ignored.
_MAX_PREAMBLE = 1024
# Bytes of a file name that every common file system allows.
_MAX_NAME = 255


def parse_form(chunks: Iterator[bytes], boundary: str, limits: Limits) -> Form | None:
    """Read a form to its end; return None without content."""
    chunk = next(chunks, b"")
    if not chunk:
        return None
    if not 0 < len(boundary) <= _MAX_BOUNDARY or not boundary.isascii():
        raise invalid_body()
    form = Form(limits)
    try:
        chunk = _with_first_delimiter(chunk, chunks, boundary)
        # Not strict: strict mode refuses valid forms of certain lengths (multipart 2.0.1).
        parser = PushMultipartParser(
            boundary,
            max_header_count=limits.part_headers,
            max_segment_count=limits.form_parts,
            strict=False,
        )
        while chunk:
            for event in parser.parse(chunk):
                if event is None:
                    form.end()
                elif type(event) is MultipartSegment:
                    form.begin(event)
                else:
                    form.add(event)
            chunk = next(chunks, b"")
        parser.close()  # raises an error for a form without its end
    except BaseException as error:
        form.close()
        raise _as_request_error(error) from error
    return form


def _with_first_delimiter(chunk: bytes, chunks: Iterator[bytes], boundary: str) -> bytes:
    """Return the first chunk, extended until it contains the whole first delimiter.

    After a chunk without a delimiter, the parser treats the next chunk as the beginning of the form
    (multipart 2.0.1), so the result would depend on how the form arrived.
    """
    delimiter = b"--" + boundary.encode()
    if chunk.startswith(delimiter) and len(chunk) > len(delimiter) + 1:
        return chunk
    while True:
        index = chunk.find(delimiter)
        if index > _MAX_PREAMBLE or (index < 0 and len(chunk) > _MAX_PREAMBLE + len(delimiter)):
            raise invalid_body()
        if 0 <= index <= len(chunk) - len(delimiter) - 2:
            return chunk
        next_chunk = next(chunks, b"")
        if not next_chunk:
            return chunk  # and the parser reports that it is incomplete
        chunk += next_chunk


def _as_request_error(error: BaseException) -> BaseException:
    if isinstance(error, ParserLimitReached):
        return ApiError(413, "Form has too many parts or headers")
    if isinstance(error, (MultipartError, UnicodeDecodeError)):
        return invalid_body()
    if isinstance(error, OSError):  # reading raises ApiError, so this is the spool
        return ApiError(507, "Insufficient Storage")
    return error


class Form:
    """The parts of a form, in order, collected while it is parsed."""

    def __init__(self, limits: Limits) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: list[tuple[str, FileStorage]] = []
        self._limits = limits
        self._memory = 0  # bytes of all text fields
        # The current part.
        self._segment: Any = None
        self._size = 0  # bytes
        self._pieces: list[bytes] = []
        self._file: IO[bytes] | None = None  # contains the pieces once they are too large for memory

    def begin(self, segment: MultipartSegment) -> None:
        """Begin a part."""
        self._segment, self._size, self._pieces = segment, 0, []
        for name, value in segment.headerlist:
            if name == "Content-Disposition" and "*" in value:
                segment.filename = extended_file_name(value, segment.filename)

    def add(self, piece: bytes) -> None:
        """Add a piece of the part's content."""
        if self._file is not None:
            self._file.write(piece)
            return
        self._pieces.append(piece)
        if self._segment.filename is None:
            self._memory += len(piece)
            if self._memory > self._limits.form_memory.bytes:
                raise ApiError(413, f"Form fields exceeded {self._limits.form_memory.text} limit")
            return
        self._size += len(piece)
        if self._size > self._limits.spool_size:
            self._file = TemporaryFile()  # noqa: SIM115  (closed with the form)
            self._file.writelines(self._pieces)

    def end(self) -> None:
        """End the part."""
        segment = self._segment
        name = segment.name or ""
        if segment.filename is None:
            # Fields are UTF-8: a part's own charset would let the client choose a codec.
            self.fields.append((name, b"".join(self._pieces).decode("utf-8")))
            return
        if self._file is None:
            content: IO[bytes] = BytesIO(b"".join(self._pieces))
        else:
            self._file.seek(0)  # which also flushes its buffer to the disk
            content, self._file = self._file, None
        self.files.append((name, _Upload(content, name, segment)))

    def close(self) -> None:
        """Close every file, which also deletes the temporary ones."""
        if self._file is not None:
            _discard(self._file)
        for _, file in self.files:
            _discard(file)


class _Upload(FileStorage):
    """An uploaded file; its headers are made at their first use."""

    # What messages call it is what users import.
    __module__, __qualname__ = "apiroutes", "UploadFile"

    def __init__(self, content: IO[bytes], name: str, segment: MultipartSegment) -> None:
        self.stream = content
        self.name = name
        self.filename = _base_name(segment.filename or "")
        self._segment = segment

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes, by default all that are left."""
        return self.stream.read(size)  # FileStorage would find it too, after a failed look-up

    def save(self, dst: str | os.PathLike[str] | IO[bytes], buffer_size: int = 2**16) -> None:
        """Save the file to `dst`: a path, an open file, or a directory, in which it keeps its own name.

        It cannot escape that directory: its name is only a base name, and a link with that name is not
        followed. Raises ValueError for a file without a name, and OSError, such as FileNotFoundError if the
        directory does not exist.
        """
        if not isinstance(dst, (str, os.PathLike)):
            super().save(dst, buffer_size)
            return
        if not os.path.isdir(dst):
            _check_directory(dst)
            super().save(dst, buffer_size)
            return
        name = _base_name(self.filename or "")
        if not name:
            raise ValueError(
                f"the file of the field {self.name!r} has no usable name; save it to a path with a file name"
            )
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(os.path.join(dst, name), flags, 0o666), "wb") as target:
            shutil.copyfileobj(self.stream, target, buffer_size)

    @cached_property
    def headers(self) -> Headers:  # type: ignore[override]
        return Headers([line for line in self._segment.headerlist if line[1].isprintable()])


def _check_directory(path: str | os.PathLike[str]) -> None:
    """Raise FileNotFoundError if the directory of a path is missing."""
    directory = os.path.dirname(os.fspath(path))
    if directory and not os.path.isdir(directory):
        remedy = f"create it first: os.makedirs({directory!r}, exist_ok=True)"
        raise FileNotFoundError(
            errno.ENOENT,
            f"there is no directory {directory!r} to save the file in; {remedy}",
            os.fspath(path),
        )


def _discard(file: IO[bytes] | FileStorage) -> None:
    """Close a file even on a full disk, where writing the rest of its buffer fails again."""
    with contextlib.suppress(OSError):
        file.close()


def _base_name(filename: str) -> str:
    """Return the last part of a path of any system, without characters that file names cannot contain."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    if not name.isprintable():
        name = "".join(character for character in name if character.isprintable())
    name = name.strip()
    if len(name.encode()) > _MAX_NAME:
        stem, extension = os.path.splitext(name)
        extension = extension if len(extension.encode()) < _MAX_NAME else ""
        name = stem.encode()[: _MAX_NAME - len(extension.encode())].decode("utf-8", "ignore") + extension
    return "" if name in (".", "..") else name
