"""The image of examples/deployment: built from its Dockerfile, and run read-only as compose.yaml says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from apiroutes import Settings
from apiroutes.servers.defaults import MARGIN_SECONDS
from tests.acceptance.images import GET, Container, Image, build, serving
from tests.acceptance.locks import EXAMPLE
from tests.acceptance.locks import run as run_with_registry
from tests.support import project, until

pytestmark = pytest.mark.slow

FILES = {
    "pages/api/version.py": "def GET(): return '1'\n",
    "pages/api/cached.py": "revalidate = 60\n\ndef GET(): return {}\n",
    "pages/api/slow.py": """
import os, time
from pathlib import Path

def GET():
    Path("/tmp/began").touch()
    deadline = time.monotonic() + 20
    while not os.path.exists("/tmp/go") and time.monotonic() < deadline:
        time.sleep(0.01)
    return "done"
""",
    # A process whose parent has ended belongs to process 1.
    "pages/api/orphan.py": """
import subprocess, sys

CHILD = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', '']).pid)"

def GET():
    return subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True).stdout.strip()
""",
    "shop/prices.py": "PRICE = 1\n",
}
# What is beside the project on somebody's machine.
LEFT_OUT = {
    ".env.production": "APIROUTES_TITLE=secret\n",
    ".git/config": "",
    ".venv/bin/python": "",
    "venv/bin/python": "",
    "shop.egg-info/PKG-INFO": "",
    "build/lib/shop.py": "",
    "dist/shop-1.0.tar.gz": "",
    "package/shop.py": "",
    "function.zip": "",
    "shop.db": "",
    "shop/shop.db-wal": "",
    "var/data": "",
    "tests/test_prices.py": "",
    "conftest.py": "",
}
COMPOSE = yaml.safe_load((EXAMPLE / "compose.yaml").read_text(encoding="utf-8"))
SERVICE: dict[str, Any] = COMPOSE["services"]["shop"]


@pytest.fixture(scope="module")
def image(image_directory: Path, locked_project: Path) -> Image:
    copied = Path(shutil.copytree(locked_project, image_directory / "context"))
    context = project(copied, {**FILES, **LEFT_OUT})
    download = ["pip", "download", "--require-hashes", "-r", "requirements.txt", "-d", "wheels"]
    run_with_registry([sys.executable, "-m", *download], context)
    return build(context, image_directory)


def mounts(user: str) -> list[str]:
    """What compose.yaml mounts. A volume is new, and has the owner and the mode of the directory below it."""
    assert SERVICE["read_only"] is True
    volumes = [volume.partition(":")[2] for volume in SERVICE["volumes"]]
    uid, _, gid = user.partition(":")
    return [
        *(f"tmpfs {place} mode=1777" for place in SERVICE["tmpfs"]),
        *(f"tmpfs {place} mode=0700,uid={uid},gid={gid}" for place in volumes),
    ]


@pytest.fixture(scope="module")
def container(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    log = tmp_path_factory.mktemp("container") / "log"
    with serving(image, log, mounts(image.config["User"]), {}) as container:
        yield container


def get(container: Container, path: str, port: int = 8000, host: str = "127.0.0.1") -> str:
    return container.get(path, port=port, host=host)[0]


# -- the image


def test_the_image_has_a_user_by_number_who_is_not_root(image: Image) -> None:
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", image.config["User"])


def test_the_project_belongs_to_root_but_for_one_directory(image: Image) -> None:
    owners = {
        path.relative_to(image.root / "app"): path.lstat().st_uid for path in image.root.glob("app/**/*")
    }
    others = {str(path): uid for path, uid in owners.items() if uid != 0}
    assert others == {".apiroutes": int(image.config["User"].partition(":")[0])}


def test_the_image_has_no_secrets_no_wheels_and_no_cache(image: Image) -> None:
    assert not [*image.root.glob("app/.env*"), *image.root.glob("app/wheels"), *image.root.glob("packages")]
    assert not [*image.root.glob("root/.cache/**/*")]


def test_the_image_has_the_project_and_nothing_that_is_beside_it(image: Image) -> None:
    root = image.root / "app"
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    served = {"README.md", "pyproject.toml", "middleware.py", "pages/api/hello.py", "requirements.txt"}
    assert {name for name in files if "__pycache__/" not in name} == {*served, *FILES}


def test_everything_is_compiled(image: Image) -> None:
    sources = [*image.root.glob("app/**/*.py"), *image.root.glob("venv/lib/*/site-packages/apiroutes/*.py")]
    compiled = {path.name.partition(".")[0] for path in image.root.glob("**/__pycache__/*.pyc")}
    assert sources
    assert {path.stem for path in sources} <= compiled


# -- a container


def test_process_1_has_no_privileges(image: Image, container: Container) -> None:
    status = Path(f"/proc/{container.pid}/status").read_text()
    user = image.config["User"].partition(":")[0]
    assert re.search(rf"^Uid:\t{user}\t{user}\t{user}\t{user}$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NSpid:\t\d+\t1$", status, re.MULTILINE)


def test_it_listens_on_every_address(container: Container) -> None:
    assert get(container, "/api/hello", host="127.0.0.2") == '200 None {"message":"Hello"}'


def test_cached_answers_are_kept(container: Container) -> None:
    get(container, "/api/cached")
    assert "hit" in get(container, "/api/cached")
    assert container.execute("python", "-c", "open('.apiroutes/cache.db').close()").returncode == 0


def test_it_writes_nothing_outside_of_its_mounts(container: Container) -> None:
    get(container, "/api/hello")
    failed = container.execute("python", "-c", "open('/app/x', 'w')")
    assert "Read-only file system" in failed.stderr
    assert not re.search("read-only|cannot|Traceback", container.log(), re.IGNORECASE)


def test_every_line_of_the_log_is_json(container: Container) -> None:
    get(container, "/api/hello")
    records = [json.loads(line) for line in container.log().splitlines()]
    assert any(record.get("path") == "/api/hello" for record in records)


def test_an_orphan_does_not_stay_behind_as_a_zombie(container: Container) -> None:
    pid = get(container, "/api/orphan").split()[2]
    there = "import os, sys; sys.exit(not os.path.exists(f'/proc/{sys.argv[1]}'))"
    until(lambda: container.execute("python", "-c", there, pid).returncode == 1)


def test_another_port_is_asked_for_health_as_well(image: Image, tmp_path: Path) -> None:
    variables = {"PORT": "8123", "HTTP_PROXY": "http://192.0.2.1:9"}
    with serving(image, tmp_path / "log", mounts(image.config["User"]), variables) as container:
        assert get(container, "/api/version", port=8123).endswith(" 1")


def test_it_is_not_healthy_while_nothing_answers(image: Image, container: Container) -> None:
    words = image.config["Healthcheck"]["Test"][1:]
    assert container.execute("env", "PORT=9", *words).returncode == 1


def test_stopping_finishes_the_request_in_progress(image: Image, tmp_path: Path) -> None:
    with serving(image, tmp_path / "log", mounts(image.config["User"]), {}) as container:
        slow = subprocess.Popen(
            container.command("python", "-c", GET, "127.0.0.1", "8000", "/api/slow"),
            stdout=subprocess.PIPE,
            text=True,
        )
        inside = Path(f"/proc/{container.pid}/root/tmp")
        until((inside / "began").exists)
        container.terminate()
        until(lambda: "Handling signal: term" in container.log())
        (inside / "go").touch()
        assert container.wait() == 0
        assert slow.communicate()[0].strip() == "200 None done"
    assert "did not stop" not in container.log()


def test_compose_gives_it_the_time_to_stop() -> None:
    seconds = float(SERVICE["stop_grace_period"].removesuffix("s"))
    assert seconds > Settings().shutdown_delay + Settings().graceful_timeout + MARGIN_SECONDS


# -- with a daemon


def test_a_daemon_builds_it_and_finds_it_healthy(locked_project: Path) -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no daemon of Docker answers")
    name = f"apiroutes-{uuid.uuid4().hex[:12]}"
    subprocess.run(["docker", "build", "--quiet", "--tag", name, "."], cwd=locked_project, check=True)
    options = ["--rm", "--detach", "--read-only", "--tmpfs=/tmp", "--health-interval=1s", "--name", name]
    subprocess.run(["docker", "run", *options, "--volume", "/app/.apiroutes", name], check=True)
    try:
        state = ["docker", "inspect", "--format", "{{.State.Health.Status}}", name]
        until(lambda: subprocess.run(state, capture_output=True, text=True).stdout.strip() == "healthy")
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True)
        subprocess.run(["docker", "rmi", "--force", name], capture_output=True)
