"""The table of settings: each with its default, and the reader of a value that is written for it.

In: written values. Out: a setting's value. A reader raises ValueError or TypeError.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TypeVar
from urllib.parse import quote

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
            raise ValueError(f"{value!r} is not one of " + ", ".join(map(repr, allowed)))
        return str(value)

    return read


def _list_from(*allowed: str) -> Callable[[object], tuple[str, ...]]:
    def read(value: object) -> tuple[str, ...]:
        names = _list_of_texts(value)
        unknown = [name for name in names if name not in allowed]
        if unknown or not names:
            raise ValueError(f"{value!r} must be a list from " + ", ".join(map(repr, allowed)))
        return tuple(names)

    return read


def _list_of_texts(value: object) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{value!r} is not a list of strings")
    return [name.strip() for name in names if name.strip()]


def _import_names(value: object) -> tuple[str, ...]:
    names = _list_of_texts(value)
    for name in names:
        module, colon, attribute = name.partition(":")
        if not (colon and attribute.isidentifier() and all(map(str.isidentifier, module.split(".")))):
            raise ValueError(f"{name!r} is not of the form 'package.module:function'")
    return tuple(names)


def _extensions(value: object) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not names:
        raise TypeError(f"{value!r} is not a list of file extensions such as ['py']")
    extensions = tuple(str(name).strip().removeprefix(".") for name in names)
    if not all(extension == "py" or extension.endswith(".py") for extension in extensions):
        raise ValueError(f"{value!r}: every page extension is 'py' or ends in '.py'")
    return extensions


def _path_prefix(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string such as '/api'")
    path = value.rstrip("/")
    if path and not path.startswith("/"):
        raise ValueError(f"{value!r} does not begin with '/'")
    if "//" in path or {".", ".."} & set(path.split("/")):
        raise ValueError(f"{value!r} has an empty or dot segment, which no request path has")
    return path


def _absolute_path(value: object) -> str:
    path = _path_prefix(value)
    if not path or quote(path, safe="/") != path:
        raise ValueError(f"{value!r} is not a path such as '/ready'")
    if path != value:
        raise ValueError(f"{value!r} ends in '/', which no built-in path does: write {path!r}")
    return path


def _int_from(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if type(number) is not int:
            raise TypeError(f"{value!r} is not an int")
        if number < least:
            raise ValueError(f"{value!r} is less than {least}")
        return number

    return read


def _port(value: object) -> int:
    number = _int_from(0)(value)
    if number > 65535:
        raise ValueError(f"{value!r} is more than 65535")
    return number


def _seconds(*, above_zero: bool) -> Callable[[object], float]:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise TypeError(f"{value!r} is not a number of seconds")
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a number of seconds") from None
        if not math.isfinite(number) or number < 0 or (above_zero and number == 0):
            raise ValueError(f"{value!r} is not a number of seconds {'above' if above_zero else 'from'} 0")
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
    raise ValueError(f"{value!r} is neither true nor false")


def _switch_or(word: str) -> Callable[[object], bool | str]:
    def read(value: object) -> bool | str:
        if value == word:
            return word
        try:
            return _switch(value)
        except ValueError:
            raise ValueError(f"{value!r} is neither true nor false nor {word!r}") from None

    return read


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is not a non-empty string")
    return value


def _file_path(value: object) -> str:
    path = _text(os.fspath(value) if isinstance(value, os.PathLike) else value)
    if path.startswith("~"):
        raise ValueError(f"{value!r} begins with '~', which stands for a home directory in a shell alone")
    if "\0" in path:
        raise ValueError(f"{value!r} has a character that is in no path")
    return path


def _size_above_zero(value: object) -> Size:
    size = read_size(value)
    if not size.bytes:
        raise ValueError(f"{value!r} is no size above zero")
    return size


def _printable_text(value: object) -> str:
    text = _text(value)
    if not text.isprintable():
        raise ValueError(f"{value!r} has a character that cannot be printed")
    return text


def _visible_text(value: object) -> str:
    text = _text(value)
    if " " in text or not text.isprintable():
        raise ValueError(f"{value!r} has a character that is not visible")
    return text


# -- the table -------------------------------------------------------------------------------------


def _setting(
    default: Default,
    read: Callable[[object], Value],
    remedy: str = "Correct the value, or leave it out.",
) -> Default | Value:
    """Return a field of Settings with its default, its reader, and the remedy for a value that is refused.

    It is typed as the field's value, as `dataclasses.field` is.
    """
    return field(default=default, metadata={"read": read, "remedy": remedy})


_HOW_TO_LIMIT = 'Write "sqlite", "memory", or a URL such as "redis://localhost:6379/0".'
_HOW_TO_CACHE = 'Write "sqlite", "memory", "none", or a URL such as "redis://localhost:6379/0".'


@dataclass(frozen=True)
class Settings:
    """Everything a project can set, with its defaults. Times are seconds."""

    mode: str = _setting("production", _one_of("development", "production"))
    testing: bool = _setting(False, _switch)
    api_prefix: str = _setting("/api", _path_prefix)
    base_path: str = _setting("", _path_prefix)
    trailing_slash: str = _setting("redirect", _one_of("redirect", "ignore", "require"))
    page_extensions: tuple[str, ...] = _setting(("py",), _extensions)
    conventions: tuple[str, ...] = _setting(
        ("pages", "app", "tanstack"), _list_from("pages", "app", "tanstack")
    )
    middleware: tuple[str, ...] = _setting((), _import_names)
    initial_handlers: bool = _setting(True, _switch)
    secret_key: SecretKeys | None = _setting(
        None, read_secret_keys, "Set what `apiroutes secret` prints, or leave it out."
    )

    body_size_limit: Size = _setting(Size(2**20, "1mb"), read_size)
    response_limit: Size | None = _setting(Size(4 * 2**20, "4mb"), _size_or_off)
    upload_spool_size: Size = _setting(Size(2**16, "64kb"), read_size)
    max_form_memory: Size = _setting(Size(2**20, "1mb"), read_size)
    max_form_pairs: int = _setting(1000, _int_from(0))
    max_form_parts: int = _setting(1000, _int_from(0))
    max_part_headers: int = _setting(8, _int_from(1))
    max_json_depth: int = _setting(200, _int_from(1))
    max_query_keys: int = _setting(1000, _int_from(0))
    max_target_size: Size = _setting(Size(2**13, "8kb"), read_size)
    max_headers: int | None = _setting(None, _int_from(1))
    max_header_size: Size | None = _setting(None, read_size)
    etag: bool | str = _setting(True, _switch_or("weak"))
    etag_max_size: Size | None = _setting(None, read_size)
    header_timeout: float = _setting(5.0, _seconds(above_zero=True))
    body_timeout: float = _setting(10.0, _seconds(above_zero=True))
    body_min_rate: Size = _setting(Size(2**14, "16kb"), read_size)  # a second
    max_abandoned_handlers: int = _setting(32, _int_from(1))
    abandon_timeout: float = _setting(30.0, _seconds(above_zero=True))
    after_threads: int = _setting(2, _int_from(1))
    after_queue: int = _setting(1000, _int_from(0))
    after_timeout: float = _setting(30.0, _seconds(above_zero=True))
    readiness_path: str | None = _setting(None, _absolute_path)
    liveness_path: str | None = _setting(None, _absolute_path)
    check_timeout: float = _setting(2.0, _seconds(above_zero=True))
    openapi_path: str | None = _setting(None, _absolute_path)
    metrics_path: str | None = _setting(None, _absolute_path)
    docs: bool | None = _setting(None, _switch)
    log_format: str | None = _setting(None, _one_of("text", "json"))
    debug_exceptions: bool = _setting(False, _switch)
    title: str | None = _setting(None, _text)
    version: str | None = _setting(None, _text)
    description: str | None = _setting(None, _text)
    contact: str | None = _setting(None, _text)
    license: str | None = _setting(None, _text)
    telemetry: bool | str = _setting(False, _switch_or("detailed"))

    cache: str | StoreURL = _setting("sqlite", read_store, _HOW_TO_CACHE)
    cache_path: str | None = _setting(None, _file_path, "Write the whole path, or one below the project.")
    cache_prefix: str = _setting("apiroutes", _visible_text)
    cache_max_entries: int = _setting(10_000, _int_from(1))
    cache_max_size: Size = _setting(
        Size(256 * 2**20, "256mb"),
        _size_above_zero,
        'Write a size such as "256mb", or `cache = "none"`, which keeps nothing.',
    )
    cache_max_body: Size = _setting(Size(2**20, "1mb"), read_size)
    cache_hot_size: Size = _setting(Size(8 * 2**20, "8mb"), read_size)  # of a worker
    cache_lock_timeout: float = _setting(10.0, _seconds(above_zero=False))
    cache_status: bool = _setting(True, _switch)
    release: str | None = _setting(None, _printable_text)

    rate_limit_store: str | StoreURL = _setting("sqlite", read_shared_store, _HOW_TO_LIMIT)
    rate_limit_fail: str = _setting("open", _one_of("open", "closed"))
    rate_limit_prefix: str = _setting("apiroutes", _visible_text)

    host: str | None = _setting(None, _text)
    port: int | None = _setting(None, _port)
    workers: int | None = _setting(None, _int_from(1))
    threads: int | None = _setting(None, _int_from(1))
    interface: str = _setting("auto", _one_of("auto", "wsgi", "asgi"))
    preload: bool = _setting(False, _switch)
    pin_workers: bool = _setting(False, _switch)
    timeout: int = _setting(30, _int_from(0))
    graceful_timeout: int = _setting(30, _int_from(0))
    start_timeout: float = _setting(60.0, _seconds(above_zero=True))
    shutdown_delay: float = _setting(0.0, _seconds(above_zero=False))
    keepalive: int = _setting(5, _int_from(0))

    @property
    def docs_path(self) -> str | None:
        """The path of the documentation page, None when it is off; by default it is on in development."""
        is_on = self.mode == "development" if self.docs is None else self.docs
        # A route of `pages` and `app` cannot have this path, because names that begin with '_' are private.
        return f"{self.base_path}{self.api_prefix}/_docs" if is_on else None


READERS = {setting.name: setting.metadata["read"] for setting in fields(Settings)}
REMEDIES = {setting.name: setting.metadata["remedy"] for setting in fields(Settings)}
