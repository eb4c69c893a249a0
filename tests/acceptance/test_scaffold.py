"""What `apiroutes new` makes: it passes its own tests, linters and types, and it serves."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.acceptance.servers import environment, serve

pytestmark = pytest.mark.slow

TOP = Path(__file__).parents[2]
APIROUTES = [sys.executable, "-m", "apiroutes"]
SECONDS = 300

VARIANTS = {
    "pages": ["--convention", "pages"],
    "app": ["--convention", "app"],
    "tanstack": ["--convention", "tanstack"],
    "minimal": ["--minimal"],
}
# What stands above the projects: none of it is theirs.
AROUND = {
    "pyproject.toml": "[tool.ruff]\nline-length = 20\n[tool.mypy]\nwarn_unused_configs = 'wrong'\n"
    "[tool.pytest.ini_options]\naddopts = '--no-such-option'\n[tool.apiroutes]\nno_such_setting = 1\n",
    "conftest.py": "raise SystemExit('of another project')\n",
    "lib/__init__.py": "raise SystemExit('of another project')\n",
    "pages/api/hello.py": "raise SystemExit('of another project')\n",
    ".gitignore": "shop*\n",
    ".git/HEAD": "ref: refs/heads/main\n",
    ".env": "DATABASE_PATH=of-another-project.db\n",
}


@pytest.fixture(scope="module", autouse=True)
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let mypy read apiroutes once for all projects."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))
        yield


def run(
    command: Sequence[str], directory: Path, *, status: int = 0, variables: Mapping[str, str] | None = None
) -> str:
    """Run a command to its end, which must have the status; return what it printed."""
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment(**{"PYTHONPATH": str(TOP), "NO_COLOR": "1", **(variables or {})}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == status, f"{shlex.join(command)}\n{done.stdout}"
    return done.stdout


def tool(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def new_project(directory: Path, variant: str) -> Path:
    """Make a project inside of another one, and of a directory whose name has a space."""
    outer = directory / f"the projects of {variant}"
    for name, text in AROUND.items():
        (outer / name).parent.mkdir(parents=True, exist_ok=True)
        (outer / name).write_text(text, encoding="utf-8")
    run([*APIROUTES, "new", f"shop-{variant}", *VARIANTS[variant]], outer)
    return outer / f"shop-{variant}"


@pytest.fixture(scope="module", params=VARIANTS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_project(tmp_path_factory.mktemp("new"), request.param)


# -- what it says of itself


def test_a_project_passes_its_own_tests(project: Path) -> None:
    printed = run(tool("pytest", "-p", "no:ddtrace", "-p", "no:cacheprovider"), project)
    assert re.search(r"\d+ passed", printed)
    assert not re.search("failed|skipped|warning", printed)
    assert not (project / "data").exists()  # the database of development


def test_what_the_readme_names_may_be_deleted_for_a_beginning_of_ones_own(project: Path) -> None:
    if "minimal" in project.name:
        pytest.skip("a minimal project has nothing to delete")
    kept = {"pyproject.toml", "_middleware.py", "README.md", "Makefile", "Dockerfile"}
    copy = Path(shutil.copytree(project, project.parent / f"{project.name}-copy"))
    removals = commands_of_readme(copy, "rm")
    for removal in removals:
        run(["bash", "-euc", removal], copy)
        assert kept <= {path.name for path in copy.rglob("*")}
        passes_all_it_has(copy)
    files = sorted(path.name for path in copy.rglob("*.py"))
    hello = "route.py" if "shop-app" in project.name else "hello.py"
    assert files == ["_middleware.py", hello, "test_hello.py", "test_middleware.py"]


def passes_all_it_has(project: Path) -> None:
    assert " passed" in run(tool("pytest", "-p", "no:ddtrace", "-p", "no:cacheprovider"), project)
    run(tool("ruff", "check", "."), project)
    run(tool("ruff", "format", "--check", "."), project)
    run(tool("mypy"), project)
    run([*APIROUTES, "check"], project)


def test_a_project_passes_its_linter_and_its_types(project: Path) -> None:
    assert run(tool("ruff", "check", "."), project) == "All checks passed!\n"
    assert "would be reformatted" not in run(tool("ruff", "format", "--check", "."), project)
    assert "Success: no issues found" in run(tool("mypy"), project)


def test_a_project_passes_the_check_and_has_its_routes(project: Path) -> None:
    count = 1 if "minimal" in project.name else 3
    assert re.fullmatch(rf"{count} routes?, no problems\.\n", run([*APIROUTES, "check"], project))
    listed = run([*APIROUTES, "routes"], project)
    assert [line.split()[0] for line in listed.splitlines()[1:]] == [
        "/api/hello",
        "/api/notes",
        "/api/notes/[id]",
    ][:count]


def commands_of_readme(project: Path, *names: str) -> list[str]:
    """The commands of the README that begin with one of the names."""
    lines = re.findall(r"^\$ (.+)", (project / "README.md").read_text(encoding="utf-8"), re.M)
    return [line for line in lines if line.startswith(names)]


@pytest.mark.parametrize("variant", ["app", "minimal"])
def test_types_of_files_in_directories_with_parameters_are_checked(tmp_path: Path, variant: str) -> None:
    project = new_project(tmp_path, variant)
    programs = Path(sys.executable).parent
    if variant == "minimal":
        script = "\n".join(["mypy", *commands_of_readme(project, "find")])
        types = ["bash", "-euc", f"PATH={shlex.quote(str(programs))}:$PATH\n{script}"]
    else:
        types = ["make", "types", f"BIN={programs}", "--old-file=.venv/.installed"]
    # Several files whose name is that of one module.
    for parameter in ("posts/[id]", "users/[id]", "users/$id"):
        directory = project / ("pages" if variant == "minimal" else "app") / "api" / parameter
        directory.mkdir(parents=True)
        for name in ("index.py", "route.py"):
            (directory / name).write_text("def GET(id: int) -> int:\n    return id\n", encoding="utf-8")
    run(types, project)
    (directory / "route.py").write_text("def GET(id: int) -> str:\n    return id\n", encoding="utf-8")
    assert "Incompatible return value type" in run(types, project, status=123 if variant == "minimal" else 2)


# -- what it serves


@contextmanager
def served(
    project: Path, log: Path, *command: str, variables: Mapping[str, str] | None = None
) -> Iterator[httpx.Client]:
    variables = {"PYTHONPATH": str(TOP), **(variables or {})}
    with (
        serve([*APIROUTES, *command], log, variables, project) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client,
    ):
        yield client


START = ["start", "--workers", "2", "--", "--bind", "127.0.0.1:0"]
DEV = ["dev", "--port", "0"]


@pytest.mark.parametrize("command", [START, DEV], ids=["start", "dev"])
def test_a_project_serves(project: Path, tmp_path: Path, command: list[str]) -> None:
    variables = {"DATABASE_PATH": str(tmp_path / "data" / "app.db")}
    with served(project, tmp_path / "log", *command, variables=variables) as client:
        greeting = client.get("/api/hello", params={"name": "Ada"})
        assert (greeting.status_code, greeting.json()) == (200, {"message": "Hello, Ada"})
        if "minimal" not in project.name:
            create_read_replace_and_delete(client)


def create_read_replace_and_delete(client: httpx.Client) -> None:
    created = client.post("/api/notes", json={"title": "Milk", "text": "Two litres"})
    assert created.status_code == 201
    place = created.headers["Location"]
    assert client.get(place).json() == created.json()
    assert client.get("/api/notes").json() == {"notes": [created.json()], "next": None}
    replaced = client.put(place, json={"title": "Bread"})
    assert replaced.json() == {**created.json(), "title": "Bread", "text": ""}
    assert client.put(place, json={"title": ""}).status_code == 422
    assert client.delete(place).status_code == 204
    assert [client.request(method, place).status_code for method in ("GET", "DELETE")] == [404, 404]
    assert client.put(place, json={"title": "Bread"}).status_code == 404
    assert client.get("/api/notes/99999999999999999999").status_code == 422
    assert client.get("/ready").json()["checks"]["database"]["status"] == "ok"


def test_threads_of_two_workers_write_at_once(tmp_path: Path) -> None:
    count = 200
    notes = new_project(tmp_path, "pages")
    variables = {"DATABASE_PATH": str(tmp_path / "app.db")}
    with served(notes, tmp_path / "log", *START, variables=variables) as client:

        def add(number: int) -> int:
            response = client.post("/api/notes", json={"title": f"Note {number}"})
            assert response.status_code == 201, response.text
            assert client.get("/api/notes").status_code == 200
            id: int = response.json()["id"]
            return id

        with ThreadPoolExecutor(16) as pool:
            ids = list(pool.map(add, range(count)))
        assert sorted(ids) == list(range(1, count + 1))
        seen: list[int] = []
        after: int | None = 0
        while after is not None:
            page = client.get("/api/notes", params={"limit": 30, "after": after}).json()
            seen += [note["id"] for note in page["notes"]]
            after = page["next"]
        assert seen == sorted(ids)


def test_a_database_that_many_workers_find_missing_is_made_once(tmp_path: Path) -> None:
    project = new_project(tmp_path, "pages")
    command = [sys.executable, "-c", "from lib.database import migrate; migrate()"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run(command, project), range(4)))
    with served(project, tmp_path / "log", *START) as client:
        assert client.post("/api/notes", json={"title": "Milk"}).json()["id"] == 1
    assert {path.name for path in (project / "data").iterdir()} >= {"app.db", "app.lock"}


# -- from nothing


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is built from what the repository has."""
    sources = tmp_path_factory.mktemp("sources")
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(TOP / name, sources / name)
    shutil.copytree(TOP / "apiroutes", sources / "apiroutes", ignore=shutil.ignore_patterns("__pycache__"))
    run(tool("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "built", "."), sources)
    return next((sources / "built").glob("*.whl"))


def test_the_commands_that_are_printed_work_with_what_the_project_names_alone(
    wheel: Path, tmp_path: Path
) -> None:
    where = tmp_path / "a directory"
    where.mkdir()
    installed = str(tmp_path / "installed")
    run(tool("pip", "install", "--quiet", "--no-deps", "--target", installed, str(wheel)), tmp_path)
    printed = run([*APIROUTES, "new", "my-shop"], where, variables={"PYTHONPATH": installed})
    alone = {"PYTHONPATH": "", "VIRTUAL_ENV": ""}
    commands = [line.strip() for line in printed.partition("\nNext:\n")[2].splitlines() if line[:2] == "  "]
    assert commands[-2:] == ["apiroutes dev", "curl localhost:8000/api/hello"]
    script = "\n".join(commands[:-2])
    output = run(["bash", "-euc", script], where, variables={**alone, "PIP_QUIET": "1"})
    assert re.search(r"\d+ passed", output)

    project = where / "my-shop"
    python = project / ".venv" / "bin" / "python"
    with (
        serve([str(python), "-m", "apiroutes", *DEV], tmp_path / "log", alone, project) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        assert client.get("/api/hello").json() == {"message": "Hello, World"}
    run(["make", "check"], project, variables=alone)
    renew(wheel, project, alone)


def renew(wheel: Path, project: Path, alone: Mapping[str, str]) -> None:
    """Take changes of apiroutes into projects, without another version, as READMEs say."""
    clone = wheel.parents[1]
    (project / "wheels" / wheel.name).rename(project / "wheels" / "apiroutes-0.1-py3-none-any.whl")
    (clone / "apiroutes" / "change.py").touch()
    run(["make", "wheel", f"CLONE={os.path.relpath(clone, project)}"], project, variables=alone)
    assert [path.name for path in (project / "wheels").iterdir()] == [wheel.name]
    run(["make", "install"], project, variables=alone)
    python = project / ".venv" / "bin" / "python"
    run([str(python), "-c", "import apiroutes.change"], project, variables=alone)
    assert "Nothing to be done" in run(["make", "install"], project, variables=alone)

    (clone / "apiroutes" / "other_change.py").touch()
    run([*APIROUTES, "new", "small", "--minimal"], project.parent)
    small = project.parent / "small"
    lines = (small / "README.md").read_text(encoding="utf-8").partition("\n## apiroutes itself\n")[2]
    script = "\n".join(re.findall(r"^\$ (.+)", lines, re.M)).replace("<clone of apiroutes>", str(clone))
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    run(["bash", "-euc", script], small, variables={**alone, "PATH": path, "PIP_QUIET": "1"})
    run([str(python), "-c", "import apiroutes.other_change"], small, variables=alone)
