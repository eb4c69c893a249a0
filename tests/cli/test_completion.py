"""`apiroutes completion`, in the shells that are installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from apiroutes.cli import main
from tests.cli.terminals import environment, terminal

SHELLS = ["bash", "zsh", "fish"]


def script(shell: str) -> str:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A directory with the command `apiroutes`, as an installation has it."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "apiroutes"
    program = "import sys\nfrom apiroutes.cli import main\nmain(prog_name='apiroutes')\n"
    command.write_text(f"#!{sys.executable}\n{program}")
    command.chmod(0o755)
    return command.parent


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_the_command_itself(shell: str) -> None:
    assert f"_APIROUTES_COMPLETE={shell}_complete" in script(shell)


def test_another_shell_is_status_2() -> None:
    result = CliRunner().invoke(main, ["completion", "tcsh"])
    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_understands_the_script(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script(shell))
    checked = subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


# What is typed before Tab, and what is in the line afterwards.
TYPED = [
    ("apiroutes ro", "apiroutes routes"),
    ("apiroutes completion z", "apiroutes completion zsh"),
    ("apiroutes new proj", "apiroutes new project/"),
    ("apiroutes new --conv", "apiroutes new --convention"),
    ("apiroutes new --convention t", "apiroutes new --convention tanstack"),
    ("apiroutes start --serv", "apiroutes start --server"),
    ("apiroutes start --server gr", "apiroutes start --server granian"),
    ("apiroutes start --interface as", "apiroutes start --interface asgi"),
    ("apiroutes dev --port a", "apiroutes dev --port auto"),
    ("apiroutes dev --root proj", "apiroutes dev --root project/"),
    ("apiroutes --root project ch", "apiroutes --root project check"),
]


@pytest.mark.costly
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_options_choices_and_directories(tmp_path: Path, commands: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "program").write_text("")
    path = f"{commands}:{environment()['PATH']}"
    with terminal(["bash", "--norc", "--noprofile", "-i"], PATH=path, PS1="", INPUTRC="/dev/null") as bash:
        bash.type(
            f"bind 'set enable-bracketed-paste off'; cd {tmp_path}; eval \"$(apiroutes completion bash)\"\n"
        )
        bash.type("echo 'is ''ready'\n")
        bash.read_until("is ready")
        for typed, completed in TYPED:
            # The line is quoted once it is complete, so that it is printed and not run.
            bash.type(typed + "\t")
            bash.read_until(completed)
            bash.type("\x01echo \x05; echo 'line ''ends'\n")
            bash.read_until("line ends")
            assert completed in bash.text.split("line ends")[-2]
            bash.forget()
