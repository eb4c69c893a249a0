"""The files of examples/deployment that users copy stand in the pages below docs/deployment, whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from apiroutes import Settings
from tests.documents.reading import PAGES, ROOT, blocks, read
from tests.support import project

EXAMPLE = ROOT / "examples" / "deployment"


def is_made(path: Path) -> bool:
    """Whether it is in a directory that a tool makes where the example runs, such as .pytest_cache."""
    return any(name.startswith((".", "__")) for name in path.relative_to(EXAMPLE).parent.parts)


FILES = sorted(
    path.relative_to(EXAMPLE).as_posix()
    for path in EXAMPLE.rglob("*")
    if path.is_file() and not is_made(path) and path.name != "README.md"
)
# Files that any project has, or this one alone.
OF_THE_PROJECT = re.compile(r"pages/|test_|conftest")
SHOWN = [block for page in PAGES if page.startswith("docs/deployment/") for block in blocks(page)]


@pytest.mark.parametrize("name", FILES)
def test_a_page_shows_the_file_as_it_is(name: str) -> None:
    whole = (EXAMPLE / name).read_text(encoding="utf-8")
    shown = [block.source for block in SHOWN if block.name == name]
    assert set(shown) <= {whole}
    assert shown or OF_THE_PROJECT.match(name)


@pytest.mark.parametrize("name", FILES)
def test_the_readme_names_the_file(name: str) -> None:
    directory, separator, _ = name.partition("/")
    assert f"`{directory}{separator}`" in read("examples/deployment/README.md") or name.startswith("test_")


# -- who closes an idle connection: the proxy, never the server

# A line of the table: the proxy, its seconds, and the server's.
KEPT = {
    proxy: (int(idle), int(set_))
    for proxy, idle, set_ in re.findall(
        r"^\| ([^|]+) \| (\d+) s\b[^|]*\| `APIROUTES_KEEPALIVE=(\d+)` \|$", read("docs/deployment.md"), re.M
    )
}


def test_the_server_keeps_idle_connections_longer_than_the_proxies_that_cannot_be_set() -> None:
    assert len(KEPT) >= 3
    assert all(server > proxy for proxy, server in KEPT.values())


def test_the_pods_keep_idle_connections_longer_than_the_ingress() -> None:
    deployment, *_ = yaml.safe_load_all(read("examples/deployment/kubernetes.yaml"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {item["name"]: item.get("value") for item in container["env"]}
    assert variables["APIROUTES_KEEPALIVE"] == str(KEPT["ingress-nginx"][1])


def test_the_page_of_platforms_has_the_time_of_heroku() -> None:
    seconds = KEPT["Heroku's router"][1]
    assert f"`APIROUTES_KEEPALIVE={seconds}`" in read("docs/deployment/platforms.md")


def test_nginx_closes_idle_connections_before_the_server() -> None:
    seconds = re.search(r"^ +keepalive_timeout (\d+)s;", read("examples/deployment/nginx.conf"), re.M)
    assert seconds is not None
    assert int(seconds[1]) < Settings().keepalive


# -- whose word of the client's address counts


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/deployment/")])
def test_a_page_that_sets_proxies_leads_to_the_file_that_reads_it(page: str) -> None:
    text = read(page)
    sets = re.search(r"\bPROXIES(?:=|: |, value: )", text) is not None
    leads = "](nginx.md#the-clients-address-and-https)" in text or page.endswith("/nginx.md")
    assert leads or not sets


# -- a mistake in the project ends the build of an image

DOCKERFILES = ["examples/deployment/Dockerfile", "apiroutes/scaffold/templates/full/Dockerfile"]
CHECKS = {
    check
    for file in DOCKERFILES
    for check in re.findall(r"^RUN (.*\bapiroutes check\b.*)$", read(file), re.M)
}
ROUTE = {"pages/api/a.py": "def GET(): return {}\n"}
SESSIONS = {"middleware.py": "from apiroutes.middleware import sessions\n\nmiddleware = [sessions()]\n"}
BUILDS = [
    ({**ROUTE, **SESSIONS}, True),  # although nobody gives a build the secret key
    ({**ROUTE, "pages/api/b.py": "def GET(: return {}\n"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("files", "is_built"), BUILDS)
def test_a_build_ends_where_a_start_would(files: dict[str, str], is_built: bool, tmp_path: Path) -> None:
    (check,) = CHECKS
    root = project(tmp_path, files)
    variables = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", check], cwd=root, env=variables, capture_output=True, text=True)
    assert (done.returncode == 0) == is_built, done.stderr


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_an_image_has_no_secret_key(dockerfile: str) -> None:
    lines = [line for line in read(dockerfile).splitlines() if "SECRET" in line]
    assert lines
    assert all(line.startswith("RUN APIROUTES_SECRET_KEY=$(") for line in lines)
