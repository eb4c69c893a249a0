"""multipart/form-data (RFC 7578). The only file that imports `multipart`.

In: chunks of content, the boundary, limits. Out: text fields and files. Raises ApiError: 400
for what is no form, 413 for too many or too large parts, 507 when the disk is full. Files are
spooled to disk past a small size; whatever is raised, none stays open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from werkzeug.datastructures import FileStorage, Headers

from apiroutes.body.limits import Limits
from apiroutes.body.reading import invalid_body
from apiroutes.errors import ApiError

__all__ = ["Form", "parse_form"]

# RFC 2046 section 5.1.1 allows 70; clients are known to send a little more.
_BOUNDARY_LENGTH = 100


@dataclass
class Form:
    """The parts of a form, in their order."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, FileStorage]] = field(default_factory=list)

    def close(self) -> None:
        """Close every file; the temporary ones are gone with it."""
        for _, file in self.files:
            file.close()


def parse_form(chunks: Iterable[bytes], boundary: str, limits: Limits) -> Form:
    """Read a form to its end."""
    if not 0 < len(boundary) <= _BOUNDARY_LENGTH or not boundary.isascii():
        raise invalid_body()
    reader = _FormReader(limits)
    try:
        # Not strict: strict mode refuses valid forms of certain lengths (multipart 2.0.1).
        parser = PushMultipartParser(
            boundary,
            max_header_count=limits.part_headers,
            max_segment_count=limits.form_parts,
            strict=False,
        )
        with parser:
            for chunk in chunks:
                for event in parser.parse(chunk):
                    reader.take(event)
    except BaseException as error:
        reader.close()
        raise _as_request_error(error) from error
    return reader.form


def _as_request_error(error: BaseException) -> BaseException:
    if isinstance(error, ParserLimitReached):
        return ApiError(413, "Form has too many parts or headers")
    if isinstance(error, (MultipartError, UnicodeDecodeError)):
        return invalid_body()
    if isinstance(error, OSError):  # reading raises ApiError, so this is the spool
        return ApiError(507, "Insufficient Storage")
    return error


class _FormReader:
    """Takes the parser's events: a segment, its content in pieces, None at its end."""

    def __init__(self, limits: Limits) -> None:
        self.form = Form()
        self._limits = limits
        self._memory = 0
        self._name = ""
        self._text: list[bytes] | None = None
        self._file: IO[bytes] | None = None

    def take(self, event: MultipartSegment | bytes | None) -> None:
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            self._end()
        elif self._file is not None:
            self._file.write(event)
        elif self._text is not None:
            self._memory += len(event)
            if self._memory > self._limits.form_memory.bytes:
                raise ApiError(413, f"Form fields exceeded {self._limits.form_memory.text} limit")
            self._text.append(event)

    def close(self) -> None:
        self.form.close()

    def _begin(self, segment: MultipartSegment) -> None:
        self._name = segment.name or ""
        if segment.filename is None:
            self._text = []
            return
        # SpooledTemporaryFile is an IO[bytes] in all but its declared type.
        spool = SpooledTemporaryFile(max_size=self._limits.spool_size)  # noqa: SIM115  (closed by Form)
        self._file = cast("IO[bytes]", spool)
        headers = Headers((name, value) for name, value in segment.headerlist if _is_plain(value))
        self.form.files.append(
            (self._name, FileStorage(self._file, _base_name(segment.filename), self._name, headers=headers))
        )

    def _end(self) -> None:
        if self._file is not None:
            self._file.seek(0)
        elif self._text is not None:
            # Fields are UTF-8; a part's own charset would let the client pick a codec.
            self.form.fields.append((self._name, b"".join(self._text).decode("utf-8")))
        self._file = self._text = None


def _is_plain(value: str) -> bool:
    return value.isprintable()


def _base_name(filename: str) -> str:
    """The last part of a path of any system, without what a file name cannot hold."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    name = "".join(character for character in name if character.isprintable()).strip()
    return "" if name in (".", "..") else name
