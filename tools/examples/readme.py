"""A plugin of pytest: the commands of a project's README.md print what it shows.

In: a README.md that starts `apiroutes dev` in a console block. Out: a test that serves a copy of the project
in that way, runs every `curl` of the page in order, and compares what is printed. `...` stands for any text.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["pytest_collect_file"]

_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVER = re.compile(r"((?:\w+=\S+ )*)apiroutes dev\b")
_ADDRESS = "localhost:8000"
_SECONDS = 30


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take README.md in the directory of the tests."""
    if file_path.name != "README.md" or file_path.parent != parent.config.rootpath:
        return None
    collector: pytest.Collector = _Readme.from_parent(parent, path=file_path)
    return collector


class _Readme(pytest.File):
    def collect(self) -> Iterable[pytest.Item]:
        commands = list(_commands(self.path.read_text(encoding="utf-8")))
        servers = [match for command, _ in commands if (match := _SERVER.match(command))]
        curls = [(command, printed) for command, printed in commands if command.startswith("curl ")]
        if servers and curls:
            variables = dict(word.split("=", 1) for word in shlex.split(servers[0][1]))
            yield _Commands.from_parent(self, name="commands", curls=curls, variables=variables)


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Give the commands of a page, without their comments, and what the page says that they print."""
    for console in _CONSOLE.findall(text):
        for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield re.sub(r"\s+# .*$", "", command), printed


class _Differs(Exception):
    """A command prints something else."""


class _Commands(pytest.Item):
    def __init__(self, *, curls: list[tuple[str, str]], variables: dict[str, str], **options: Any) -> None:
        super().__init__(**options)
        self._curls, self._variables = curls, variables

    def runtest(self) -> None:
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        # pytest makes it for the fixture tmp_path_factory, which an item without fixtures cannot ask for.
        directory: Path = self.config._tmp_path_factory.mktemp("readme")  # type: ignore[attr-defined]
        left_out = shutil.ignore_patterns("var", ".apiroutes", "__pycache__")
        project = Path(shutil.copytree(self.path.parent, directory / "project", ignore=left_out))
        (directory / ".curlrc").write_text('silent\nshow-error\nnoproxy = "*"\n')
        with _serving(project, self._variables) as address:
            for command, shown in self._curls:
                printed = _run(command.replace(_ADDRESS, address), project).replace(address, _ADDRESS)
                _compare(command, shown.rstrip("\n"), printed.rstrip("\n"))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, _Differs):
            return f"README.md: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, "README.md"


@contextmanager
def _serving(project: Path, variables: dict[str, str]) -> Iterator[str]:
    """Serve a project as `apiroutes dev` does, and give the server's address."""
    log = project.parent / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "apiroutes", "dev", "--port", "0"]
        server = subprocess.Popen(
            command, cwd=project, env=os.environ | variables, stdout=output, stderr=output
        )
    try:
        # The first request waits until the project has been loaded.
        yield _address(server, log)
        server.terminate()
        server.wait(_SECONDS)
    finally:
        server.kill()
        server.wait()


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the server has told its address."""
    with log.open(encoding="utf-8") as lines:
        text = ""
        while server.poll() is None:
            text += lines.read()
            if match := re.search(r"(127\.0\.0\.1:\d+) ", text):
                return match[1]
            try:
                server.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
    raise _Differs(f"`apiroutes dev` has ended:\n{log.read_text(encoding='utf-8')}")


def _run(command: str, directory: Path) -> str:
    done = subprocess.run(
        command,
        shell=True,
        cwd=directory,
        env=os.environ | {"CURL_HOME": str(directory.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_SECONDS,
    )
    return done.stdout.decode().replace("\r\n", "\n")


def _compare(command: str, shown: str, printed: str) -> None:
    if not re.fullmatch(re.escape(shown).replace(r"\.\.\.", ".*?"), printed, re.DOTALL):
        difference = difflib.ndiff(shown.splitlines(), printed.splitlines())
        raise _Differs("\n".join([f"$ {command}", "- is shown, + is printed:", *difference]))
