"""`apiroutes new`: its files, its questions, what it refuses; tests/acceptance/test_scaffold.py runs them."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
from contextlib import suppress
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import tomli
from click.testing import CliRunner, Result
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from apiroutes import __version__
from apiroutes.cli import main
from apiroutes.scaffold import write_project
from tests.cli.terminals import APIROUTES, environment, on_terminal, terminal

AROUND = [".gitignore", "README.md", "pyproject.toml", "tests/test_hello.py"]
WITH_DATABASE = [
    ".dockerignore",
    ".env.example",
    "Dockerfile",
    "Makefile",
    "instrumentation.py",
    "lib/__init__.py",
    "lib/database.py",
    "lib/notes.py",
    "migrations/0001_notes.sql",
    "tests/conftest.py",
    "tests/test_database.py",
    "tests/test_middleware.py",
    "tests/test_notes.py",
]
HELLO = {
    "pages": ["pages/api/hello.py"],
    "app": ["app/api/hello/route.py"],
    "tanstack": ["routes/api/hello.py"],
}
NOTES = {
    "pages": ["pages/api/_middleware.py", "pages/api/notes/index.py", "pages/api/notes/[id].py"],
    "app": ["app/api/_middleware.py", "app/api/notes/route.py", "app/api/notes/[id]/route.py"],
    "tanstack": ["routes/api/_middleware.py", "routes/api/notes/index.py", "routes/api/notes/$id.py"],
}
CONVENTIONS = sorted(HELLO)
VARIANTS = [(convention, minimal) for convention in CONVENTIONS for minimal in (False, True)]

# What the directory of the test is called.
HERE = "shop"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, which is the current one."""
    directory = tmp_path / HERE
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["new", *arguments])


def files_in(directory: Path) -> list[str]:
    """The files below a directory, its empty directories too."""
    found = [path for path in directory.rglob("*") if not path.is_dir() or not any(path.iterdir())]
    return sorted(path.relative_to(directory).as_posix() for path in found)


def put(directory: Path, name: str, text: str) -> None:
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(text, encoding="utf-8", newline="")


def files_of(convention: str, minimal: bool) -> list[str]:
    more = [] if minimal else [*WITH_DATABASE, *NOTES[convention]]
    return sorted([*AROUND, *HELLO[convention], *more])


def options_of(convention: str, minimal: bool) -> list[str]:
    return ["--convention", convention, *(["--minimal"] if minimal else [])]


def pyproject(directory: Path) -> dict[str, Any]:
    return tomli.loads((directory / "pyproject.toml").read_text(encoding="utf-8"))


# -- files


@pytest.mark.parametrize(("convention", "minimal"), VARIANTS)
def test_a_project_has_the_files_of_its_convention(here: Path, convention: str, minimal: bool) -> None:
    result = new("api", *options_of(convention, minimal))
    assert (result.exit_code, result.stderr) == (0, "")
    assert files_in(here / "api") == files_of(convention, minimal)


@pytest.mark.parametrize(("convention", "minimal"), VARIANTS)
def test_nothing_of_the_template_is_left_in_a_project(here: Path, convention: str, minimal: bool) -> None:
    new("api", "--name", "My.Shop", *options_of(convention, minimal))
    foreign = {"pages/", "app/", "routes/"} - {f"{HELLO[convention][0].partition('/')[0]}/"}
    for file in files_in(here / "api"):
        text = (here / "api" / file).read_text(encoding="utf-8").replace("/app/", "")  # of the image
        assert "-of-the-project" not in text
        assert not re.search(r"<!-- |^# (wheels|end)$", text, re.M)
        assert [name for name in foreign if re.search(rf"(?<!\w){name}", text)] == []
    readme = (here / "api" / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# My.Shop\n")
    assert minimal or "docker build -t my-shop ." in readme
    assert pyproject(here / "api")["project"]["name"] == "My.Shop"
    assert pyproject(here / "api")["tool"]["apiroutes"]["conventions"] == [convention]


def test_pages_is_the_default_and_nothing_is_asked_without_a_terminal(here: Path) -> None:
    assert new("api").exit_code == 0
    assert files_in(here / "api") == files_of("pages", minimal=False)


@pytest.mark.parametrize(("convention", "minimal"), VARIANTS)
def test_a_list_is_what_would_be_written_and_writes_nothing(
    here: Path, convention: str, minimal: bool
) -> None:
    result = new("api", "--list", *options_of(convention, minimal))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == files_of(convention, minimal)
    assert files_in(here) == []


def test_the_files_and_the_next_commands_are_printed(here: Path) -> None:
    made, _, then = new("new shops/api", "--minimal").stdout.partition("\nNext:\n")
    assert [line.strip() for line in made.splitlines()[1:]] == files_of("pages", minimal=True)
    commands = [line.strip() for line in then.splitlines() if line.startswith("  ")]
    assert commands[0] == "cd 'new shops/api'"
    assert commands[-3:] == ["pytest", "apiroutes dev", "curl localhost:8000/api/hello"]
    assert then.count("\nIn another terminal:\n  curl ") == 1  # the server does not return


def test_files_have_the_permissions_of_the_umask(here: Path) -> None:
    before = os.umask(0o027)
    try:
        new("api")
    finally:
        os.umask(before)
    assert (here / "api").stat().st_mode & 0o777 == 0o750
    assert (here / "api" / "lib").stat().st_mode & 0o777 == 0o750
    assert (here / "api" / "Makefile").stat().st_mode & 0o777 == 0o640


# The image of the scaffold has a directory for the database besides, and both are volumes.
OWN_OF_THE_IMAGE = {
    "RUN install --directory --owner=app --group=app --mode=0700 data .apiroutes",
    "VOLUME /app/data /app/.apiroutes",
    "RUN install --directory --owner=app --group=app --mode=0700 .apiroutes",
}


def test_the_image_leaves_out_what_that_of_the_example_of_a_deployment_does(here: Path) -> None:
    new("api")
    example = Path(__file__).parents[2] / "examples" / "deployment"
    theirs, ours = (
        {
            line
            for line in (place / ".dockerignore").read_text(encoding="utf-8").splitlines()
            if line[:1] != "#"
        }
        for place in (example, here / "api")
    )
    # What the scaffold has no need to leave out: files of the example alone, and the archive for Lambda.
    others = {line for line in theirs - ours if "**" not in line and list(example.glob(line))}
    assert theirs - others - {"package", "function.zip", "conftest.py", "test_*.py"} <= ours


def test_the_image_is_that_of_the_example_of_a_deployment(here: Path) -> None:
    new("api")
    example = Path(__file__).parents[2] / "examples" / "deployment" / "Dockerfile"
    stages = []
    for file in (here / "api" / "Dockerfile", example):
        _, _, last = file.read_text(encoding="utf-8").rpartition("\nFROM ")
        lines = [line for line in last.splitlines() if line not in OWN_OF_THE_IMAGE and line[:1] != "#"]
        assert len(lines) > 10
        stages.append(lines)
    assert stages[0] == stages[1]


# -- directories and names


@pytest.mark.parametrize("directory", ["api", "./api/", "a/b/api", "two words/api", "ünï/api"])
def test_a_directory_is_made_with_those_above_it(here: Path, directory: str) -> None:
    assert new(directory).exit_code == 0
    assert files_in(here / directory) == files_of("pages", minimal=False)
    assert pyproject(here / directory)["project"]["name"] == "api"


@pytest.mark.parametrize("directory", [".", "./", "../shop"])
def test_the_current_directory_becomes_a_project(here: Path, directory: str) -> None:
    result = new(directory)
    assert result.exit_code == 0
    assert files_in(here) == files_of("pages", minimal=False)
    assert pyproject(here)["project"]["name"] == HERE
    assert ("  cd " in result.stdout) == (directory == "../shop")


def test_an_empty_directory_stays_the_one_that_it_was(here: Path) -> None:
    (here / "api").mkdir(mode=0o700)
    before = (here / "api").stat()
    assert new("api").exit_code == 0
    after = (here / "api").stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


NAMES = ["a", "7", "Shop", "my-shop", "my_shop", "my.shop", "shop2", "a--b", "pages", "test"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_has_letters_digits_and_what_may_join_them(here: Path, name: str) -> None:
    assert new(name).exit_code == 0
    assert pyproject(here / name)["project"]["name"] == name


# And what is suggested.
WRONG_NAMES = [
    ("my shop", "my-shop"),
    ("Café", "cafe"),
    ("日本", "api"),
    ("shop!", "shop"),
    (".shop", "shop"),
    ("shop-", "shop"),
    ("a/_b", "b"),
    ("--", "api"),
    ("shop\n", "shop"),
    ("apiroutes", "my-apiroutes"),
    ("Python_DotEnv", "my-python_dotenv"),
    ("/", "api"),
]


@pytest.mark.parametrize(("name", "suggestion"), WRONG_NAMES)
def test_another_name_is_refused_with_one_that_is_near(here: Path, name: str, suggestion: str) -> None:
    given = new("--yes", "--", name)
    assert given.exit_code == 2
    assert f"--name {suggestion}'" in given.stderr
    option = new("api", f"--name={name}")
    assert option.exit_code == 2
    if "/" not in name:
        assert f"Did you mean {suggestion!r}?" in option.stderr
    assert files_in(here) == []


@pytest.mark.parametrize("name", ["my shop", "Café", "apiroutes"])
def test_a_directory_of_another_name_takes_the_name_of_the_project_by_an_option(
    here: Path, name: str
) -> None:
    assert new(name, "--name", "shop").exit_code == 0
    assert pyproject(here / name)["project"]["name"] == "shop"


def test_no_package_that_a_project_installs_has_the_name_of_one(here: Path) -> None:
    new("api")
    table = pyproject(here / "api")["project"]
    own = [line for line in requires("apiroutes") or [] if "extra ==" not in line or "dev" in line]
    lines = [*own, *table["dependencies"], *table["optional-dependencies"]["dev"]]
    names = {line.partition(";")[0] for line in lines}
    installed = {name.split(">")[0].split("<")[0].split("[")[0].split("@")[0].strip() for name in names}
    assert {"apiroutes", "gunicorn", "mypy", "pytest", "watchfiles"} <= installed
    for name in installed:
        assert new("other", "--name", name).exit_code == 2, name


def test_without_a_directory_the_remedy_is_told() -> None:
    result = new()
    assert result.exit_code == 2
    assert "Type 'apiroutes new shop', or 'apiroutes new .'" in result.stderr


@pytest.mark.parametrize("arguments", [[""], ["", "--yes"], ["--minimal", ""]])
def test_an_empty_name_is_not_taken_for_the_current_directory(here: Path, arguments: list[str]) -> None:
    result = new(*arguments)
    assert result.exit_code == 2
    assert "'' is not a directory. Type '.' for the current one." in result.stderr
    assert files_in(here) == []


# -- nothing is written over


TAKEN = [
    ("pyproject.toml", "pyproject.toml"),
    ("tests/test_hello.py", "tests/test_hello.py"),
    ("tests/test_hello.py/x", "tests/test_hello.py"),  # a directory of that name
    ("pages/api", "pages/api"),  # a file where a directory would be
    ("tests@", "tests"),  # a link: what is behind it is elsewhere
    ("pyproject.toml@nowhere", "pyproject.toml"),
]


@pytest.mark.parametrize("arguments", [["."], [".", "--list"], [".", "--yes", "--minimal"], ["../shop"]])
@pytest.mark.parametrize(("name", "told"), TAKEN)
def test_a_directory_with_files_in_the_way_is_refused_and_they_are_named(
    here: Path, tmp_path: Path, name: str, told: str, arguments: list[str]
) -> None:
    name, link, target = name.partition("@")
    put(here, "README.md", "mine")
    if link:
        (tmp_path / "elsewhere").mkdir()
        (here / name).symlink_to(tmp_path / (target or "elsewhere"))
    else:
        put(here, name, "mine")
    before = files_in(here)
    result = new(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f" has files in the way:\n  {told}\nNothing was written." in result.stderr
    assert files_in(here) == before
    assert files_in(here.parent / "elsewhere") == []
    if not link:
        assert (here / name).read_text() == "mine"


BESIDE = [
    ".git/HEAD",
    ".venv/pyvenv.cfg",
    ".vscode/x",
    ".DS_Store",
    ".env",
    "LICENSE",
    "docs/index.md",
    "tests/unit/test_x.py",  # beside ours, in a directory that both have
    "pages/api/notes/[id]/x.py",
    "lib/",
]


@pytest.mark.parametrize("directory", [".", "../shop"])
@pytest.mark.parametrize("name", BESIDE)
def test_a_project_is_made_beside_what_is_there(here: Path, name: str, directory: str) -> None:
    if name.endswith("/"):
        (here / name).mkdir()
    else:
        put(here, name, "mine")
    assert new(directory).exit_code == 0
    theirs = [] if name.endswith("/") else [name]
    assert files_in(here) == sorted([*files_of("pages", minimal=False), *theirs])
    assert theirs == [] or (here / name).read_text() == "mine"


@pytest.mark.parametrize("minimal", [False, True])
def test_a_repository_as_hosts_make_it_keeps_its_files(here: Path, minimal: bool) -> None:
    kept = {"README.md": "# Ours\n", ".gitignore": "*.pyc\n", "LICENSE": "MIT\n", ".git/HEAD": "main\n"}
    for name, text in kept.items():
        put(here, name, text)
    listed = new(".", "--list", *options_of("pages", minimal))
    result = new(".", *options_of("pages", minimal))
    assert result.exit_code == 0
    made = sorted({*files_of("pages", minimal)} - {*kept})
    assert files_in(here) == sorted([*made, *kept])
    assert {name: (here / name).read_text() for name in kept} == kept
    assert listed.stdout.splitlines() == made
    assert f"Made {HERE}, {len(made)} files:\n" in result.stdout
    assert "\nKept .gitignore and README.md, which were there.\n" in result.stdout
    assert "README.md says" not in result.stdout  # which it does not


# The file of a project, and the lines that it then lacks.
OUR_PATTERNS = [
    "__pycache__/",
    "*.egg-info/",
    "build/",
    ".venv/",
    "venv/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".coverage",
    ".env",
    ".env.local",
    ".env.*.local",
    ".apiroutes/",
    "data/",
]
IGNORED = [
    ("", OUR_PATTERNS),
    ("*.pyc", OUR_PATTERNS),  # without an end of line
    (
        "__pycache__\n/build/\n# data/\n.env  \r\n",
        sorted({*OUR_PATTERNS} - {"__pycache__/", "build/", ".env"}),
    ),
    ("\n".join(OUR_PATTERNS), []),
    # As the lists for Python that hosts offer.
    ("\n".join([*OUR_PATTERNS, "lib/", "lib64/", "wheels/"]), ["!/lib/", "!/wheels/"]),
    ("\n".join([*OUR_PATTERNS, "lib", "!/lib/"]), []),
    ("\n".join([*OUR_PATTERNS, "/tests"]), ["!/tests/"]),
]


@pytest.mark.parametrize(("text", "missing"), IGNORED)
def test_what_a_kept_gitignore_lacks_is_added_by_a_command_that_is_printed(
    here: Path, text: str, missing: list[str]
) -> None:
    put(here, ".gitignore", text)
    then = new(".").stdout.partition("\nNext:\n")[2]
    commands = [line.strip() for line in then.splitlines() if line.endswith(" >> .gitignore")]
    subprocess.run(["sh", "-c", "\n".join(commands)], check=True)
    now = (here / ".gitignore").read_bytes().decode()
    assert now.startswith(text)
    assert sorted(now[len(text) :].split()) == sorted(missing)
    assert len(commands) == bool(missing)


def test_a_gitignore_that_cannot_be_read_ends_without_a_project(here: Path) -> None:
    (here / ".gitignore").mkdir()
    result = new(".")
    assert result.exit_code == 1
    assert "Nothing was made." in result.stderr
    assert files_in(here) == [".gitignore"]


# What a project has is enough to be one.
PROJECTS = [
    ("", ["."]),
    ("", [".", "--minimal"]),
    ("", [".", "--list"]),
    ("", ["../shop"]),
    ("[tool.apiroutes]\n", ["."]),
    ("[project]\nname = 'x'\n[tool.apiroutes]\ntitle = 'X'\n", [".", "--convention", "app"]),
]


@pytest.mark.parametrize(("text", "arguments"), PROJECTS)
def test_a_project_is_not_made_a_second_time(here: Path, text: str, arguments: list[str]) -> None:
    if text:
        put(here, "pyproject.toml", text)
    else:
        new(".")
    before = files_in(here)
    result = new(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert " is an apiroutes project already: its pyproject.toml has [tool.apiroutes]." in result.stderr
    assert "Nothing was written." in result.stderr
    assert "in the way" not in result.stderr
    assert files_in(here) == before


OTHERS = [
    b"[project]\nname = 'x'\n",
    b"[tool]\napiroutes = 1\n",
    b"tool = 1\n",
    b"[tool.apiroutes",
    b"\xff[tool.apiroutes]\n",
]


@pytest.mark.parametrize("content", OTHERS)
def test_another_pyproject_is_in_the_way_like_any_file(here: Path, content: bytes) -> None:
    (here / "pyproject.toml").write_bytes(content)
    result = new(".")
    assert result.exit_code == 1
    assert "'.' has files in the way:\n  pyproject.toml\nNothing was written." in result.stderr


@pytest.mark.parametrize("kind", ["file", "below a file", "broken link", "link to a file"])
def test_what_is_no_directory_is_refused(here: Path, kind: str) -> None:
    name = "api/api" if kind == "below a file" else "api"
    if "file" in kind and "link" not in kind:
        (here / "api").write_text("mine")
    else:
        (here / "file").write_text("mine")
        (here / "api").symlink_to("file" if kind == "link to a file" else "nowhere")
    before = files_in(here.parent)
    result = new(name)
    assert result.exit_code in (1, 2)
    assert f"'{name}'" in result.stderr or f"{name}: " in result.stderr
    assert files_in(here.parent) == before


def test_a_link_to_an_empty_directory_is_that_directory(here: Path) -> None:
    (here / "real").mkdir()
    (here / "api").symlink_to("real")
    assert new("api").exit_code == 0
    assert (here / "api").is_symlink()
    assert files_in(here / "real") == files_of("pages", minimal=False)


def test_what_appears_meanwhile_is_not_written_over_and_nothing_else_is_left(here: Path) -> None:
    for name in ("a/theirs", "b/c/taken", "d/theirs"):
        put(here, name, "mine")
    files = dict.fromkeys(["a/x", "a/y/z", "b/c/taken", "d/x", "0", "z"], "ours")
    with pytest.raises(FileExistsError, match="taken"):
        write_project(here, files)
    assert files_in(here) == ["a/theirs", "b/c/taken", "d/theirs"]
    assert (here / "b/c/taken").read_text() == "mine"


@pytest.mark.costly
@pytest.mark.parametrize("directory", ["a/b/api", "repository"])
def test_a_disk_that_takes_no_more_leaves_what_was_there(here: Path, directory: str) -> None:
    for name in (".git/HEAD", "README.md", "tests/unit/test_x.py"):
        put(here / "repository", name, "mine")
    before = sorted(path for path in here.rglob("*"))
    size = 1000, 1000  # bytes, which some of the files exceed

    run = subprocess.run(
        [*APIROUTES, "new", directory],
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, size),  # EFBIG
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert "File too large" in run.stderr
    assert "Nothing was made." in run.stderr
    assert "Traceback" not in run.stderr
    assert sorted(path for path in here.rglob("*")) == before


# -- questions


@pytest.mark.costly
def test_a_terminal_is_asked_what_no_option_says(here: Path) -> None:
    with terminal([*APIROUTES, "new"]) as shown:
        shown.read_until("Directory of the project:")
        shown.type("my api\n")
        shown.read_until("Name of the project [my-api]:")
        shown.type("an api\n")
        shown.read_until("'an api' cannot be the name of a project")
        shown.type("\n")
        shown.read_until("(pages, app, tanstack) [pages]:")
        shown.type("tanstack\n")
        shown.read_until("[y/N]:")
        shown.type("maybe\n")
        shown.read_until("Answer y or n; Enter is n.")
        shown.read_until("[y/N]:")
        shown.type("YES\n")
        shown.read_until(None)
        assert shown.process.wait(30) == 0
    assert files_in(here / "my api") == files_of("tanstack", minimal=True)
    assert pyproject(here / "my api")["project"]["name"] == "my-api"


@pytest.mark.costly
@pytest.mark.parametrize(
    ("arguments", "questions", "convention"),
    [(["--convention", "app"], 1, "app"), (["--minimal"], 1, "pages"), ([], 2, "pages")],
)
def test_enter_takes_the_default_of_each_question(
    here: Path, arguments: list[str], questions: int, convention: str
) -> None:
    with terminal([*APIROUTES, "new", "api", *arguments], NO_COLOR="1") as shown:
        shown.type("\n" * questions)
        text = shown.read_until(None)
        assert shown.process.wait(30) == 0
    assert "\x1b" not in text
    assert files_in(here / "api") == files_of(convention, "--minimal" in arguments)


@pytest.mark.costly
def test_yes_asks_nothing(here: Path) -> None:
    status, text = on_terminal("new", "api", "--yes")
    assert status == 0
    assert text.startswith("\x1b[32mMade api")  # in green
    assert files_in(here / "api") == files_of("pages", minimal=False)


@pytest.mark.costly
def test_a_question_that_is_interrupted_makes_nothing(here: Path) -> None:
    with terminal([*APIROUTES, "new", "api"]) as shown:
        shown.read_until("[pages]:")
        # Python does not notice one that comes just before it begins to read.
        for _ in range(30):
            shown.interrupt()
            with suppress(subprocess.TimeoutExpired):
                shown.process.wait(1)
                break
        assert shown.process.poll() == 130
        text = shown.read_until(None)
    assert text.endswith("\nStopped at the question: nothing was done.\n")
    assert "Traceback" not in text
    assert files_in(here) == []


@pytest.mark.costly
def test_an_end_of_the_input_at_a_question_makes_nothing(here: Path) -> None:
    with terminal([*APIROUTES, "new", "api"], NO_COLOR="1") as shown:
        shown.read_until("[pages]:")
        shown.type("\x04")  # Ctrl-D
        text = shown.read_until(None)
        assert shown.process.wait(30) == 130
    assert text.endswith("\nStopped at the question: nothing was done.\n")
    assert files_in(here) == []


# -- where apiroutes is from

VERSIONS = ">={0}.{1},<{0}.{2}".format(*__version__.split(".")[:2], int(__version__.split(".")[1]) + 1)
COMMIT = "3f1c2d4e5f60718293a4b5c6d7e8f90123456789"


def vcs(url: str, vcs: str = "git", **more: str) -> dict[str, Any]:
    return {"url": url, "vcs_info": {"vcs": vcs, "commit_id": COMMIT}, **more}


# What PEP 610 records, and the requirement.
ORIGINS: list[tuple[object, str]] = [
    (None, f"apiroutes{VERSIONS}"),
    (vcs("https://example.com/a/b.git"), f"apiroutes @ git+https://example.com/a/b.git@{COMMIT}"),
    (vcs("https://ada:pw@example.com/b.git"), f"apiroutes @ git+https://example.com/b.git@{COMMIT}"),
    (vcs("https://token@example.com:8443/b"), f"apiroutes @ git+https://example.com:8443/b@{COMMIT}"),
    (vcs("https://${TOKEN}@example.com/b"), f"apiroutes @ git+https://example.com/b@{COMMIT}"),
    (vcs("https://example.com/b?token=pw"), f"apiroutes @ git+https://example.com/b@{COMMIT}"),
    (vcs("ssh://git@example.com/b.git"), f"apiroutes @ git+ssh://git@example.com/b.git@{COMMIT}"),
    (vcs("ssh://git:pw@example.com/b.git"), f"apiroutes @ git+ssh://git@example.com/b.git@{COMMIT}"),
    (vcs("https://example.com/b", "hg"), f"apiroutes @ hg+https://example.com/b@{COMMIT}"),
    (
        vcs("https://example.com/b", subdirectory="py"),
        f"apiroutes @ git+https://example.com/b@{COMMIT}#subdirectory=py",
    ),
    (vcs('https://example.com/a "b"'), f"apiroutes @ git+https://example.com/a%20%22b%22@{COMMIT}"),
    (
        {"url": "https://ada:pw@example.com/a.whl", "archive_info": {"hashes": {"sha256": "abc"}}},
        "apiroutes @ https://example.com/a.whl#sha256=abc",
    ),
    ({"url": "https://example.com/a.whl", "archive_info": {}}, "apiroutes @ https://example.com/a.whl"),
    (vcs("file:///home/ada/apiroutes"), f"apiroutes{VERSIONS}"),
    ({"url": "file:///home/ada/apiroutes", "dir_info": {"editable": True}}, f"apiroutes{VERSIONS}"),
    ({"url": "file:///home/ada/a.whl", "archive_info": {}}, f"apiroutes{VERSIONS}"),
    ({"url": "file:.", "dir_info": {}}, f"apiroutes{VERSIONS}"),
    ([], f"apiroutes{VERSIONS}"),
]


def install(site: Path, direct_url: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the metadata of an installed apiroutes in front of that of the tests."""
    metadata = site / f"apiroutes-{__version__}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: apiroutes\nVersion: {__version__}\n")
    if direct_url is not None:
        (metadata / "direct_url.json").write_text(json.dumps(direct_url))
    monkeypatch.syspath_prepend(str(site))


@pytest.mark.parametrize(("direct_url", "requirement"), ORIGINS)
def test_a_project_requires_apiroutes_from_where_it_was_installed(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct_url: object, requirement: str
) -> None:
    install(tmp_path / "site", direct_url, monkeypatch)
    result = new("api")
    table = pyproject(here / "api")["project"]
    assert table["dependencies"][0] == requirement
    in_development = requirement.replace("apiroutes", "apiroutes[dev]", 1)
    assert table["optional-dependencies"]["dev"][0] == in_development
    made = [(here / "api" / file).read_text(encoding="utf-8") for file in files_in(here / "api")]
    assert not any("pw@" in text or "=pw" in text or "token@" in text for text in made)
    is_local = "file:" in json.dumps(direct_url)
    assert ("wheels" in "".join(made)) == ("find-links" in "".join(made)) == is_local
    assert ("--find-links wheels" in result.stdout) == is_local
    assert ("pip wheel --no-deps -w wheels <clone of apiroutes>" in result.stdout) == is_local


def test_the_metadata_beside_sources_is_not_that_of_an_installation(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", vcs("https://example.com/b"), monkeypatch)
    beside = tmp_path / "clone" / "apiroutes.egg-info"
    beside.mkdir(parents=True)
    (beside / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: apiroutes\nVersion: {__version__}\n")
    monkeypatch.syspath_prepend(str(beside.parent))
    new("api")
    required = pyproject(here / "api")["project"]["dependencies"]
    assert required[0] == f"apiroutes @ git+https://example.com/b@{COMMIT}"


@pytest.mark.parametrize("minimal", [False, True])
def test_a_readme_begins_with_what_fills_wheels(here: Path, minimal: bool) -> None:
    new("api", *options_of("pages", minimal))
    first = (here / "api" / "README.md").read_text(encoding="utf-8").partition("\n## ")[0]
    command = "pip wheel --no-deps --wheel-dir wheels" if minimal else "make wheel CLONE="
    assert f"`{command}" in first
    assert ("Docker" in (here / "api" / "README.md").read_text(encoding="utf-8")) != minimal


def make(*arguments: str, status: int) -> str:
    """Run make as a user does, and not as a part of the make that may run these tests."""
    environ = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        ["make", *arguments], cwd="api", env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    return done.stderr


@pytest.mark.parametrize("wheels", [[], ["wheels/other-1.0-py3-none-any.whl"]])
def test_make_says_that_a_wheel_is_missing_and_what_makes_it(here: Path, wheels: list[str]) -> None:
    new("api")
    for name in wheels:
        put(here / "api", name, "")
    message = make("install", status=2)
    assert "wheels/ does not contain apiroutes" in message
    assert "make wheel CLONE=" in message
    assert not (here / "api" / ".venv").exists()


@pytest.mark.parametrize("clone", [[], ["CLONE="], ["CLONE=nowhere"]])
def test_make_wheel_asks_for_a_clone_that_is_there_and_leaves_the_old_wheel(
    here: Path, clone: list[str]
) -> None:
    new("api")
    put(here / "api", "wheels/apiroutes-0.1-py3-none-any.whl", "")
    assert "make wheel CLONE=" in make("wheel", *clone, status=2)
    assert files_in(here / "api" / "wheels") == ["apiroutes-0.1-py3-none-any.whl"]


# A `python3` whose environments have a pip that only writes down how it was called.
PYTHON3 = """#!/bin/sh
mkdir -p .venv/bin
printf '#!/bin/sh\\necho "$@" >> .venv/pip.log\\n' > .venv/bin/pip
chmod +x .venv/bin/pip
"""
# A change of pyproject.toml, and whether the packages have to be installed again.
CHANGES = [
    ("", "", False),  # the time of the file is another one
    ("line-length = 100", "line-length = 99", False),
    ("strict = true", "strict = false", False),
    ('conventions = ["pages"]', 'conventions = ["pages"]\ntitle = "Shop"', False),
    ('filterwarnings = ["error"]', "[[tool.mypy.overrides]]\nmodule = 'x'\n", False),
    ('"msgspec>=0.19",', '"msgspec>=0.19",\n    "httpx",', True),
    ('"pytest>=8",', '"pytest>=8.1",', True),
    ("setuptools>=75", "setuptools>=76", True),
    ('find-links = ["wheels"]', 'find-links = ["wheels", "more"]', True),
    ('filterwarnings = ["error"]', "[dependency-groups]\nmore = ['httpx']\n", True),
]


@pytest.mark.parametrize(("old", "new_text", "installs"), CHANGES)
def test_make_installs_again_what_pyproject_says_of_packages_alone(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new_text: str, installs: bool
) -> None:
    new("api")
    put(here / "api", "wheels/apiroutes-0.2-py3-none-any.whl", "")
    put(tmp_path, "bin/python3", PYTHON3)
    (tmp_path / "bin" / "python3").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    make("install", status=0)
    log, pyproject = here / "api" / ".venv" / "pip.log", here / "api" / "pyproject.toml"
    assert "--editable .[dev]" in log.read_text(encoding="utf-8")
    log.unlink()
    text = pyproject.read_text(encoding="utf-8")
    assert old in text
    pyproject.write_text(text.replace(old, new_text, 1), encoding="utf-8")
    late = (here / "api" / ".venv" / ".installed").stat().st_mtime + 10
    os.utime(pyproject, (late, late))
    make("install", status=0)
    assert log.exists() == installs
    log.unlink(missing_ok=True)
    make("install", status=0)
    assert not log.exists()


COMPATIBLE = [
    ("0.2.0", ">=0.2,<0.3"),
    ("0.2.7", ">=0.2,<0.3"),
    ("0.10.1", ">=0.10,<0.11"),
    ("1.0.0", ">=1.0,<2"),
    ("12.4", ">=12.4,<13"),
    ("0.3.0rc1", ">=0.3.0rc1,<0.4"),  # which 0.3 does not include
    ("0.3.0.dev4+g3f1c2d4", ">=0.3.0.dev4,<0.4"),  # PEP 440: a local version has no order
]


@pytest.mark.parametrize(("version", "versions"), COMPATIBLE)
def test_a_project_takes_the_versions_that_are_compatible(
    here: Path, monkeypatch: pytest.MonkeyPatch, version: str, versions: str
) -> None:
    monkeypatch.setattr("apiroutes.scaffold.origins.__version__", version)
    new("api")
    table = pyproject(here / "api")["project"]
    assert table["dependencies"][0] == f"apiroutes{versions}"
    assert Version(version.partition("+")[0]) in SpecifierSet(versions, prereleases=True)


@pytest.mark.parametrize("kind", ["directory", "wheel"])
def test_a_place_on_this_machine_is_named_where_it_is_still_there(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    place = tmp_path / "a clone" / ("a.whl" if kind == "wheel" else "")
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == "wheel":
        place.write_text("")
    else:
        place.mkdir(exist_ok=True)
        (place / "setup.cfg").write_text("")
    install(tmp_path / "site", {"url": place.as_uri(), "dir_info": {}}, monkeypatch)
    assert f"pip wheel --no-deps -w wheels '{place}'\n" in new("api").stdout
    made = [(here / "api" / file).read_text(encoding="utf-8") for file in files_in(here / "api")]
    assert str(tmp_path) not in "".join(made)  # nobody else has that place
