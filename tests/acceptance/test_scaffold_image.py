"""The image of what `apiroutes new` makes: built from its Dockerfile, and run as its README says."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import tomli
from click.testing import CliRunner

from apiroutes.cli import main
from tests.acceptance.images import Container, Image, build, serving
from tests.acceptance.locks import clone
from tests.acceptance.locks import run as run_with_registry
from tests.support import project

pytestmark = pytest.mark.slow

# What a project may turn on, with its defaults, and where it is kept.
FILES = {
    "pages/api/cached.py": "revalidate = 60\n\ndef GET(): return {}\n",
    "pages/api/visits.py": """
from apiroutes import Session, use
from apiroutes.middleware import rate_limit, sessions

@use(sessions(store="sqlite"), rate_limit("100/minute"))
def GET(session: Session):
    session["visits"] = session.get("visits", 0) + 1
    return session["visits"]
""",
}
STORES = ["cache.db", "limits.db", "sessions.db"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made")
    assert CliRunner().invoke(main, ["new", str(directory / "shop")]).exit_code == 0
    pyproject = directory / "shop" / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(text.replace('    "apiroutes>', '    "apiroutes[limits]>'), encoding="utf-8")
    return project(directory / "shop", FILES)


@pytest.fixture(scope="module")
def image(image_directory: Path, made: Path) -> Image:
    pip = [sys.executable, "-m", "pip"]
    run_with_registry([*pip, "wheel", "--no-deps", "-w", "wheels", str(clone(image_directory))], made)
    table = tomli.loads((made / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [*table["project"]["dependencies"], *table["build-system"]["requires"]]
    run_with_registry([*pip, "download", "--find-links", "wheels", "-d", "wheels", *needed], made)
    return build(made, image_directory)


def words_of_the_readme(project: Path) -> list[str]:
    """The words of the command that runs the image."""
    readme = (project / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\$ (docker run (?:.*\\\n)*.*)$", readme, re.M)
    return shlex.split(command)


def volumes(project: Path) -> dict[str, str]:
    """The volumes by the place where the command mounts them."""
    words = words_of_the_readme(project)
    named = [word for option, word in pairwise(words) if option in ("-v", "--volume")]
    return {place: name for name, _, place in (word.partition(":") for word in named)}


def mounts(project: Path, image: Image) -> list[str]:
    """What the command and the image mount. A volume takes the owner of the directory below it."""
    words = words_of_the_readme(project)
    assert "--read-only" in words
    temporary = [word for option, word in pairwise(words) if option == "--tmpfs"]
    places = sorted({*volumes(project), *(image.config["Volumes"] or {})})
    owners = {place: (image.root / place.lstrip("/")).stat() for place in places}
    return [
        *(f"tmpfs {place} mode=1777" for place in temporary),
        *(f"tmpfs {place} mode=0700,uid={at.st_uid},gid={at.st_gid}" for place, at in owners.items()),
    ]


@pytest.fixture(scope="module")
def container(image: Image, made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    log = tmp_path_factory.mktemp("container") / "log"
    variables = {"APIROUTES_SECRET_KEY": secrets.token_hex(32)}
    with serving(image, log, mounts(made, image), variables) as container:
        yield container


def test_the_database_is_kept(container: Container) -> None:
    assert container.get("/api/notes")[0] == '200 None {"notes":[],"next":null}'
    assert container.execute("python", "-c", "open('data/app.db').close()").returncode == 0


def test_cached_responses_are_kept(container: Container) -> None:
    container.get("/api/cached")
    assert "hit" in container.get("/api/cached")[0]


def test_changes_of_sessions_are_kept(container: Container) -> None:
    first, cookie = container.get("/api/visits")
    assert (first, container.get("/api/visits", cookie)[0]) == ("200 None 1", "200 None 2")


def test_nothing_is_said_of_a_file_system_that_cannot_be_written(container: Container) -> None:
    for path in ("/api/notes", "/api/cached", "/api/visits"):
        container.get(path)
    assert not re.search("read-only|cannot|unable|Traceback", container.log(), re.IGNORECASE)


def test_all_else_cannot_be_written(container: Container) -> None:
    assert "Read-only file system" in container.execute("python", "-c", "open('/app/x', 'w')").stderr


def test_the_command_keeps_in_volumes_with_names_all_that_the_server_writes(
    container: Container, image: Image, made: Path
) -> None:
    for path in ("/api/notes", "/api/cached", "/api/visits"):
        container.get(path)
    find = "import json, os; print(json.dumps({at: os.listdir(at) for at in ('data', '.apiroutes')}))"
    kept = json.loads(container.execute("python", "-c", find).stdout)
    assert "app.db" in kept["data"]
    assert set(STORES) <= set(kept[".apiroutes"])
    assert set(volumes(made)) == set(image.config["Volumes"])
    assert len(set(volumes(made).values())) == 2
    assert all(volumes(made).values())
