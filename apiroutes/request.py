"""An environ and a match, seen as a request.

In: the environ, the captured parameters, the body's limits. Out: a `werkzeug.Request` whose
parts are computed when they are first touched. Reading the body raises ApiError.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Generic, overload

import werkzeug.wrappers
from typing_extensions import TypeVar
from werkzeug.datastructures import EnvironHeaders, FileStorage, ImmutableMultiDict, MultiDict

from apiroutes.body import (
    Body,
    Limits,
    Values,
    bounded_stream,
    decode_json,
    parse_urlencoded,
    read_body,
    read_content,
)
from apiroutes.cookies import parse_cookies
from apiroutes.errors import ApiError

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


class Request(werkzeug.wrappers.Request, Generic[Content]):
    """The request: all that Werkzeug's has, and what Next.js's has.

    `params` are the path's parameters: a catch-all is a list of str, an optional catch-all
    without segments is absent. `route_pattern` is the route's, such as `/api/users/[id]`, None
    where no route answers. What can be assigned in Next.js (`body`, `query`, `cookies`) can be
    assigned here. `Request[User]`, as the annotation of a handler's parameter, has a User for a body.
    """

    def __init__(
        self,
        environ: dict[str, Any],
        params: Values | None = None,
        limits: Limits = Limits(),
        route_pattern: str | None = None,
    ) -> None:
        self.environ = environ
        self.params: Values = {} if params is None else params
        self.route_pattern = route_pattern
        self._limits = limits
        self._body: Body | None = None

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
        body: Any = self.load_body().value if self._limits.parse else None
        return body  # type: ignore[no-any-return]

    @lazy
    def context(self) -> dict[str, Any]:
        """What middleware hands down to the handler."""
        return {}

    @property
    def raw_body(self) -> bytes:
        """The content as it was received. Raises RuntimeError for a parsed multipart form."""
        if self._body is not None:
            if self._body.content is None:
                raise RuntimeError(
                    "a multipart body is not kept while it is parsed; switch parsing off with "
                    'config = {"api": {"bodyParser": False}} to read it raw'
                )
            return self._body.content
        if "_raw" not in self.__dict__:
            if "stream" in self.__dict__:
                raise RuntimeError("the body is being read from req.stream already")
            self._raw = read_content(self.environ, self._limits)
            # Whoever reads next, a parser or another application, sees the same content.
            self.environ["wsgi.input"] = io.BytesIO(self._raw)
        return self._raw

    @lazy
    def stream(self) -> io.BufferedIOBase:  # type: ignore[override]
        """The content as a stream that ends where the content ends; empty once it is parsed."""
        if self._body is not None:
            return io.BytesIO()
        return bounded_stream(self.environ, self._limits)

    @lazy
    def files(self) -> MultiDict[str, FileStorage]:  # type: ignore[override]
        """The uploads of a multipart form, by field name; they are closed with the request."""
        files: MultiDict[str, FileStorage] = MultiDict()
        for name, file in self.load_body().files or ():
            files.add(name, file)
        return files

    @lazy
    def form(self) -> ImmutableMultiDict[str, str]:
        """The fields of a form, as Werkzeug has them."""
        return ImmutableMultiDict(self.load_body().fields())

    def read_body_as(self, validator: Any) -> Any:
        """The body as a type, which `body` is from then on. Raises ApiError and Invalid."""
        if "body" in self.__dict__:  # which middleware has read or replaced
            value = validator.convert(self.body, "body")
        else:
            if self._body is None:
                self._body = read_body(self.environ, self._limits, validator)
            value = self._body.value
        self.body = value
        return value

    def load_body(self) -> Body:
        """Read and decode the body, once. Raises ApiError for one that cannot be read."""
        if self._body is None:
            if "stream" in self.__dict__:
                raise RuntimeError("the body is being read from req.stream already")
            self._body = read_body(self.environ, self._limits)
        return self._body

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
            body = self.load_body()
            if body.is_json:
                return body.value
            return decode_json(self.raw_body, self._limits.json_depth)
        except ApiError:
            if silent:
                return None
            raise

    def see(self, environ: dict[str, Any]) -> None:
        """Take another environ for the same request, such as WSGI middleware makes."""
        self.environ = environ
        for name in _OF_ENVIRON:
            self.__dict__.pop(name, None)

    def close(self) -> None:
        """Close the uploads; temporary files are gone with it."""
        if self._body is not None:
            for _, file in self._body.files or ():
                file.close()


def _utf8(text: str) -> str:
    """WSGI's bytes in a str (PEP 3333) as the text they are."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")


def _server(environ: dict[str, Any]) -> tuple[str, int | None] | None:
    name = environ.get("SERVER_NAME")
    if name is None:
        return None
    port = environ.get("SERVER_PORT") or ""
    return name, int(port) if port.isascii() and port.isdigit() and len(port) < 6 else None
