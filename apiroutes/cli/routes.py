"""`apiroutes routes`: all routes, some of them, or the one that answers a path."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from apiroutes.app import App
from apiroutes.cli.group import Command, examples
from apiroutes.cli.listing import row_of, table
from apiroutes.cli.options import as_json, root
from apiroutes.cli.projects import build_unsigned, print_painted
from apiroutes.cli.questions import ask
from apiroutes.terminal import DIM, paint_for, width_of

__all__ = ["routes"]


@click.command(
    cls=Command,
    epilog=examples(
        "apiroutes routes",
        "apiroutes routes users                    whose path or file has the text",
        "apiroutes routes --method POST",
        "apiroutes routes /api/users/5             which file answers that path",
        "apiroutes routes /api/users/5 --method PUT --json",
    ),
)
@click.argument("which", required=False, metavar="[TEXT | /PATH | URL]")
@root
@click.option(
    "--method",
    metavar="METHOD",
    help="Only routes that answer this method; with a path, what answers that request.",
    callback=lambda _, __, m: m and m.upper(),
)
@as_json
def routes(which: str | None, root: Path, method: str | None, as_json: bool) -> None:
    """List the routes in order of precedence, or show what answers a path.

    A text lists the routes whose path or file contains it. A path that begins with a slash, or a URL, is
    looked up as a client would send it: which file answers, with which parameters and middleware. The exit
    status is 1 if nothing is found.
    """
    app = build_unsigned(root)
    if which is not None and (which.startswith("/") or "://" in which):
        _answer(app, which, method, as_json)
    else:
        _list(app, which, method, as_json)


def _answer(app: App, target: str, method: str | None, as_json: bool) -> None:
    answer = ask(app, target, method)
    if as_json:
        click.echo(json.dumps(asdict(answer), indent=2))
    else:
        print_painted("\n".join(answer.lines(paint_for(sys.stdout))))
    if not answer.is_found:
        sys.exit(1)


def _list(app: App, text: str | None, method: str | None, as_json: bool) -> None:
    listed = [row_of(app.resources[route.file]) for route in app.routes.walk()]
    rows = [row for row in listed if _fits(row, text, method)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows or not listed:
        paint = paint_for(sys.stdout)
        lines, dropped = table(rows, paint, width_of(sys.stdout))
        print_painted("\n".join(lines))
        if dropped:
            names = ", ".join(reversed(dropped))
            print_painted(paint_for(sys.stderr)(f"Too narrow for {names}: --json has all.", DIM), err=True)
    if listed and not rows:
        asked = [f"has {text!r} in its path or file"] if text else []
        asked += [f"answers {method}"] if method else []
        click.echo(f"No route {' and '.join(asked)}. All: apiroutes routes", err=True)
        sys.exit(1)


def _fits(row: dict[str, Any], text: str | None, method: str | None) -> bool:
    has_text = text is None or any(text.lower() in row[member].lower() for member in ("path", "file"))
    methods = row["methods"]
    answers = (
        method is None or methods == ["ANY"] or method in methods or (method == "HEAD" and "GET" in methods)
    )
    return has_text and answers
