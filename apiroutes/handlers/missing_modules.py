"""Modules that are not there: a file of the project under another name, a package that is not installed.

In: the name of a module and the statement that imports it. Out: what to write instead, or what to install.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
import pkgutil
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from apiroutes.handlers.modules import file_of_module

__all__ = ["HowToFind", "how_to_find"]

# Packages that are installed under another name than they are imported by.
_DISTRIBUTIONS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "ldap": "python-ldap",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
# Packages that are installed under the name that they are imported by, and that services use often.
_WELL_KNOWN = frozenset(
    (
        "aiohttp",
        "alembic",
        "anyio",
        "argon2",
        "asyncpg",
        "bcrypt",
        "boto3",
        "celery",
        "cryptography",
        "django",
        "fastapi",
        "flask",
        "greenlet",
        "httpx",
        "itsdangerous",
        "jinja2",
        "jsonschema",
        "lxml",
        "mako",
        "markdown",
        "marshmallow",
        "matplotlib",
        "msgspec",
        "numpy",
        "openai",
        "orjson",
        "pandas",
        "passlib",
        "peewee",
        "psutil",
        "psycopg",
        "pydantic",
        "pymongo",
        "pymysql",
        "pytest",
        "redis",
        "requests",
        "scipy",
        "sentry_sdk",
        "sqlalchemy",
        "sqlmodel",
        "starlette",
        "stripe",
        "structlog",
        "tenacity",
        "tqdm",
        "twilio",
        "werkzeug",
    )
)
_PIP = "python -m pip"
# The name in a requirement (PEP 508) in quotation marks.
_QUOTED_NAME = r"""["']([A-Za-z0-9][\w.-]*)(?=[\s\[<>=!~;"'])"""
_REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements/base.txt")


class HowToFind(NamedTuple):
    """A remedy, a better message if there is one, and the text to mark."""

    remedy: str
    message: str | None
    mark: str | None


def how_to_find(name: str, root: Path, file: str, line: int | None) -> HowToFind:
    """Tell where the module may be that a line of the project's file imports."""
    missing = file_of_module(name, root)
    if missing is not None:
        return _missing_file(missing, root, file, line)
    top = name.partition(".")[0]
    if "." in name and (root / top).exists():
        return _missing_in_package(name, root)
    statement = _relative_statement(top, root, file, line) or _absolute_statement(top, root, file, line)
    if statement is not None:
        return HowToFind(f"Write `{statement}`.", None, name)
    lacking = _missing_in_installed(name)
    return HowToFind(_how_to_install(top, root) if lacking is None else lacking, None, name)


# -- files of the project ----------------------------------------------------------------------------


def _missing_file(missing: str, root: Path, file: str, line: int | None) -> HowToFind:
    """A relative import leads to a file that does not exist."""
    stem = missing.rpartition("/")[2].removesuffix(".py")
    message = f"ModuleNotFoundError: there is no {missing}."
    elsewhere = _relative_statement(stem, root, file, line)
    if elsewhere is not None:
        return HowToFind(f"Write `{elsewhere}`.", message, stem)
    directory = missing.rpartition("/")[0]
    known = [name for name in _stems(root / directory) if f"{directory}/{name}.py" != file]
    close = difflib.get_close_matches(stem, known, 1, 0.6)
    remedy = f"Did you mean `{close[0]}`?" if close else f"Create {missing}, or correct the import."
    return HowToFind(remedy, message, stem)


def _missing_in_package(name: str, root: Path) -> HowToFind:
    """An import by an absolute name leads to a file of the project that does not exist."""
    *directories, stem = name.split(".")
    path = "/".join(directories)
    close = difflib.get_close_matches(stem, _stems(root / path), 1, 0.6)
    remedy = f"Did you mean `{'.'.join([*directories, close[0]])}`?" if close else f"Create {path}/{stem}.py."
    return HowToFind(remedy, None, name)


def _missing_in_installed(name: str) -> str | None:
    """Return the remedy for a module that an installed package lacks; None if the package is missing too."""
    package, _, missing = name.rpartition(".")
    while package and package not in sys.modules:  # the import has come as far as it could
        package, _, missing = package.rpartition(".")
    if not package:
        return None
    module = sys.modules[package]
    paths = getattr(module, "__path__", ())
    inside = {found.name for found in pkgutil.iter_modules(paths) if not found.name.startswith("_")}
    inside |= {inner.rpartition(".")[2] for inner in list(sys.modules) if inner.rpartition(".")[0] == package}
    close = difflib.get_close_matches(missing, sorted(inside), 1, 0.6)
    if close:
        return f"Did you mean `{package}.{close[0]}`?"
    is_pythons = package.partition(".")[0] in sys.stdlib_module_names
    version = "" if is_pythons else " The installed version may be a different one."
    return f"Correct the name: `{package}` has no module `{missing}`.{version}"


def _stems(directory: Path) -> list[str]:
    """Return what can be imported from a directory."""
    try:
        entries = sorted(directory.iterdir())
    except OSError:
        return []
    return [entry.name.removesuffix(".py") for entry in entries if entry.suffix == ".py" or entry.is_dir()]


def _relative_statement(top: str, root: Path, file: str, line: int | None) -> str | None:
    """Return the import with the dots that it needs, if the module is beside the file or above it."""
    directory = (root / file).parent
    for dots, around in enumerate([directory, *directory.parents], 1):
        if around == root.parent:
            break
        if (around / f"{top}.py").is_file() or (around / top).is_dir():
            statement = _statement_at(root / file, line)
            return None if statement is None else _with_dots(statement, top, dots)
    return None


def _absolute_statement(top: str, root: Path, file: str, line: int | None) -> str | None:
    """Return the import with the directory that it needs, if one directory of the project has the module."""
    found = [path.parent.name for path in sorted(root.glob(f"*/{top}.py")) if path.parent.name.isidentifier()]
    statement = _statement_at(root / file, line)
    if len(found) != 1 or statement is None or found[0] in ("pages", "app", "routes", "tests"):
        return None
    if isinstance(statement, ast.ImportFrom):
        return ast.unparse(ast.ImportFrom(f"{found[0]}.{statement.module}", statement.names, 0))
    alias = next((alias for alias in statement.names if alias.name == top), None)
    return None if alias is None else ast.unparse(ast.ImportFrom(found[0], [alias], 0))


def _statement_at(path: Path, line: int | None) -> ast.Import | ast.ImportFrom | None:
    """Return the import statement at a line of a file."""
    try:
        with tokenize.open(path) as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)) and line is not None and _covers(node, line):
            return node
    return None


def _covers(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _with_dots(statement: ast.Import | ast.ImportFrom, top: str, dots: int) -> str | None:
    """Return the statement as a relative import of `top`, which has so many dots."""
    if isinstance(statement, ast.ImportFrom):
        names = (statement.module or "").split(".")
        if top not in names:  # from . import name
            return ast.unparse(ast.ImportFrom(None, statement.names, dots))
        module = ".".join(names[names.index(top) :])
        return ast.unparse(ast.ImportFrom(module, statement.names, dots))
    for alias in statement.names:
        head, _, last = alias.name.rpartition(".")
        if alias.name.partition(".")[0] == top:
            return ast.unparse(ast.ImportFrom(head or None, [ast.alias(last, alias.asname)], dots))
    return None


# -- packages ----------------------------------------------------------------------------------------


def _how_to_install(name: str, root: Path) -> str:
    listed_in = _file_that_lists(name, root)
    if listed_in is not None:
        what = "-r " + listed_in if listed_in.endswith(".txt") else "."
        return f"Install what {listed_in} lists: `{_PIP} install {what}`."
    if name in _DISTRIBUTIONS or name in _WELL_KNOWN:
        return f"Install it: `{_PIP} install {_DISTRIBUTIONS.get(name, name.replace('_', '-'))}`."
    close = difflib.get_close_matches(name, sorted(_known_modules()), 1, 0.75) if len(name) > 3 else ()
    if close:
        is_there = importlib.util.find_spec(close[0]) is not None
        return f"Did you mean `{close[0]}`?" + ("" if is_there else f" {_how_to_install(close[0], root)}")
    return (
        f"Check the name: neither the project nor this Python has a module `{name}`. "
        f"If it is a package's, install the package, with `{_PIP} install`."
    )


def _known_modules() -> Iterator[str]:
    """Yield the names of modules that are installed, or well known."""
    yield from sys.stdlib_module_names
    yield from _WELL_KNOWN
    yield from _DISTRIBUTIONS
    yield from (module.name for module in pkgutil.iter_modules() if not module.name.startswith("_"))


def _file_that_lists(name: str, root: Path) -> str | None:
    """Return the file of the project that lists the package among its requirements."""
    distribution = _normalized(_DISTRIBUTIONS.get(name, name))
    for file in _REQUIREMENTS:
        if distribution in map(_normalized, _listed(root / file, r"^\s*([A-Za-z0-9][\w.-]*)")):
            return file
    quoted = _listed(root / "pyproject.toml", _QUOTED_NAME)
    return "pyproject.toml" if distribution in map(_normalized, quoted) else None


def _listed(path: Path, pattern: str) -> list[str]:
    try:
        return re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, ValueError):
        return []


def _normalized(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
