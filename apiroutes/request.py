"""An environ and a match, seen as a request.

In: the environ, the captured parameters, the body's limits. Out: a `werkzeug.Request` whose
parts are computed when they are first touched. Reading the body raises ApiError.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, overload

import werkzeug.wrappers
from typing_extensions import TypeVar
from werkzeug.datastructures import EnvironHeaders, FileStorage, ImmutableMultiDict, MultiDict
from werkzeug.exceptions import HTTPException, default_exceptions

from apiroutes.body import (
    Body,
    BodyInput,
    KeptContent,
    Limits,
    Values,
    bounded_stream,
    keep,
    limits_of,
    parse_urlencoded,
    read_body,
    read_content,
)
from apiroutes.errors import ApiError
from apiroutes.http import decode_json, parse_cookies
from apiroutes.settings import Settings
from apiroutes.sizes import Size, parse_size
from apiroutes.types import Environ

__all__ = ["Request"]

_Value = TypeVar("_Value")
Content = TypeVar("Content", default=Any)


class lazy(Generic[_Value]):
    """A value computed at its first use and kept in the instance, where it can be replaced.

    Like functools.cached_property, without the lock that it takes before Python 3.12.
    """

    def __init__(self, compute: Callable[[Any], _Value]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy[_Value]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _Value: ...

    def __get__(self, instance: object | None, owner: type) -> lazy[_Value] | _Value:
        if instance is None:
            return self
        value = self.compute(instance)
        setattr(instance, self.name, value)
        return value


_OF_ENVIRON = (
    "method",
    "scheme",
    "server",
    "root_path",
    "path",
    "query_string",
    "headers",
    "remote_addr",
)
_OF_BODY = ("form", "files", "values", "data", "stream")

# Those of a request that is made without a project.
_LIMITS = limits_of(Settings())


class Request(werkzeug.wrappers.Request, Generic[Content]):
    """The request: all that Werkzeug's has, and what Next.js's has.

    `params` are the path's parameters: a catch-all is a list of str, an optional catch-all
    without segments is absent. `route_pattern` is the route's, such as `/api/users/[id]`, None
    where no route answers. What can be assigned in Next.js (`body`, `query`, `cookies`) can be
    assigned here. `Request[User]`, as the annotation of a handler's parameter, has a User for a body.
    """

    def __init__(
        self,
        environ: Environ,
        params: Values | None = None,
        limits: Limits = _LIMITS,
        route_pattern: str | None = None,
    ) -> None:
        self.environ = environ
        self.params: Values = {} if params is None else params
        self.route_pattern = route_pattern
        self._limits = limits
        self._body: Body | None = None
        # Whether the content is to be seen to: read, discarded, or its files closed.
        self._pending = (
            "CONTENT_LENGTH" in environ or "CONTENT_TYPE" in environ or "HTTP_TRANSFER_ENCODING" in environ
        )

    # Werkzeug's limits, which may be set for a class or a request, and only make a route's smaller.

    max_content_length: int | None = None
    max_form_memory_size: int | None = None
    max_form_parts: int | None = None  # type: ignore[assignment]

    # What Werkzeug's own __init__ computes for every request.

    shallow = False

    @lazy
    def method(self) -> str:
        """The method, in upper case as it is sent."""
        method: str = self.environ.get("REQUEST_METHOD", "GET")
        return method

    @lazy
    def scheme(self) -> str:
        """The URL's scheme, such as "https"."""
        scheme: str = self.environ.get("wsgi.url_scheme", "http")
        return scheme

    @lazy
    def server(self) -> tuple[str, int | None] | None:
        """The server's name and port."""
        return _server(self.environ)

    @lazy
    def root_path(self) -> str:
        """Where the App is mounted, without a slash at the end."""
        return _utf8(self.environ.get("SCRIPT_NAME") or "").rstrip("/")

    @lazy
    def path(self) -> str:
        """The decoded path below `root_path`."""
        return "/" + _utf8(self.environ.get("PATH_INFO") or "").lstrip("/")

    @lazy
    def query_string(self) -> bytes:
        """The query string as it was sent."""
        text: str = self.environ.get("QUERY_STRING", "")
        return text.encode("latin-1", "replace")

    @lazy
    def headers(self) -> EnvironHeaders:  # type: ignore[override]
        """The headers, by their names in any case."""
        return EnvironHeaders(self.environ)

    @lazy
    def remote_addr(self) -> str | None:
        """The address of whoever sent the request to the server, which may be a proxy."""
        return self.environ.get("REMOTE_ADDR")

    # What Next.js's request has.

    @lazy
    def query(self) -> Values:
        """The query string's values, with the path's parameters laid over them.

        Raises ApiError 414 when there are more than `max_query_keys`.
        """
        text = self.environ.get("QUERY_STRING")
        if not text:
            return self.params.copy()
        if len(text) > self._limits.query_keys:  # or there cannot be as many
            self._check_query(text)
        values = parse_urlencoded(text if text.isascii() else _utf8(text))
        if self.params:
            values.update(self.params)
        return values

    @lazy
    def args(self) -> MultiDict[str, str]:
        """The query string as Werkzeug has it. Raises ApiError 414 as `query` does."""
        self._check_query(self.environ.get("QUERY_STRING") or "")
        return super().args

    def _check_query(self, text: str) -> None:
        limit = self._limits.query_keys
        if text and text.count("&") >= limit:
            # RFC 9110 section 15.5.15: longer than the server is willing to interpret.
            raise ApiError(414, f"Query has more than {limit} keys")

    @lazy
    def cookies(self) -> dict[str, str]:  # type: ignore[override]
        """The cookies, percent-decoded; the first of a name wins."""
        header = self.environ.get("HTTP_COOKIE")
        return parse_cookies(header) if header else {}

    @lazy
    def body(self) -> Content:
        """The parsed body; None without content, and where the route's config says not to parse.

        Raises ApiError for a body that cannot be read. A handler is not called for one.
        """
        body: Any = self._load_body().value if self._limits.parse else None
        return body  # type: ignore[no-any-return]

    @lazy
    def context(self) -> dict[str, Any]:
        """What middleware hands down to the handler."""
        return {}

    @property
    def raw_body(self) -> bytes:
        """The content as it was received. Raises RuntimeError for a parsed multipart form."""
        kept = self.environ.get("wsgi.input")
        if isinstance(kept, KeptContent):
            return kept.whole()
        if self._body is not None:
            if self._body.content is None:
                raise RuntimeError(
                    "a multipart body is not kept while it is parsed; switch parsing off with "
                    'config = {"api": {"bodyParser": False}} to read it raw'
                )
            return self._body.content
        try:
            content = read_content(self.environ, self._sized())
        except ApiError as error:
            raise _as_werkzeugs(error) from error
        # Whoever reads next, a parser or another application, sees the same content.
        keep(self.environ, content)
        if "HTTP_TRANSFER_ENCODING" in self.environ:
            self._say_length(content)
        return content

    @lazy
    def stream(self) -> io.BufferedIOBase:  # type: ignore[override]
        """The content as a stream that ends where the content ends; empty once it is parsed."""
        if self._body is not None and (self._limits.parse or self._body.content is None):
            return io.BytesIO()
        most = None if self.max_content_length is None else parse_size(self.max_content_length)
        return bounded_stream(self.environ, self._limits, most)

    @lazy
    def files(self) -> MultiDict[str, FileStorage]:  # type: ignore[override]
        """The uploads of a multipart form, by field name; they are closed with the request."""
        files: MultiDict[str, FileStorage] = MultiDict()
        for name, file in self._load_body().files or ():
            files.add(name, file)
        return files

    @lazy
    def form(self) -> ImmutableMultiDict[str, str]:
        """The fields of a form, as Werkzeug has them."""
        return ImmutableMultiDict(self._load_body().fields())

    def _prepare_body(self, parses: bool = True) -> None:
        """Read the body for a handler, unless middleware has read or replaced it. Raises ApiError.

        Who has read from the environ before takes nothing from who reads from it next.
        """
        if parses and self._body is None and "body" not in self.__dict__:
            environ = self.environ
            limits = self._limits if self.max_content_length is None else self._sized()
            try:  # as in _load_body, whose frame the common case is spared
                self._body = body = read_body(environ, limits, True, self)
            except ApiError as error:
                raise _as_werkzeugs(error) from error
            if "HTTP_TRANSFER_ENCODING" in environ:
                self._say_length(body.content)
            self.body = body.value
            self._pending = body.files is not None
            return
        kept = self.environ.get("wsgi.input")
        if isinstance(kept, KeptContent):
            kept.rewind()

    def _rewind_body(self) -> None:
        """Let another application read the body from the environ. Raises RuntimeError for a parsed form."""
        if self._body is not None:
            keep(self.environ, self.raw_body)
        else:
            self._prepare_body(parses=False)

    def _read_body_as(self, schema: Any) -> Any:
        """The body as a type, which `body` is from then on. Raises ApiError and DoesNotFit."""
        loaded = self._body
        if loaded is not None:
            loaded.rewind()
        if "body" in self.__dict__ and (loaded is None or self.body is not loaded.value):
            value = schema.convert(self.body, "body")  # what middleware put there
        else:
            try:
                loaded = self._load_body(decoded=False)
                self._pending = loaded.files is not None
                value = loaded.as_type(schema, self._limits)
            except ApiError as error:
                raise _as_werkzeugs(error) from error
        self.body = value
        return value

    def _load_body(self, decoded: bool = True) -> Body:
        """Read the body, once, and decode it if it is to be. Raises ApiError for one that cannot be read.

        It is an error of Werkzeug's too, as those who read Werkzeug's requests expect.
        """
        body = self._body
        if body is None:
            limits = self._limits
            if self.max_content_length is not None:
                limits = self._sized()
            try:
                body = self._body = read_body(self.environ, limits, decoded, self)
            except ApiError as error:
                raise _as_werkzeugs(error) from error
            if "HTTP_TRANSFER_ENCODING" in self.environ:
                self._say_length(body.content)
        return body

    def _say_length(self, content: bytes | None) -> None:
        """Let others read content that came in chunks, which not every application reads.

        Its length is known by now. Our headers stay what the client sent.
        """
        if content is not None:
            self.headers = EnvironHeaders(self.environ.copy())
            del self.environ["HTTP_TRANSFER_ENCODING"]
            self.environ["CONTENT_LENGTH"] = str(len(content))

    def _sized(self) -> Limits:
        """The route's limits, for content of `max_content_length` bytes at the most."""
        limits = self._limits
        return replace(limits, size=_smaller(limits.size, self.max_content_length))

    def _form_limits(self, limits: Limits) -> Limits:
        """The limits of a multipart form, and where Werkzeug's were set the smaller of both."""
        memory, parts = self.max_form_memory_size, self.max_form_parts
        if memory is None and parts is None:
            return limits
        return replace(
            limits,
            form_memory=_smaller(limits.form_memory, memory),
            form_parts=limits.form_parts if parts is None else min(parts, limits.form_parts),
        )

    def get_data(  # type: ignore[override]
        self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False
    ) -> bytes | str:
        """The content, as in Werkzeug: with `parse_form_data` it is empty for a form."""
        is_form = self.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data")
        content = b"" if parse_form_data and is_form else self.raw_body
        return content.decode("utf-8", "replace") if as_text else content

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The JSON body, as in Werkzeug: 415 for another media type unless `force`."""
        if not (force or self.is_json):
            return None if silent else self.on_json_loading_failed(None)
        try:
            body = self._load_body()
            if body.is_json:
                return body.value
            return decode_json(b"" if body.content is None else body.content, self._limits.json_depth)
        except ApiError as error:
            if silent:
                return None
            raise _as_werkzeugs(error) from error

    def _replace_environ(self, environ: Environ) -> None:
        """Take another environ for the same request, such as WSGI middleware makes.

        Where it has put other content there, what was made of the old is forgotten.
        """
        body = self._body
        if (
            body is not None
            and body.content is not None
            and not isinstance(environ.get("wsgi.input"), BodyInput)
        ):
            self._body, self._pending = None, True
            if self.__dict__.get("body") is body.value:
                self.__dict__.pop("body", None)
            for name in _OF_BODY:
                self.__dict__.pop(name, None)
        self.environ = environ
        for name in _OF_ENVIRON:
            self.__dict__.pop(name, None)

    def close(self) -> None:
        """Close the uploads; temporary files are gone with it."""
        if self._body is not None:
            for _, file in self._body.files or ():
                file.close()


def _smaller(size: Size, own: int | None) -> Size:
    return size if own is None or own >= size.bytes else parse_size(own)


def _as_werkzeugs(error: ApiError) -> ApiError:
    """The error as one that `except BadRequest` and the like catch, as around Werkzeug's accessors."""
    if isinstance(error, HTTPException):
        return error
    made_of = type(error), error.status
    both = _BOTH.get(made_of)
    if both is None:
        theirs = default_exceptions.get(error.status)
        # Of Werkzeug's is what an error of its class is asked for: `code`, `name`, `get_response()`.
        both = type(error) if theirs is None else type("ApiError", (type(error), theirs), {"response": None})
        _BOTH[made_of] = both
    made: ApiError = both(error.status, error.message, error.headers)
    vars(made)["description"] = error.message
    return made


# Classes by what they are made of, of which there are as many as statuses that reading a body has.
_BOTH: dict[tuple[type, int], Any] = {}


def _utf8(text: str) -> str:
    """WSGI's bytes in a str (PEP 3333) as the text they are."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


def _server(environ: Environ) -> tuple[str, int | None] | None:
    name = environ.get("SERVER_NAME")
    if name is None:
        return None
    port = environ.get("SERVER_PORT") or ""
    return name, int(port) if port.isascii() and port.isdigit() and len(port) < 6 else None
