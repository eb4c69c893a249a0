"""The secret key of a project whose middleware needs one; in development it is generated and kept.

In: the settings, and the steps of the project with the files that use them. Out: settings with a key, or a
problem, or warnings.

Any handler may set signed cookies or turn on draft mode, without a mark that says so. So the files of the
project are searched for the names of these methods. In development, a key that is not needed does no harm. In
production, a missing key is only a warning, because it is unknown whether that line will run, and whose
method it calls.
"""

from __future__ import annotations

import ast
import contextlib
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from apiroutes.errors import Problem, Problems, listed
from apiroutes.marks import takes_secret_key
from apiroutes.places import Place, name_of
from apiroutes.project.own_files import own_files, source_of_file
from apiroutes.secret_keys import SecretKeys, new_secret_key, read_secret_keys
from apiroutes.settings import Settings

__all__ = ["with_secret_key"]

_log = logging.getLogger("apiroutes")

_DIRECTORY, _FILE = ".apiroutes", "secret_key"
_VARIABLE = "APIROUTES_SECRET_KEY"
_MOST_NAMED = 3

# The attributes of requests and responses that need a key for signatures,
_SIGNED = re.compile(rb"\b((set_)?draft_mode|((set|clear)_)?preview_data|set_signed_cookie|signed_cookies)\b")
# and those among them that raise an exception without a key.
_RAISING = frozenset(
    ("clear_preview_data", "set_draft_mode", "set_preview_data", "set_signed_cookie", "signed_cookies")
)


def with_secret_key(
    settings: Settings,
    steps: Iterable[tuple[Any, str]],
    root: Path,
    place_of: Callable[[str], tuple[str, Place]],
    problems: Problems,
    warnings: Problems,
) -> Settings:
    """Return the settings of the project in `root`; in development with a key, if a step needs one.

    `steps` are functions, each with the file that uses it. A missing key is added to `problems` if a step is
    marked, and to `warnings` for each file of the project that would raise an exception.
    """
    if settings.secret_key is not None:
        return settings
    if place_of("secret_key")[1].file != "the settings":  # a key is set, and was refused
        return settings
    users = dict.fromkeys(f"`{name_of(step)}` ({file})" for step, file in steps if takes_secret_key(step))
    if settings.mode == "development":
        is_needed = users or any(_signs(source_of_file(path)) for path in own_files(root))
        return replace(settings, secret_key=_key_of_development(root)) if is_needed else settings
    if not users:
        warnings += _failing_lines(root)
        return settings
    need = "needs it" if len(users) == 1 else "need it"
    named = [*users][:_MOST_NAMED] + ["others"] * (len(users) > _MOST_NAMED)
    message = f"{_VARIABLE} is not set, and {listed(named)} {need}."
    remedy = "Set it to what `apiroutes secret` prints. `apiroutes dev` makes a key of its own."
    problems.append(Problem("environment", message, remedy, None, _VARIABLE, (0, len(_VARIABLE))))
    return settings


def _signs(source: bytes) -> bool:
    return _SIGNED.search(source) is not None


def _failing_lines(root: Path) -> Iterator[Problem]:
    """Yield a warning for the first line of each file that would raise an exception without a key."""
    remedy = f"Set {_VARIABLE} to what `apiroutes secret` prints, or this line raises RuntimeError."
    for path in sorted(own_files(root)):
        source = source_of_file(path)
        first = _first_raising(source) if _signs(source) else None
        if first is not None:
            message = f"uses `{first.attr}`, but no `secret_key` is set."
            yield Problem(path.relative_to(root).as_posix(), message, remedy, first.lineno)


def _first_raising(source: bytes) -> ast.Attribute | None:
    try:
        nodes = ast.walk(ast.parse(source))
    except (SyntaxError, ValueError):  # it has changed since it was imported
        return None
    found = (node for node in nodes if isinstance(node, ast.Attribute) and node.attr in _RAISING)
    return min(found, key=lambda node: node.lineno, default=None)


def _key_of_development(root: Path) -> SecretKeys:
    """Return the key in `.apiroutes/`, which is generated once; if two processes do so at once, one wins."""
    path = root / _DIRECTORY / _FILE
    known = _keys_in(path)
    if known is not None:
        return known
    key = new_secret_key()
    try:
        _make_directory(path.parent)
        keys = _store(path, key)
    except OSError as error:
        # Record: Development only: no key can be kept, so sessions end with the process.
        _log.warning(
            "no `secret_key` is set, and none can be kept in %s/%s (%s): what is signed with the key of this "
            "process is not valid in the next one",
            *(_DIRECTORY, _FILE, error.strerror),
        )
        return SecretKeys([key])
    if keys == SecretKeys([key]):
        message = "no `secret_key` is set, so one was made for development, in %s/%s"
        # Record: Development only: a key was generated, which signs sessions and cookies on this machine.
        _log.info(message, _DIRECTORY, _FILE)
    return keys


def _keys_in(path: Path) -> SecretKeys | None:
    try:
        return read_secret_keys(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):  # there is no file, or somebody has changed it
        return None


def _make_directory(directory: Path) -> None:
    """Make the directory for files of this machine, which Git ignores."""
    directory.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError), open(directory / ".gitignore", "x", encoding="ascii") as file:
        file.write("*\n")


def _store(path: Path, key: str) -> SecretKeys:
    """Write a key into a new file, atomically; return the keys that another process stored first."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key}\n")
        try:
            os.link(temporary, path)  # which fails if the file exists, unlike a rename
        except FileExistsError:
            first = _keys_in(path)
            if first is not None:
                return first
            os.replace(temporary, path)
        except OSError:  # a file system without hard links
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    return SecretKeys([key])
