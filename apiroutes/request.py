"""The request that handlers see, made from an environ and a match.

In: the environ, the captured parameters, and the limits of the body. Out: a `werkzeug.Request` whose
attributes are computed on first use. Reading the body raises ApiError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic

import werkzeug.wrappers
from typing_extensions import TypeVar
from werkzeug.datastructures import EnvironHeaders, FileStorage, ImmutableMultiDict, MultiDict

from apiroutes.body import (
    Body,
    BodyInput,
    BodyStream,
    KeptContent,
    Limits,
    arriving_input,
    as_werkzeug_error,
    bounded_stream,
    empty_stream,
    keep,
    limits_of,
    parse_urlencoded,
    read_body,
    read_content,
)
from apiroutes.drafts import has_valid_draft_cookie, read_preview_data
from apiroutes.errors import ApiError
from apiroutes.http import decode_json, parse_cookies, server_of
from apiroutes.lazy import lazy
from apiroutes.secret_keys import SecretKeys
from apiroutes.session import Session, refuse_missing
from apiroutes.settings import Settings
from apiroutes.signed_cookies import SignedCookies
from apiroutes.sizes import parse_size
from apiroutes.types import ROUTE, Environ, FaultObserver, Params

__all__ = ["Request"]

Content = TypeVar("Content", default=Any)

# The attributes that are computed from the environ, and the attributes that are computed from the body.
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

# The limits of a request that is made without a project.
_LIMITS = limits_of(Settings())


class Request(werkzeug.wrappers.Request, Generic[Content]):
    """The request, with the attributes of Werkzeug's request and of the Next.js request.

    Attributes are computed when they are first used. Code may assign `body`, `query` and `cookies`, as in
    Next.js. With the annotation `Request[User]` on a handler's parameter, the body is a User.
    """

    def __init__(
        self,
        environ: Environ,
        params: Params | None = None,
        limits: Limits = _LIMITS,
    ) -> None:
        self._environ = environ
        self.params: Params = {} if params is None else params
        """The path parameters. A catch-all is a list of str; an optional one without segments is absent."""
        self._limits = limits
        # Whether the content still has to be read or discarded, or its files closed.
        self._pending = (
            "CONTENT_LENGTH" in environ or "CONTENT_TYPE" in environ or "HTTP_TRANSFER_ENCODING" in environ
        )

    @property
    def environ(self) -> Environ:
        """The WSGI environ (PEP 3333)."""
        return self._environ

    @environ.setter
    def environ(self, environ: Environ) -> None:
        self._environ = environ

    # Each App has a class of its own, whose attributes it sets when it starts.

    app: Mapping[str, Any] = MappingProxyType({})
    """What `register()` of the project's instrumentation.py has yielded."""

    # Called with the error, the request and the event of each fault once it is logged; they raise nothing.
    _fault_observers: tuple[FaultObserver, ...] = ()
    _secret_keys: SecretKeys | None = None
    # The replacements that a test has set for steps that make a value, by step.
    _instead_of_steps: Mapping[Any, Callable[[Any, Any], Any]] | None = None
    # Called with the environ and the route's pattern where a tracer may have begun: inside WSGI middleware.
    _route_listeners: tuple[Callable[[Environ, str], object], ...] = ()

    @property
    def route_pattern(self) -> str | None:
        """The pattern of the route; it is in the environ too, for WSGI middleware outside the App."""
        pattern: str | None = self._environ.get(ROUTE)
        return pattern

    @property
    def secret_keys(self) -> SecretKeys:
        """The project's setting `secret_key`. Its `reveal()` returns the keys; the first key signs.

        Raises RuntimeError if no key is set; with `needs_secret_key`, a missing key is reported at start.
        """
        if self._secret_keys is None:
            raise RuntimeError(
                "no `secret_key` is set: put @needs_secret_key before the function that uses "
                "`req.secret_keys`, and the project asks for a key when it starts"
            )
        return self._secret_keys

    _body: Body | None = None  # once it is read
    _signed_in: dict[Any, Any] | None = None  # by the step that asked for credentials, in their order

    # Werkzeug's limits. They may be set for a class or a request, and can only narrow a route's limits.

    max_content_length: int | None = None
    max_form_memory_size: int | None = None
    max_form_parts: int | None = None  # type: ignore[assignment]

    # The attributes that Werkzeug's own __init__ computes for every request.

    shallow = False

    @lazy
    def method(self) -> str:
        """The method as it was sent, such as "GET"."""
        method: str = self._environ.get("REQUEST_METHOD", "GET")
        return method

    @lazy
    def scheme(self) -> str:
        """The URL's scheme, such as "https"."""
        scheme: str = self._environ.get("wsgi.url_scheme", "http")
        return scheme

    @lazy
    def server(self) -> tuple[str, int | None] | None:
        """The server's name and port."""
        return server_of(self._environ)

    @lazy
    def root_path(self) -> str:
        """The path where the App is mounted, without a slash at the end."""
        return _utf8(self._environ.get("SCRIPT_NAME") or "").rstrip("/")

    @lazy
    def path(self) -> str:
        """The decoded path below `root_path`."""
        return "/" + _utf8(self._environ.get("PATH_INFO") or "").lstrip("/")

    @lazy
    def query_string(self) -> bytes:
        """The query string as it was sent."""
        text: str = self._environ.get("QUERY_STRING", "")
        return text.encode("latin-1", "replace")

    @lazy
    def headers(self) -> EnvironHeaders:  # type: ignore[override]
        """The headers, by name in any case."""
        return EnvironHeaders(self._environ)

    @lazy
    def remote_addr(self) -> str | None:
        """The address of the client, or of a proxy in front of the server."""
        return self._environ.get("REMOTE_ADDR")

    # The attributes of the Next.js request.

    @lazy
    def query(self) -> Params:
        """The query string's values and the path parameters, which win over query values of the same name.

        Raises ApiError 414 for a query string with more than `max_query_keys` keys.
        """
        text = self._environ.get("QUERY_STRING")
        if not text:
            return self.params.copy()
        if len(text) > self._limits.query_keys:  # a shorter text cannot have too many keys
            self._check_query(text)
        values = parse_urlencoded(text if text.isascii() else _utf8(text))
        if self.params:
            values.update(self.params)
        return values

    @lazy
    def args(self) -> MultiDict[str, str]:
        """The query string as Werkzeug parses it. Raises ApiError 414 as `query` does."""
        self._check_query(self._environ.get("QUERY_STRING") or "")
        return super().args

    def _check_query(self, text: str) -> None:
        limit = self._limits.query_keys
        if text and text.count("&") >= limit:
            # RFC 9110 section 15.5.15: the target is longer than the server is willing to interpret.
            raise ApiError(414, f"Query has more than {limit} keys")

    @lazy
    def cookies(self) -> dict[str, str]:  # type: ignore[override]
        """The cookies, percent-decoded; of several cookies with one name, the first wins."""
        header = self._environ.get("HTTP_COOKIE")
        return parse_cookies(header) if header else {}

    # Returns the session, and loads it when first called; `sessions()` sets it.
    _open_session: Callable[[], Session] | None = None

    @property
    def session(self) -> Session:
        """The client's session, which `sessions()` loads and keeps.

        Raises RuntimeError without that middleware, and ApiError 503 while its store fails.
        """
        return refuse_missing() if self._open_session is None else self._open_session()

    @session.setter
    def session(self, session: Session) -> None:  # for middleware that the project itself has written
        self._open_session = lambda: session

    @lazy
    def signed_cookies(self) -> SignedCookies:
        """The valid cookies among those that `res.set_signed_cookie` has set: a read-only mapping.

        Raises RuntimeError if no `secret_key` is set.
        """
        return SignedCookies(self.cookies, self._secret_keys)

    @lazy
    def draft_mode(self) -> bool:
        """Whether the client is in draft mode: it sent a valid cookie of `res.set_draft_mode()`."""
        return has_valid_draft_cookie(self._environ, self._secret_keys)

    @lazy
    def preview_data(self) -> Any:
        """The data of `res.set_preview_data`; None if the client sent no valid preview data."""
        return read_preview_data(self._environ, self._secret_keys)

    @lazy
    def body(self) -> Content:
        """The parsed body; None without content, and if the route's config switches parsing off.

        Raises ApiError for a body that cannot be read; the handler is not called then.
        """
        body: Any = self._load_body().value if self._limits.parse else None
        return body  # type: ignore[no-any-return]

    @lazy
    def context(self) -> dict[str, Any]:
        """Values that middleware passes on to the handler."""
        return {}

    @property
    def raw_body(self) -> bytes:
        """The content as it was received. Raises RuntimeError for a multipart form that was parsed."""
        kept = self._environ.get("wsgi.input")
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
            content = read_content(self._environ, self._limits.narrowed(size=self.max_content_length))
        except ApiError as error:
            raise as_werkzeug_error(error) from error
        # The next reader, a parser or another application, gets the same content.
        keep(self._environ, content)
        if "HTTP_TRANSFER_ENCODING" in self._environ:
            self._announce_length(content)
        return content

    @lazy
    def stream(self) -> BodyStream:
        """The content as a stream that ends where the content ends; it is empty once the body is parsed.

        A coroutine reads it with `async for piece in req.stream`.
        """
        if self._body is not None and (self._limits.parse or self._body.content is None):
            return empty_stream()
        max_size = None if self.max_content_length is None else parse_size(self.max_content_length)
        return bounded_stream(self._environ, self._limits, max_size)

    @lazy
    def files(self) -> MultiDict[str, FileStorage]:  # type: ignore[override]
        """The uploads of a multipart form, by field name; they are closed with the request."""
        files: MultiDict[str, FileStorage] = MultiDict()
        for name, file in self._load_body().files or ():
            files.add(name, file)
        return files

    @lazy
    def form(self) -> ImmutableMultiDict[str, str]:
        """The fields of a form, as Werkzeug parses them."""
        return ImmutableMultiDict(self._load_body().fields())

    def _prepare_body(self, parses: bool, is_shared: bool) -> None:
        """Read the body for a handler. Raises ApiError.

        Middleware that shares the request may have read or replaced the body. Content that was already read
        from the environ is rewound for the next reader.
        """
        if parses and (not is_shared or (self._body is None and "body" not in self.__dict__)):
            environ, limits = self._environ, self._limits
            if self.max_content_length is not None:
                limits = limits.narrowed(size=self.max_content_length)
            try:  # as in _load_body, without the cost of its frame in the common case
                self._body = body = read_body(environ, limits, self)
            except ApiError as error:
                raise as_werkzeug_error(error) from error
            if "HTTP_TRANSFER_ENCODING" in environ:
                self._announce_length(body.content)
            self.body = body.value
            self._pending = body.files is not None
            return
        kept = self._environ.get("wsgi.input")
        if isinstance(kept, KeptContent):
            kept.rewind()

    def _has_arrived(self) -> bool:
        """Return whether the whole content has arrived, so that reading it does not wait."""
        source = arriving_input(self._environ)
        return source is not None and source.is_complete

    def _rewind_body(self) -> None:
        """Let another application read the body from the environ. Raises RuntimeError for a parsed form."""
        if self._body is not None:
            keep(self._environ, self.raw_body)
        else:
            self._prepare_body(parses=False, is_shared=True)

    def _read_body_as(self, schema: Any, is_kept: bool = True) -> Any:
        """Return the body as a type, and keep the value as `body` if `is_kept`.

        Raises ApiError and DoesNotFit.
        """
        loaded = self._body
        if loaded is not None:
            loaded.rewind()
        if "body" in self.__dict__ and (loaded is None or self.body is not loaded.value):
            value = schema.convert(self.body, "body")  # a body that middleware has assigned
        else:
            try:
                loaded = self._load_body(decoded=False)
                self._pending = loaded.files is not None
                value = loaded.as_type(schema, self._limits)
            except ApiError as error:
                raise as_werkzeug_error(error) from error
        if is_kept:
            self.body = value
        return value

    def _load_body(self, decoded: bool = True) -> Body:
        """Read the body once, and decode it if `decoded` is on.

        Raises ApiError for a body that cannot be read. The error is also a Werkzeug exception, as code
        written for Werkzeug's requests expects.
        """
        body = self._body
        if body is None:
            limits = self._limits
            if self.max_content_length is not None:
                limits = limits.narrowed(size=self.max_content_length)
            try:
                body = self._body = read_body(self._environ, limits, self, decoded)
            except ApiError as error:
                raise as_werkzeug_error(error) from error
            if "HTTP_TRANSFER_ENCODING" in self._environ:
                self._announce_length(body.content)
        return body

    def _announce_length(self, content: bytes | None) -> None:
        """Replace the chunked coding in the environ with the length, which is known by now.

        Not every application reads chunked content. `headers` keeps what the client sent.
        """
        if content is not None:
            self.headers = EnvironHeaders(self._environ.copy())
            del self._environ["HTTP_TRANSFER_ENCODING"]
            self._environ["CONTENT_LENGTH"] = str(len(content))

    def _form_limits(self, limits: Limits) -> Limits:
        """Return the limits for a multipart form, narrowed to Werkzeug's limits if these are set."""
        memory, parts = self.max_form_memory_size, self.max_form_parts
        if memory is None and parts is None:
            return limits
        return limits.narrowed(form_memory=memory, form_parts=parts)

    def get_data(  # type: ignore[override]
        self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False
    ) -> bytes | str:
        """Return the content, as Werkzeug does.

        Args:
            cache: Has no effect: the content is always kept.
            as_text: Whether the content is decoded from UTF-8 to a str.
            parse_form_data: Whether the result is empty for a form.
        """
        is_form = self.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data")
        content = b"" if parse_form_data and is_form else self.raw_body
        return content.decode("utf-8", "replace") if as_text else content

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the JSON body, as Werkzeug does.

        Raises ApiError 415 for another media type, and 400 for content that is not JSON.

        Args:
            force: Whether to read a body of another media type as JSON too.
            silent: Whether to return None instead of raising an error.
            cache: Has no effect: the body is always kept.
        """
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
            raise as_werkzeug_error(error) from error

    def _replace_environ(self, environ: Environ) -> None:
        """Use another environ for the same request, as WSGI middleware may make one.

        If its content differs, everything that was made from the old content is dropped.
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
        self._environ = environ
        for name in _OF_ENVIRON:
            self.__dict__.pop(name, None)

    def close(self) -> None:
        """Close the uploads, which also deletes their temporary files."""
        if self._body is not None:
            for _, file in self._body.files or ():
                file.close()


def _utf8(text: str) -> str:
    """Decode WSGI's bytes in a str (PEP 3333) as UTF-8."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")
