"""`apiroutes shell`: programs by -c and standard input, and the prompt."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apiroutes import App
from apiroutes.cli import main
from tests.cli.terminals import APIROUTES, terminal
from tests.support import call, project

FILES = {
    "pages/api/hello.py": "def GET(): return {'message': 'Hello'}\n",
    "shop_db.py": "NAMES = ['Ada']\nasync def find(): return NAMES\n",
    "pyproject.toml": "[tool.apiroutes]\ntitle = 'Shop'\n",
}


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(project(tmp_path, FILES))


def run(root: str, *arguments: str, stdin: str | None = None) -> Result:
    try:
        return CliRunner().invoke(main, ["--root", root, "shell", *arguments], input=stdin)
    finally:
        sys.modules.pop("shop_db", None)


PROGRAMS = [
    ("print(client.get('/api/hello').json)", "{'message': 'Hello'}\n"),
    ("print(settings.title, settings.mode)", "Shop development\n"),
    ("print(len(app.resources))", "1\n"),
    ("from shop_db import NAMES; print(NAMES)", "['Ada']\n"),
    ("from shop_db import find\nprint(await find())", "['Ada']\n"),
    ("import asyncio\nawait asyncio.sleep(0)\nprint('slept')", "slept\n"),
    ("def f(): return names\nnames = 1\nprint(f(), __name__)", "1 __main__\n"),
    ("print([await x() for x in [__import__('shop_db').find]])", "[['Ada']]\n"),
]


@pytest.mark.parametrize(("source", "printed"), PROGRAMS)
@pytest.mark.parametrize("is_argument", [True, False])
def test_a_program_has_the_project(root: str, source: str, printed: str, is_argument: bool) -> None:
    result = run(root, "-c", source) if is_argument else run(root, stdin=source + "\n")
    assert (result.exit_code, result.stdout) == (0, printed)


def test_the_environment_says_the_mode(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIROUTES_MODE", "production")
    assert run(root, "-c", "print(settings.mode)").stdout == "production\n"


def test_requests_count_with_none_of_the_servers(tmp_path: Path) -> None:
    source = "config = {'rateLimit': '1/hour'}\ndef GET(): return 1\n"
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    program = "print([client.get('/api/x').status_code for _ in range(2)])"
    before = call(app).status
    assert (before, run(str(tmp_path), "-c", program).stdout, call(app).status) == (200, "[200, 429]\n", 429)


FAILING = [
    ("1/0", 1, "ZeroDivisionError"),
    ("def f(:", 1, "SyntaxError"),
    ("raise SystemExit(7)", 7, ""),
    ("import sys; sys.exit('enough')", 1, "enough"),
    ("import asyncio\nawait asyncio.wait_for(asyncio.sleep(9), 0.01)", 1, "TimeoutError"),
]


@pytest.mark.parametrize(("source", "status", "message"), FAILING)
def test_a_program_that_fails_is_the_exit_status(root: str, source: str, status: int, message: str) -> None:
    result = run(root, "-c", source)
    assert result.exit_code == status
    assert message in result.output


def test_a_project_with_mistakes_is_its_report(tmp_path: Path) -> None:
    result = run(str(project(tmp_path, {"pages/api/x.py": ""})), "-c", "print('ran')")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "1 problem in this project" in result.stderr


@pytest.mark.costly
def test_the_prompt_says_what_is_there_and_completes_names(root: str) -> None:
    with terminal([*APIROUTES, "--root", root, "shell", "--interpreter", "python"]) as shell:
        banner = shell.read_until(">>> ")
        assert all(name in banner for name in ("app", "client", "settings", "1 route"))
        shell.type("settin\t.title\n")
        shell.read_until("'Shop'")
        shell.type("from shop_db import find\n")
        shell.type("await find()\n")
        shell.read_until("['Ada']")
        shell.type("1/0\n")
        shell.read_until("ZeroDivisionError")
        shell.type("client.get('/api/hello').json\n")
        shell.read_until("{'message': 'Hello'}\n>>> ")  # a Ctrl-D before the prompt would be lost
        shell.type("\x04")
        shell.read_until(None)
        assert shell.process.wait(30) == 0


@pytest.mark.costly
def test_an_interpreter_that_is_not_installed_is_said(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "IPython.py").write_text("raise ImportError('no IPython here')\n")
    with terminal([*APIROUTES, "--root", root, "shell", "--interpreter", "ipython"]) as shell:
        assert "Error: ipython is not installed: pip install ipython" in shell.read_until(None)
        assert shell.process.wait(30) == 1


@pytest.mark.costly
def test_ipython_gets_the_names(root: str, tmp_path: Path) -> None:
    # What stands in for IPython here has its interface alone: the names that it is started with.
    source = "def start_ipython(argv, user_ns):\n    print('names:', sorted(user_ns))\n"
    (tmp_path / "IPython.py").write_text(source)
    with terminal([*APIROUTES, "--root", root, "shell"]) as shell:
        assert "names: ['app', 'client', 'settings']" in shell.read_until(None)
