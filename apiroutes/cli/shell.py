"""`apiroutes shell`: an interpreter inside a project.

In: code from a prompt, `-c` or standard input. Out: what it prints. Names are `app`, `client` and `settings`;
modules of the project can be imported. `await` works at the top level, on the event loop of the handlers.
"""

from __future__ import annotations

import ast
import code
import contextlib
import inspect
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import click

from apiroutes.cli.group import Command, examples
from apiroutes.cli.options import root
from apiroutes.cli.projects import build, print_painted
from apiroutes.concurrency import coroutines
from apiroutes.settings import Settings
from apiroutes.terminal import BOLD, DIM, paint_for
from apiroutes.version import __version__

__all__ = ["shell"]

_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

_INTERPRETERS = ("ipython", "ptpython", "python")


@click.command(
    cls=Command,
    epilog=examples(
        "apiroutes shell",
        "apiroutes shell -c 'print(client.get(\"/api/users\").json)'",
        "apiroutes shell < script.py",
    ),
)
@root
@click.option(
    "-c",
    "source",
    metavar="CODE",
    help="Run the code and exit; the exit status is 1 if it raises.",
    show_default="a prompt, or a program on standard input",
)
@click.option(
    "--interpreter",
    type=click.Choice(_INTERPRETERS),
    help="The interpreter.",
    show_default="IPython or ptpython if it is installed, otherwise Python's own",
)
def shell(root: Path, source: str | None, interpreter: str | None) -> None:
    """Open an interpreter with the project: `app`, a `client` that calls it, and `settings`.

    The project's own modules can be imported, and coroutines awaited. The mode is development, unless
    APIROUTES_MODE names the other. Code from standard input runs like
    the code of -c: the exit status is 1 if it raises.
    """
    from apiroutes.testing import Client

    # Calls from a prompt are not counted together with the requests of clients.
    mode = os.environ.get("APIROUTES_MODE") or "development"
    app = build(root, mode=mode, rate_limit_store="memory")
    names: dict[str, Any] = {"app": app, "client": Client(app), "settings": app.settings}
    if source is not None:
        _run(source, "<string>", names)
    elif not sys.stdin.isatty():
        _run(sys.stdin.read(), "<stdin>", names)
    else:
        banner = _banner(app.root, len(app.resources))
        open_prompt = _prompt_of(interpreter)
        open_prompt(names, banner)


def _run(source: str, file: str, names: dict[str, Any]) -> None:
    """Run a program. Its exception ends the command with status 1, as Python's own interpreter does."""
    names |= {"__name__": "__main__", "__builtins__": __builtins__}
    interpreter = _Interpreter(names)
    try:
        compiled = compile(source, file, "exec", flags=_FLAGS, dont_inherit=True)
    except (SyntaxError, ValueError):
        interpreter.showsyntaxerror(file)
        sys.exit(1)
    interpreter.runcode(compiled)
    if interpreter.has_failed:
        sys.exit(1)


class _Interpreter(code.InteractiveConsole):
    """Python's interactive interpreter, in which `await` works outside functions."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.compile.compiler.flags |= _FLAGS
        self.has_failed = False

    def runcode(self, code: CodeType) -> None:
        """Run compiled code; a coroutine on the event loop of the process."""
        try:
            result = FunctionType(code, self.locals)()
            if inspect.iscoroutine(result):
                coroutines.run(result)
        except SystemExit:
            raise
        except BaseException:
            self.has_failed = True
            self.showtraceback()


def _prompt_of(interpreter: str | None) -> Callable[[dict[str, Any], str], None]:
    prompts = {"ipython": _open_ipython, "ptpython": _open_ptpython, "python": _open_python}
    if interpreter is not None:
        return prompts[interpreter]
    for name, module in (("ipython", "IPython"), ("ptpython", "ptpython")):
        with contextlib.suppress(ImportError):
            import_module(module)
            return prompts[name]
    return _open_python


def _open_ipython(names: dict[str, Any], banner: str) -> None:
    start = _installed("IPython").start_ipython
    print_painted(banner)
    start(argv=["--no-banner"], user_ns=names)


def _open_ptpython(names: dict[str, Any], banner: str) -> None:
    embed = _installed("ptpython.repl").embed
    print_painted(banner)
    embed(globals=names, locals=names)


def _installed(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        name = module.partition(".")[0].lower()
        raise click.ClickException(f"{name} is not installed: pip install {name}") from error


def _open_python(names: dict[str, Any], banner: str) -> None:
    _complete(names)
    names["__name__"] = "__main__"
    _Interpreter(names).interact(banner=banner, exitmsg="")


def _complete(names: dict[str, Any]) -> None:
    """Complete names at Tab, and keep lines for the arrow keys, where Python has readline."""
    try:
        readline, rlcompleter = import_module("readline"), import_module("rlcompleter")
    except ImportError:
        return
    readline.set_completer(rlcompleter.Completer(names).complete)
    is_editline = "libedit" in (getattr(readline, "__doc__", "") or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_editline else "tab: complete")


def _banner(root: Path, routes: int) -> str:
    paint = paint_for(sys.stdout)
    rows = [
        ("app", f"the App of {root}, {routes} routes"),
        ("client", 'calls it without a server: client.get("/api/...").json'),
        ("settings", f"the project's {Settings.__name__}, in development mode"),
    ]
    lines = [paint(f"apiroutes {__version__}, Python {sys.version.split()[0]}", BOLD)]
    lines += [f"  {name:<10}{paint(meaning, DIM)}" for name, meaning in rows]
    lines.append(paint("  The project's modules can be imported, and coroutines awaited. Ctrl-D ends.", DIM))
    return "\n".join(lines)
