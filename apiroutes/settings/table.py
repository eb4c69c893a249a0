"""The table of settings: each with its default, and the reader of its written values.

In: written values. Out: a setting's value. A reader raises ValueError or TypeError.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TypeVar
from urllib.parse import quote

from apiroutes.errors import shown
from apiroutes.secret_keys import SecretKeys, read_secret_keys
from apiroutes.settings.store_urls import StoreURL, read_shared_store, read_store
from apiroutes.sizes import Size, read_size

__all__ = ["READERS", "REMEDIES", "Settings"]

Default = TypeVar("Default")
Value = TypeVar("Value")

# -- readers: a written value to a setting's, or ValueError or TypeError -------------------------


def _one_of(*allowed: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"{shown(value)} is not one of " + ", ".join(map(repr, allowed)))
        return str(value)

    return read


def _list_from(*allowed: str) -> Callable[[object], tuple[str, ...]]:
    def read(value: object) -> tuple[str, ...]:
        names = _list_of_texts(value)
        unknown = [name for name in names if name not in allowed]
        if unknown or not names:
            raise ValueError(f"{shown(value)} must be a list from " + ", ".join(map(repr, allowed)))
        return tuple(names)

    return read


def _list_of_texts(value: object) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{shown(value)} is not a list of strings")
    return [name.strip() for name in names if name.strip()]


def _import_names(value: object) -> tuple[str, ...]:
    names = _list_of_texts(value)
    for name in names:
        module, colon, attribute = name.partition(":")
        if not (colon and attribute.isidentifier() and all(map(str.isidentifier, module.split(".")))):
            raise ValueError(f"{shown(name)} is not of the form 'package.module:function'")
    return tuple(names)


def _extensions(value: object) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not names:
        raise TypeError(f"{shown(value)} is not a list of file extensions such as ['py']")
    extensions = tuple(str(name).strip().removeprefix(".") for name in names)
    if not all(extension == "py" or extension.endswith(".py") for extension in extensions):
        raise ValueError(f"{shown(value)}: every page extension is 'py' or ends in '.py'")
    return extensions


def _path_prefix(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is not a string such as '/api'")
    path = value.rstrip("/")
    if path and not path.startswith("/"):
        raise ValueError(f"{shown(value)} does not begin with '/'")
    if "//" in path or {".", ".."} & set(path.split("/")):
        raise ValueError(f"{shown(value)} has an empty or dot segment, which no request path has")
    return path


def _absolute_path(value: object) -> str:
    path = _path_prefix(value)
    if not path or quote(path, safe="/") != path:
        raise ValueError(f"{shown(value)} is not a path such as '/ready'")
    if path != value:
        raise ValueError(f"{shown(value)} ends in '/', which no built-in path does: write {path!r}")
    return path


def _int_from(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if type(number) is not int:
            raise TypeError(f"{shown(value)} is not an int")
        if number < least:
            raise ValueError(f"{shown(value)} is less than {least}")
        return number

    return read


def _port(value: object) -> int:
    number = _int_from(0)(value)
    if number > 65535:
        raise ValueError(f"{shown(value)} is more than 65535")
    return number


def _seconds(*, above_zero: bool) -> Callable[[object], float]:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise TypeError(f"{shown(value)} is not a number of seconds")
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"{shown(value)} is not a number of seconds") from None
        if not math.isfinite(number) or number < 0 or (above_zero and number == 0):
            raise ValueError(
                f"{shown(value)} is not a number of seconds {'above' if above_zero else 'from'} 0"
            )
        return number

    return read


def _size_or_off(value: object) -> Size | None:
    if value is False or value == "false":
        return None
    return read_size(value)


def _switch(value: object) -> bool:
    if value in (True, "true", "1"):
        return True
    if value in (False, "false", "0"):
        return False
    raise ValueError(f"{shown(value)} is neither true nor false")


def _switch_or(word: str) -> Callable[[object], bool | str]:
    def read(value: object) -> bool | str:
        if value == word:
            return word
        try:
            return _switch(value)
        except ValueError:
            raise ValueError(f"{shown(value)} is neither true nor false nor {word!r}") from None

    return read


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{shown(value)} is not a non-empty string")
    return value


def _file_path(value: object) -> str:
    path = _text(os.fspath(value) if isinstance(value, os.PathLike) else value)
    if path.startswith("~"):
        raise ValueError(f"{shown(value)} begins with '~', which means a home directory only in a shell")
    if "\0" in path:
        raise ValueError(f"{shown(value)} has a character that cannot be in a path")
    return path


def _size_above_zero(value: object) -> Size:
    size = read_size(value)
    if not size.bytes:
        raise ValueError(f"{shown(value)} is not a size above zero")
    return size


def _printable_text(value: object) -> str:
    text = _text(value)
    if not text.isprintable():
        raise ValueError(f"{shown(value)} has a character that cannot be printed")
    return text


def _visible_text(value: object) -> str:
    text = _text(value)
    if " " in text or not text.isprintable():
        raise ValueError(f"{shown(value)} has a character that is not visible")
    return text


# -- the table -------------------------------------------------------------------------------------


def _setting(
    default: Default,
    read: Callable[[object], Value],
    remedy: str = "Correct the value, or leave it out.",
) -> Default | Value:
    """Return a field of Settings with its default, its reader, and the remedy for a refused value.

    Like `dataclasses.field`, it is typed as the field's value.
    """
    return field(default=default, metadata={"read": read, "remedy": remedy})


_HOW_TO_LIMIT = 'Write "sqlite", "memory", or a URL such as "redis://localhost:6379/0".'
_HOW_TO_CACHE = 'Write "sqlite", "memory", "none", or a URL such as "redis://localhost:6379/0".'


@dataclass(frozen=True)
class Settings:
    """Everything a project can set, with its defaults. Times are seconds."""

    # -- Routes

    mode: str = _setting("production", _one_of("development", "production"))
    """`"development"` checks what handlers return, serves the documentation page and chooses the `.env`
    files; `apiroutes dev` and the test client set it."""

    testing: bool = _setting(False, _switch)
    """Keeps sessions in memory, whatever the `store` of `sessions()` says, and counts in
    `rate_limit_store`, whatever that of `rate_limit` says; the test client sets it."""

    api_prefix: str = _setting("/api", _path_prefix)
    """Replaces `/api` in the paths of `pages/` and `routes/`."""

    base_path: str = _setting("", _path_prefix)
    """The beginning of the paths of all routes and of the documentation page; `readiness_path`,
    `liveness_path` and `openapi_path` are complete paths."""

    trailing_slash: str = _setting("redirect", _one_of("redirect", "ignore", "require"))
    """`"redirect"` sends `/api/x/` to `/api/x`; `"require"` sends `/api/x` to `/api/x/`; `"ignore"`
    answers both."""

    page_extensions: tuple[str, ...] = _setting(("py",), _extensions)
    """The endings of files that are routes; with `["api.py"]`, `hello.api.py` is `/api/hello`."""

    conventions: tuple[str, ...] = _setting(
        ("pages", "app", "tanstack"), _list_from("pages", "app", "tanstack")
    )
    """The naming conventions in use."""

    middleware: tuple[str, ...] = _setting((), _import_names)
    """The project's middleware by name, `"package.module:function"`, each a single function, not a list; it
    runs inside the middleware of `middleware.py`."""

    initial_handlers: bool = _setting(True, _switch)
    """Whether `apiroutes dev` writes a handler into a route file that is [new and
    empty](development.md#new-files)."""

    secret_key: SecretKeys | None = _setting(
        None, read_secret_keys, "Set what `apiroutes secret` prints, or leave it out."
    )
    """The key with which the project's code [signs](security.md#the-secret-key) what clients send back, or
    a list of keys: the first signs, all verify. `apiroutes secret` prints one. Set it in the environment,
    as `APIROUTES_SECRET_KEY`."""

    # -- Limits

    body_size_limit: Size = _setting(Size(2**20, "1mb"), read_size)
    """Size of the largest body; a larger one gets a 413. A route may set its own."""

    response_limit: Size | None = _setting(Size(4 * 2**20, "4mb"), _size_or_off)
    """Size above which a response is logged as a warning; `false` for never. A route may set its own, and
    enforce it (500)."""

    upload_spool_size: Size = _setting(Size(2**16, "64kb"), read_size)
    """Size of the largest upload that is kept in memory; a larger one goes to a temporary file."""

    max_form_memory: Size = _setting(Size(2**20, "1mb"), read_size)
    """Size of all text fields of a multipart form together; beyond it a 413."""

    max_form_pairs: int = _setting(1000, _int_from(0))
    """Number of pairs in an urlencoded form; beyond it a 413."""

    max_form_parts: int = _setting(1000, _int_from(0))
    """Number of parts of a multipart form; beyond it a 413."""

    max_part_headers: int = _setting(8, _int_from(1))
    """Number of headers of one part; beyond it a 413."""

    max_json_depth: int = _setting(200, _int_from(1))
    """Number of nested levels in JSON; beyond it a 400."""

    max_query_keys: int = _setting(1000, _int_from(0))
    """Number of keys in a query string; beyond it a 414."""

    max_target_size: Size = _setting(Size(2**13, "8kb"), read_size)
    """Size of path and query as they were sent; beyond it a 414. gunicorn applies this limit itself; under
    uvicorn and granian, no target is longer than 64 KB."""

    max_headers: int | None = _setting(None, _int_from(1))
    """Number of headers of a request; beyond it a 431. Without it the server's limit holds. gunicorn
    applies this limit itself."""

    max_header_size: Size | None = _setting(None, read_size)
    """Size of one header; beyond it a 431. Without it the server's limit holds. gunicorn applies this limit
    itself."""

    # -- ETags

    etag: bool | str = _setting(True, _switch_or("weak"))
    """Whether JSON, and content that is sent whole, gets an `ETag`, a hash of its bytes; `"weak"` makes it
    a weak one, which a proxy may keep when it compresses the content. An `ETag` that a handler sets stays,
    and so does that of `file()`."""

    etag_max_size: Size | None = _setting(None, read_size)
    """Size of the largest content that gets one; without it, content of any size does."""

    # -- Time

    header_timeout: float = _setting(5.0, _seconds(above_zero=True))
    """Seconds for a request's head, under `apiroutes start`; then the connection ends. Under granian it is
    at least `keepalive`."""

    body_timeout: float = _setting(10.0, _seconds(above_zero=True))
    """Seconds for a body; then a 408."""

    body_min_rate: Size = _setting(Size(2**14, "16kb"), read_size)
    """Size of the part of a body that gives it one more second."""

    max_abandoned_handlers: int = _setting(32, _int_from(1))
    """Number of handlers that may continue past their `maxDuration` in one process; then a 503."""

    abandon_timeout: float = _setting(30.0, _seconds(above_zero=True))
    """Seconds that such a handler may continue before its worker is replaced."""

    after_threads: int = _setting(2, _int_from(1))
    """Number of threads of a worker for [work after the response](after.md)."""

    after_queue: int = _setting(1000, _int_from(0))
    """Number of functions that may wait for such a thread; those of further requests occupy the thread of
    their request."""

    after_timeout: float = _setting(30.0, _seconds(above_zero=True))
    """Seconds that such a function may take; then it is logged and no longer waited for."""

    # -- Built-in paths

    readiness_path: str | None = _setting(None, _absolute_path)
    """A complete path such as `"/ready"`, without a slash at its end, which answers 200, and 503 once the
    server has been asked to stop or a [check](health.md) fails."""

    liveness_path: str | None = _setting(None, _absolute_path)
    """A complete path such as `"/alive"`, which answers 200 as long as the process answers at all."""

    check_timeout: float = _setting(2.0, _seconds(above_zero=True))
    """Seconds that a [readiness check](health.md) may take."""

    openapi_path: str | None = _setting(None, _absolute_path)
    """The complete path of the OpenAPI document, such as `"/api/openapi.json"`."""

    metrics_path: str | None = _setting(None, _absolute_path)
    """The complete path of the [metrics](telemetry.md#prometheus) in Prometheus's format, such as
    `"/metrics"`; needs the extra `prometheus`."""

    docs: bool | None = _setting(None, _switch)
    """Whether the documentation page is served, at `_docs` below the prefix; without it, in development
    only."""

    log_format: str | None = _setting(None, _one_of("text", "json"))
    """`"text"` or `"json"`: how `apiroutes start` and `create_app()` write the [log](logging.md) of the
    whole process, with the request of each record. Without it they write only the records of apiroutes."""

    debug_exceptions: bool = _setting(False, _switch)
    """Whether a fault leaves the App as an exception, unlogged, for a debugger [around
    it](embedding.md#developing-an-embedded-application)."""

    title: str | None = _setting(None, _text)
    """The title of the OpenAPI document; without it, the project's name in `pyproject.toml`, or else its
    directory's."""

    version: str | None = _setting(None, _text)
    """The version in the OpenAPI document; without it, the project's in `pyproject.toml`, or else `"0"`."""

    description: str | None = _setting(None, _text)
    """The description in the OpenAPI document; without it, the project's in `pyproject.toml`."""

    contact: str | None = _setting(None, _text)
    """The contact for the API, in the OpenAPI document: a name, an e-mail address or a URL, or `"Ada
    <ada@example.com>"`."""

    license: str | None = _setting(None, _text)
    """The license in the OpenAPI document, such as `MIT`; without it, the project's in `pyproject.toml`."""

    # -- Telemetry

    telemetry: bool | str = _setting(False, _switch_or("detailed"))
    """Whether each request gets a span and measurements, by [OpenTelemetry](telemetry.md); `"detailed"`
    adds a span for each middleware and handler; needs the extra `otel`."""

    # -- Cache

    cache: str | StoreURL = _setting("sqlite", read_store, _HOW_TO_CACHE)
    """Where [cached answers](caching.md) are kept: `"sqlite"` in a file that the workers of a machine
    share, `"memory"` in each process separately, `"none"` nowhere, or in a Redis or Valkey that machines
    share: `"redis://…"`, `"rediss://…"` with TLS, `"unix://…"` for a socket; needs the extra `redis`. Set
    a URL with a password in the environment, as `APIROUTES_CACHE`."""

    cache_path: str | None = _setting(None, _file_path, "Write the whole path, or one below the project.")
    """The file of `"sqlite"`, on a local disk and outside the directories of routes, one for each project;
    without it `.apiroutes/cache.db` in the project."""

    cache_prefix: str = _setting("apiroutes", _visible_text)
    """How the keys in a Redis begin; each project that shares a Redis needs its own."""

    cache_max_entries: int = _setting(10_000, _int_from(1))
    """Number of answers that are kept; beyond it the least recently used goes."""

    cache_max_size: Size = _setting(
        Size(256 * 2**20, "256mb"),
        _size_above_zero,
        'Write a size such as "256mb", or `cache = "none"`, which keeps nothing.',
    )
    """Size of all answers that are kept together; beyond it the least recently used goes."""

    cache_max_body: Size = _setting(Size(2**20, "1mb"), read_size)
    """Size of the largest content that is kept, at most `cache_max_size`; a larger answer is sent, but not
    kept."""

    cache_hot_size: Size = _setting(Size(8 * 2**20, "8mb"), read_size)
    """Size of the answers that each worker keeps in its own memory besides the store; 0 for none."""

    cache_lock_timeout: float = _setting(10.0, _seconds(above_zero=False))
    """Seconds that a request waits for another request that computes the same answer; then it computes its
    own."""

    cache_status: bool = _setting(True, _switch)
    """Whether the answers of cached routes have the header `Cache-Status` (RFC 9211)."""

    release: str | None = _setting(None, _printable_text)
    """The name of the deployed release, such as a commit: another release begins with an empty cache. Without
    it, a digest of the routes' files, of what they import from the project, and of `pyproject.toml`.
    `mode` is part of it in both cases; the environment, data, templates and libraries [are
    not](caching.md#what-it-does-not-contain)."""

    # -- Rate limits

    rate_limit_store: str | StoreURL = _setting("sqlite", read_shared_store, _HOW_TO_LIMIT)
    """Where [rate limits](rate-limits.md) count: `"sqlite"` in a file that the workers of a machine share,
    `"memory"` in each process separately, or in a Redis or Valkey that machines share: `"redis://…"`,
    `"rediss://…"` with TLS, `"unix://…"` for a socket; needs the extra `redis`. Set a URL with a password
    in the environment, as `APIROUTES_RATE_LIMIT_STORE`."""

    rate_limit_fail: str = _setting("open", _one_of("open", "closed"))
    """What happens to requests while that store fails: `"open"` lets them through, `"closed"` refuses them
    with 503."""

    rate_limit_prefix: str = _setting("apiroutes", _visible_text)
    """How the keys in a Redis begin; each project that shares one needs its own."""

    # -- Servers

    host: str | None = _setting(None, _text)
    """The address to listen on; without it `127.0.0.1`, or every address if `PORT` is in the environment
    and `port` is not set. `apiroutes dev` uses only its flag."""

    port: int | None = _setting(None, _port)
    """The port; without it `PORT` from the environment, or 8000. `apiroutes dev` uses it too."""

    workers: int | None = _setting(None, _int_from(1))
    """Number of worker processes; without it `WEB_CONCURRENCY` from the environment, or one for each
    processor that this process may use; the limit of a container counts."""

    threads: int | None = _setting(None, _int_from(1))
    """Number of threads of each worker; without it 16 under gunicorn, 32 under granian, and 64 through
    [ASGI](deployment.md#which-interface). [Deployment](deployment.md#threads) has the figures."""

    interface: str = _setting("auto", _one_of("auto", "wsgi", "asgi"))
    """How the server calls the project: `"wsgi"` or `"asgi"`. `"auto"` is WSGI under gunicorn, ASGI under
    uvicorn, and under granian ASGI if every route is async throughout. A HUP does not change it."""

    preload: bool = _setting(False, _switch)
    """Whether gunicorn's main process imports the project; HUP then loads no new code."""

    pin_workers: bool = _setting(False, _switch)
    """Whether each worker stays on one [processor](deployment.md#one-processor-for-each-worker); gunicorn,
    on Linux."""

    timeout: int = _setting(30, _int_from(0))
    """Seconds after which gunicorn kills a worker that gives no sign of life."""

    graceful_timeout: int = _setting(30, _int_from(0))
    """Seconds that a worker has to finish its requests when it is asked to stop."""

    start_timeout: float = _setting(60.0, _seconds(above_zero=True))
    """Seconds that `register` of `instrumentation.py` may take before the start fails."""

    shutdown_delay: float = _setting(0.0, _seconds(above_zero=False))
    """Seconds between a failing `readiness_path` and the end of listening, for a load balancer to notice;
    gunicorn and uvicorn."""

    keepalive: int = _setting(5, _int_from(0))
    """Seconds that an idle connection is kept, under granian at least `header_timeout`; 0 turns keep-alive
    off under gunicorn and granian."""

    @property
    def docs_path(self) -> str | None:
        """The path of the documentation page, None when it is off; by default it is on in development."""
        is_on = self.mode == "development" if self.docs is None else self.docs
        # A route of `pages` and `app` cannot have this path, because names that begin with '_' are private.
        return f"{self.base_path}{self.api_prefix}/_docs" if is_on else None


READERS = {setting.name: setting.metadata["read"] for setting in fields(Settings)}
REMEDIES = {setting.name: setting.metadata["remedy"] for setting in fields(Settings)}
