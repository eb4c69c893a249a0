"""A file from disk as a response's content, and the headers that describe it.

In: a path, a name. Out: content that is sent whole, in part or not at all, depending on the request's
preconditions and Range (RFC 9110 sections 13 and 14). Raises OSError for a path that is not a readable file,
and ApiError 412 and 416.
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
from apiroutes.streams import CHUNK_SIZE, close
from apiroutes.types import Environ, HeaderList

__all__ = ["FileContent", "PassedContent", "Selectable", "disposition_of", "type_of", "with_charset"]

# O_NONBLOCK, or opening a pipe would wait for its writer; O_BINARY, or Windows would translate line ends.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

# Encodings that browsers decode, and the types of files that stay encoded.
_CONTENT_ENCODINGS = frozenset(("gzip", "br"))
_ENCODED_TYPES = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
# RFC 9239 section 6.1: older tables have another type in place of text/javascript.
_TEXT_TYPES = ("text/", "application/javascript")

# RFC 6266 appendix D: characters in a quoted name that some clients misread.
_MISREAD = r'[^\x20-\x7e]|["\\%/]'
_ATTRIBUTE_CHARACTERS = "!#$&+-.^_`|~"  # RFC 8187 section 3.2.1, besides letters and digits

# Section 15.4.5: a 304 does not describe content that it does not send.
_NOT_IN_304 = frozenset(
    ("content-disposition", "content-encoding", "content-language", "content-length", "content-type")
)


class Selectable:
    """Content of which clients can request a part: the whole content until `select` chooses a part.

    `size` is in bytes. Exactly the announced length is sent: longer content is cut, and shorter content
    raises EOFError.
    """

    def __init__(self, size: int) -> None:
        self.size = self._left = size

    def select(self, environ: Environ, status: int, headers: HeaderList) -> tuple[int, HeaderList]:
        """Return the status and headers to send, in place of those in the finished response.

        The content is then the part that they describe. Raises ApiError 412 and 416, and closes the content.
        """
        headers = [line for line in headers if line[0].lower() != "content-length"]
        method = environ.get("REQUEST_METHOD")
        # Section 13.2.1: preconditions apply to a request that would succeed, and other methods have
        # already had their effect.
        if status == 200 and method in ("GET", "HEAD"):
            status = outcome(environ, headers)
            if status == 412:
                raise self._refusal(412)
            if status == 304:
                self._left = 0
                return 304, [line for line in headers if line[0].lower() not in _NOT_IN_304]
            # Section 14.2: Range is defined only for GET.
            if method == "GET" and "HTTP_RANGE" in environ and has_part(environ, headers):
                status, headers = self._part(environ["HTTP_RANGE"], headers)
        headers.append(("Content-Length", str(self._left)))
        return status, headers

    def _part(self, field: str, headers: HeaderList) -> tuple[int, HeaderList]:
        """Select one part, or the whole if several separate parts are asked for (section 14.2)."""
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
        """Return some bytes, at most `most`; none at the end."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the content; it may be closed already."""
        raise NotImplementedError


class FileContent(Selectable):
    """An open file. `etag` and `last_modified` are header values, as of its opening.

    It is closed by `close`, or at the latest with the object, because a response can be dropped in favour of
    another.
    """

    # A descriptor rather than a file object, which would warn if the garbage collector closed it.
    _descriptor: int | None = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file. Raises OSError: FileNotFoundError, IsADirectoryError, and others."""
        self._descriptor = os.open(path, _FLAGS)
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
            raise OSError(code, f"{os.strerror(code)}; only a regular file can be sent", os.fspath(path))
        super().__init__(status.st_size)
        # Strong (section 8.8.1), because a download is only resumed with a strong tag. The time of the last
        # write can be set back, but the time of the last change (ctime) cannot, and a file that replaces
        # another has its own inode.
        version = status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
        self.etag = f'"{content_hash(repr(version).encode())}"'
        # Section 8.8.2.1: never later than the response.
        self.last_modified = http_date(int(min(status.st_mtime, time.time())))

    def _move_to(self, start: int) -> None:
        assert self._descriptor is not None
        os.lseek(self._descriptor, start, os.SEEK_SET)

    def _read(self, most: int) -> bytes:
        return b"" if self._descriptor is None else os.read(self._descriptor, min(CHUNK_SIZE, most))

    def close(self) -> None:
        """Close the content; it may be closed already."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    __del__ = close


class PassedContent(Selectable):
    """A file of `size` bytes that has passed through WSGI middleware, which may have wrapped it."""

    def __init__(self, content: Iterable[bytes], size: int) -> None:
        super().__init__(size)
        self._content = content
        self._iterator = iter(content)
        self._rest = b""  # of the last chunk

    def _move_to(self, start: int) -> None:
        while start:
            skipped = self._read(start)
            if not skipped:
                return  # the next read raises EOFError
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
        """Close the content, and the file with it."""
        close(self._content)


def type_of(name: str, as_attachment: bool = False) -> tuple[str, str | None]:
    """Return the Content-Type and the Content-Encoding of a file with this name.

    A compressed file that is saved stays compressed; a browser decompresses only a file that it shows.
    """
    # The slash keeps "data:text/html,.png" from being read as a URL.
    media_type, encoding = mimetypes.guess_type("/" + name)
    if encoding is None:
        return with_charset(media_type or "application/octet-stream"), None
    if media_type is None or as_attachment or encoding not in _CONTENT_ENCODINGS:
        return _ENCODED_TYPES.get(encoding, "application/octet-stream"), None
    return with_charset(media_type), encoding


def with_charset(media_type: str) -> str:
    """Add `charset=utf-8` to a type of text, unless it has a charset."""
    if media_type.lower().startswith(_TEXT_TYPES) and "charset=" not in media_type.lower():
        return f"{media_type}; charset=utf-8"
    return media_type


def disposition_of(name: str, as_attachment: bool = False) -> str:
    """Return a Content-Disposition with any name (RFC 6266 section 4.3).

    The name is in ASCII, and also in the notation of RFC 8187 if ASCII cannot represent it.
    """
    kind = "attachment" if as_attachment else "inline"
    # Unprintable characters could end the line, or show a name that the file does not get.
    name = "".join(character for character in name if character.isprintable())
    if not name:
        return kind
    parts = unicodedata.normalize("NFKD", name)
    plain = "".join(character for character in parts if not unicodedata.combining(character))
    plain = re.sub(_MISREAD, "_", plain)
    if plain == name:
        return f'{kind}; filename="{name}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE_CHARACTERS)}"
