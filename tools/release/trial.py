"""The trial of an installed archive: what a user does first, with nothing but the archive.

In: a bare environment and an empty directory. Out: a line for each thing that works. Raises: `ReleaseError`
at the first that does not.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urljoin

from tools.release.bare import Environment
from tools.release.errors import ReleaseError
from tools.release.vendored import read_record

__all__ = ["trial"]

_SECONDS = 60  # in which each step ends, whatever goes wrong


def trial(environment: Environment, directory: Path, version: str) -> Iterator[str]:
    shown = _run(environment, directory, "--version")
    if version not in shown:
        raise ReleaseError(f"`apiroutes --version` does not print {version}:\n{shown}")
    yield f"apiroutes --version: {version}"
    for name, flags in [("full", ["--yes"]), ("project", ["--yes", "--minimal"])]:
        _run(environment, directory, "new", *flags, name)
        _run(environment, directory / name, "check")
        yield f"apiroutes new {' '.join(flags)}, apiroutes check"
    project = directory / "project"
    for flag, name in [("--typescript", "client.ts"), ("--python", "client.py")]:
        _run(environment, project, "client", flag, "-o", name)
        if "hello" not in (project / name).read_text():
            raise ReleaseError(f"`apiroutes client {flag}` wrote a client without the route.")
        yield f"apiroutes client {flag}"
    with _serving(environment, project) as port:
        if json.loads(_get(port, "/api/hello?name=Ada")) != {"message": "Hello, Ada"}:
            raise ReleaseError("GET /api/hello is not answered with the route's result.")
        yield "apiroutes start, GET /api/hello"
        yield from _try_documentation_page(port)


def _try_documentation_page(port: int) -> Iterator[str]:
    page = _get(port, "/api/_docs").decode()
    links = [urljoin("/api/_docs", link) for link in re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page)]
    if not links:
        raise ReleaseError("The documentation page loads nothing.")
    for link in links:
        _get(port, link)
    for name, expected in read_record().files.items():
        if name.endswith((".js", ".css", ".html")):
            content = _get(port, f"/api/_docs/{name}")
            if hashlib.sha256(content).hexdigest() != expected:
                raise ReleaseError(f"/api/_docs/{name} is not the file that was vendored.")
    if "/api/hello" not in json.loads(_get(port, "/api/_docs/openapi.json"))["paths"]:
        raise ReleaseError("The OpenAPI document lacks the route /api/hello.")
    yield f"GET /api/_docs, its {len(links)} files, the OpenAPI document"


def _run(environment: Environment, directory: Path, *arguments: str) -> str:
    """Run the installed command `apiroutes`, and return what it prints."""
    program = environment.directory / "bin/apiroutes"
    run = subprocess.run(
        [program, *arguments],
        cwd=directory,
        env=environment.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
    )
    if run.returncode:
        raise ReleaseError(f"{run.stdout}\n`apiroutes {' '.join(arguments)}` failed.")
    return run.stdout


@contextmanager
def _serving(environment: Environment, directory: Path) -> Iterator[int]:
    """Serve the project as in production, with the documentation page, and yield the port."""
    command = [str(environment.directory / "bin/apiroutes"), "start", "--port", "0", "--workers", "1"]
    variables = {**environment.variables, "APIROUTES_DOCS": "true"}
    with subprocess.Popen(
        command, cwd=directory, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watch = threading.Timer(_SECONDS, process.kill)
        watch.start()
        try:
            yield _port_of(process)
            process.terminate()
            output = process.communicate()[0]
            if process.returncode:
                raise ReleaseError(f"{output}\n`apiroutes start` ended with status {process.returncode}.")
        finally:
            watch.cancel()
            process.kill()


def _port_of(process: subprocess.Popen[str]) -> int:
    printed = []
    assert process.stdout is not None
    for line in process.stdout:
        printed.append(line)
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise ReleaseError(f"{''.join(printed)}\n`apiroutes start` did not begin to serve.")


def _get(port: int, path: str) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        content = response.read()
    if response.status != 200:
        raise ReleaseError(f"GET {path} is answered with {response.status}: {content[:200]!r}")
    return content
