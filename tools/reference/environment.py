"""The page of variables of the environment that apiroutes reads.

In: the table here, and the names that the package looks for. Out: the page. Raises Undescribed for a name
without a row, and for a row that nothing looks for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache

from tools.reference.markdown import code, prose, table
from tools.reference.source import PACKAGE, Undescribed, files_of

__all__ = ["environment_page", "looked_up_variables"]

VARIABLES: Mapping[str, str] = {
    "APIROUTES_*": "The [settings](settings.md), as in `APIROUTES_BODY_SIZE_LIMIT=5mb`: a list with commas, "
    "a switch as `true` or `false`. They count more than `pyproject.toml`, and less than the arguments of "
    "`App`.",
    "PORT": "The port, where the setting `port` is not set; the server listens on every address then, "
    "unless `host` is set.",
    "WEB_CONCURRENCY": "The number of worker processes, where the setting `workers` is not set.",
    "FORWARDED_ALLOW_IPS": "The proxies whose `X-Forwarded-*` headers gunicorn and uvicorn themselves "
    "believe; none by default. [`proxy_fix`](reference/middleware.md#proxy_fix) does it in the project.",
    "GUNICORN_FD": "The sockets that gunicorn has handed to its successor; gunicorn sets it.",
    "LISTEN_FDS": "The number of sockets that [systemd](deployment/systemd.md) has opened: gunicorn and "
    "uvicorn serve them instead of a port.",
    "LISTEN_PID": "The process that these sockets are for.",
    "NOTIFY_SOCKET": "Where systemd hears that the server is ready; systemd sets it. Under gunicorn that is "
    "[once a worker serves](deployment/systemd.md).",
    "NO_COLOR": "Set and not empty: no colours.",
    "FORCE_COLOR": "`1`: [colours](commands.md#colours-and-terminals) in a pipe too.",
    "CLICOLOR_FORCE": "The same.",
    "TERM": "`dumb`: no colours.",
    "PROMETHEUS_MULTIPROC_DIR": "The directory in which workers share their "
    "[metrics](telemetry.md#prometheus); `apiroutes start` makes one.",
    "XDG_RUNTIME_DIR": "Where `apiroutes start` makes that directory; without it, among the temporary files.",
}
# What the environ of WSGI and CGI has beside headers.
_WSGI = re.compile(r"[a-z]|HTTP_|CONTENT_|(REQUEST|SERVER|REMOTE|RAW)_|PATH_INFO$|SCRIPT_NAME$|QUERY_STRING$")


def environment_page() -> str:
    """Return the page."""
    known = {name for name in VARIABLES if not name.endswith("*")}
    wrong = known ^ looked_up_variables()
    if wrong:
        raise Undescribed(f"tools/reference/environment.py and the package differ in {sorted(wrong)}")
    parts = [
        "# Environment variables",
        "What apiroutes reads. The files `.env`, `.env.local` and `.env.development` or `.env.production` of "
        "a project are loaded into the environment first, and never replace a variable that is set.",
        table(
            ["variable", "meaning"], [(code(name), _shown(meaning)) for name, meaning in VARIABLES.items()]
        ),
        "Servers and libraries read their own, such as `GUNICORN_CMD_ARGS`, `GRANIAN_*`, `UVICORN_*` and "
        "`OTEL_*`. `TMPDIR` is Python's: the directory of temporary files, where large uploads lie while "
        "their requests last and gunicorn's workers have the files by which they show that they live.",
    ]
    return "\n\n".join(parts) + "\n"


def _shown(meaning: str) -> str:
    return prose(meaning, "../").replace("](../reference/", "](")


@cache
def looked_up_variables() -> set[str]:
    """Return the variables that the package looks for in the environment by their names."""
    found: set[str] = set()
    for _, text in files_of(PACKAGE):
        if "environ" in text:
            found |= {*_variables_in(ast.parse(text))}
    return {name for name in found if not _WSGI.match(name) and not name.startswith("APIROUTES_")}


def _variables_in(tree: ast.Module) -> Iterator[str]:
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }
    for node in ast.walk(tree):
        for name in _keys(node):
            values = (
                [name.value] if isinstance(name, ast.Constant) else [constants.get(ast.unparse(name), "")]
            )
            if isinstance(name, ast.Name) and not values[0]:
                values = [*_looped(name.id, tree)]
            yield from (
                value for value in values if isinstance(value, str) and re.fullmatch(r"[A-Z][A-Z_]+", value)
            )


def _keys(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what stands as a key of an `environ`."""
    if isinstance(node, ast.Subscript) and _is_environ(node.value):
        yield node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if _is_environ(node.func.value) and node.func.attr in ("get", "pop", "setdefault"):
            yield node.args[0]
    elif isinstance(node, ast.Compare) and any(map(_is_environ, node.comparators)):
        yield node.left


def _is_environ(node: ast.expr) -> bool:
    return ast.unparse(node).rpartition(".")[2] == "environ"


def _looped(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield the texts that a name has in a loop, or as the default of a parameter."""
    for node in ast.walk(tree):
        if isinstance(node, ast.comprehension) and ast.unparse(node.target) == name:
            yield from _texts(node.iter)
        elif isinstance(node, ast.arguments):
            for argument, default in zip(node.args[len(node.args) - len(node.defaults) :], node.defaults):
                if argument.arg == name:
                    yield from _texts(default)


def _texts(node: ast.expr) -> Iterator[str]:
    items = node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]
    yield from (
        item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)
    )
