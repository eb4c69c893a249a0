"""A file from disk as an answer's content, and the headers that describe it.

In: a path, a name. Out: content that is sent whole, in part or not at all, as the request's
conditions and its Range want it (RFC 9110 sections 13 and 14). Raises OSError for what is no
file that can be read, and ApiError 412 and 416.
"""

from __future__ import annotations

import errno
import mimetypes
import os
import re
import stat
import time
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

from werkzeug.http import http_date

from apiroutes.errors import ApiError
from apiroutes.http import byte_ranges, content_hash, has_part, outcome, phrase
from apiroutes.streams import close
from apiroutes.types import Environ

__all__ = ["FileContent", "PassedContent", "Selectable", "disposition_of", "type_of", "with_charset"]

Headers = list[tuple[str, str]]

_CHUNK = 2**16  # bytes
# A pipe without a writer would be waited for; Windows would translate the ends of lines.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

# Encodings that browsers undo, and types of files whose encoding is their own.
_CONTENT_ENCODINGS = frozenset(("gzip", "br"))
_ENCODED_TYPES = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
# RFC 9239 section 6.1: another name for text/javascript, which older tables have.
_TEXT_TYPES = ("text/", "application/javascript")

# RFC 6266 appendix D: what some readers of a quoted name take for something else.
_MISREAD = re.compile(r'[^\x20-\x7e]|["\\%/]')
_ATTRIBUTE_CHARACTERS = "!#$&+-.^_`|~"  # RFC 8187 section 3.2.1, beside letters and digits

# Section 15.4.5: what describes content that is not sent.
_OF_CONTENT = frozenset(
    ("content-disposition", "content-encoding", "content-language", "content-length", "content-type")
)


class Selectable:
    """Content of which a request can have a part. `select` decides which, and all it is until then.

    `size` is in bytes. What is announced is sent: more is cut there, and less raises EOFError.
    """

    def __init__(self, size: int) -> None:
        self.size = self._left = size

    def select(self, environ: Environ, status: int, headers: Headers) -> tuple[int, Headers]:
        """The status and the headers that go out, for those that the answer has in the end.

        The content is then what belongs to them. Raises ApiError 412 and 416, with the content closed.
        """
        headers = [line for line in headers if line[0].lower() != "content-length"]
        method = environ.get("REQUEST_METHOD")
        # Section 13.2.1: conditions are for a request that would be answered with success, and what
        # other methods did is done by now.
        if status == 200 and method in ("GET", "HEAD"):
            status = outcome(environ, headers)
            if status == 412:
                raise self._refusal(412)
            if status == 304:
                self._left = 0
                return 304, [line for line in headers if line[0].lower() not in _OF_CONTENT]
            # Section 14.2: Range is defined for GET alone.
            if method == "GET" and "HTTP_RANGE" in environ and has_part(environ, headers):
                status, headers = self._part(environ["HTTP_RANGE"], headers)
        headers.append(("Content-Length", str(self._left)))
        return status, headers

    def _part(self, field: str, headers: Headers) -> tuple[int, Headers]:
        """One part, or the whole where several are asked for that do not touch (section 14.2)."""
        ranges = byte_ranges(field, self.size)
        if ranges is None or len(ranges) > 1:
            return 200, headers
        if not ranges:
            raise self._refusal(416, {"Content-Range": f"bytes */{self.size}"})
        ((start, end),) = ranges
        self._move_to(start)
        self._left = end - start
        return 206, [*headers, ("Content-Range", f"bytes {start}-{end - 1}/{self.size}")]

    def _refusal(self, status: int, headers: dict[str, str] | None = None) -> ApiError:
        self.close()
        return ApiError(status, phrase(status), {"Cache-Control": "no-store", **(headers or {})})

    def __iter__(self) -> Selectable:
        return self

    def __next__(self) -> bytes:
        if not self._left:
            raise StopIteration
        chunk = self._read(self._left)
        if not chunk:
            raise EOFError(f"the file is {self._left} bytes too short for its Content-Length")
        self._left -= len(chunk)
        return chunk

    def _move_to(self, start: int) -> None:
        raise NotImplementedError

    def _read(self, most: int) -> bytes:
        """Some bytes, at most so many; none at the end."""
        raise NotImplementedError

    def close(self) -> None:
        """Close it; it may be closed already."""
        raise NotImplementedError


class FileContent(Selectable):
    """An opened file. `etag` and `last_modified` are values of headers, of when it was opened.

    It is closed by `close`, and at the latest with the object, because an answer can be dropped
    for another.
    """

    # A descriptor, and no file object, which the collector would warn of when it is first to close it.
    _descriptor: int | None = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open it. Raises OSError: FileNotFoundError, IsADirectoryError, and others."""
        self._descriptor = os.open(path, _FLAGS)
        about = os.fstat(self._descriptor)
        if not stat.S_ISREG(about.st_mode):
            self.close()
            code = errno.EISDIR if stat.S_ISDIR(about.st_mode) else errno.EINVAL
            raise OSError(code, f"{os.strerror(code)}; only a regular file can be sent", os.fspath(path))
        super().__init__(about.st_size)
        # Strong (section 8.8.1), because a download is only resumed with such a one: the time of the last
        # write can be set back, that of the last change cannot, and a file put in its place is another.
        version = about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino
        self.etag = f'"{content_hash(repr(version).encode())}"'
        # Section 8.8.2.1: never later than the answer.
        self.last_modified = http_date(int(min(about.st_mtime, time.time())))

    def _move_to(self, start: int) -> None:
        assert self._descriptor is not None
        os.lseek(self._descriptor, start, os.SEEK_SET)

    def _read(self, most: int) -> bytes:
        return b"" if self._descriptor is None else os.read(self._descriptor, min(_CHUNK, most))

    def close(self) -> None:
        """Close it; it may be closed already."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    __del__ = close


class PassedContent(Selectable):
    """A file of `size` bytes as it comes out of WSGI middleware, which may wrap what it passes on."""

    def __init__(self, content: Iterable[bytes], size: int) -> None:
        super().__init__(size)
        self._content = content
        self._iterator = iter(content)
        self._rest = b""  # of the last chunk

    def _move_to(self, start: int) -> None:
        while start:
            skipped = self._read(start)
            if not skipped:
                return  # reading on will say so
            start -= len(skipped)

    def _read(self, most: int) -> bytes:
        while not self._rest:
            chunk = next(self._iterator, None)
            if chunk is None:
                return b""
            self._rest = chunk
        read, self._rest = self._rest[:most], self._rest[most:]
        return read

    def close(self) -> None:
        """Close it, and the file with it."""
        close(self._content)


def type_of(name: str, as_attachment: bool = False) -> tuple[str, str | None]:
    """The Content-Type and the Content-Encoding of a file with this name.

    A compressed file that is saved is saved as it is, and only a browser that shows it undoes that.
    """
    # A slash, because "data:text/html,.png" would be read as a URL.
    media_type, encoding = mimetypes.guess_type("/" + name)
    if encoding is None:
        return with_charset(media_type or "application/octet-stream"), None
    if media_type is None or as_attachment or encoding not in _CONTENT_ENCODINGS:
        return _ENCODED_TYPES.get(encoding, "application/octet-stream"), None
    return with_charset(media_type), encoding


def with_charset(media_type: str) -> str:
    """Text is UTF-8 here, as everywhere in the framework, unless the type says otherwise."""
    if media_type.lower().startswith(_TEXT_TYPES) and "charset=" not in media_type.lower():
        return f"{media_type}; charset=utf-8"
    return media_type


def disposition_of(name: str, as_attachment: bool = False) -> str:
    """A Content-Disposition with any name: in ASCII, and, where that is another, by RFC 8187 as well.

    RFC 6266 section 4.3.
    """
    kind = "attachment" if as_attachment else "inline"
    # What does not print would end the line, or show another name than the file gets.
    name = "".join(character for character in name if character.isprintable())
    if not name:
        return kind
    parts = unicodedata.normalize("NFKD", name)
    plain = "".join(character for character in parts if not unicodedata.combining(character))
    plain = _MISREAD.sub("_", plain)
    if plain == name:
        return f'{kind}; filename="{name}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE_CHARACTERS)}"
