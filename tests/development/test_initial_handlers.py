"""Which new files get an initial handler, and that it works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.development.initial_handlers import Outcome, fill_in, initial_handlers_of
from tests.support import HELLO, call, project

HELLO_ANSWER = {"message": "Hello"}
FILLED = [
    ("pages/api/hello.py", "/api/hello", HELLO_ANSWER),
    ("pages/api/post/index.py", "/api/post", HELLO_ANSWER),
    ("pages/api/post/[pid].py", "/api/post/7", {"pid": "7"}),
    ("pages/api/[a]/x/[b].py", "/api/1/x/2", {"a": "1", "b": "2"}),
    ("pages/api/[post-id].py", "/api/7", {"post-id": "7"}),
    ("pages/api/[class].py", "/api/7", {"class": "7"}),
    ('pages/api/[a"b].py', "/api/7", {'a"b': "7"}),
    ("pages/api/[größe].py", "/api/7", {"größe": "7"}),
    ("pages/api/[...slug].py", "/api/a/b", {"slug": ["a", "b"]}),
    ("pages/api/[[...slug]].py", "/api/a/b", {"slug": ["a", "b"]}),
    ("pages/api/[[...slug]].py", "/api", {"slug": []}),
    (
        "pages/api/[organisation]/[repository]/[revision]/[...path].py",
        "/api/a/b/c/d",
        {"organisation": "a", "repository": "b", "revision": "c", "path": ["d"]},
    ),
    ("app/api/users/route.py", "/api/users", HELLO_ANSWER),
    ("app/api/users/[id]/route.py", "/api/users/7", {"id": "7"}),
    ("app/(group)/rss.xml/route.py", "/rss.xml", HELLO_ANSWER),
    ("app/api/[[...slug]]/route.py", "/api", {"slug": []}),
    ("routes/api/users.py", "/api/users", HELLO_ANSWER),
    ("routes/api/users/$id.py", "/api/users/7", {"id": "7"}),
    ("routes/api.users.$id.posts.py", "/api/users/7/posts", {"id": "7"}),
    ("routes/api/file/$.py", "/api/file/a/b", {"_splat": "a/b"}),
    ("routes/api/file/$.py", "/api/file", {"_splat": ""}),
    ("routes/api/_layout/users.py", "/api/_layout/users", HELLO_ANSWER),
]


def created(root: Path, file: str) -> str:
    """Create an empty file, and return its path."""
    project(root, {file: ""})
    return str(root / file)


@pytest.mark.parametrize(("file", "path", "answer"), FILLED, ids=lambda value: str(value)[:60])
def test_a_new_route_responds_with_its_parameters(
    tmp_path: Path, file: str, path: str, answer: object
) -> None:
    created_path = created(tmp_path, file)
    sources = initial_handlers_of(tmp_path, [created_path])
    assert [*sources] == [created_path]
    assert fill_in(created_path, sources[created_path]) is Outcome.FILLED
    answered = call(App(tmp_path), "GET", path)
    assert (answered.status, json.loads(answered.body)) == (200, answer)


def test_the_handlers_of_the_conventions_are_spelled_as_in_their_documents(tmp_path: Path) -> None:
    files = ["pages/api/[id].py", "app/api/x/route.py", "routes/api/y/$id.py"]
    sources = initial_handlers_of(tmp_path, [created(tmp_path, file) for file in files])
    assert [source.splitlines()[0] for source in sources.values()] == [
        "def handler(req, res):",
        "def GET():",
        "def GET(params):",
    ]


LEFT = [
    "helper.py",
    "middleware.py",
    "pages/index.py",
    "pages/api/__init__.py",
    "pages/api/_store.py",
    "pages/api/_middleware.py",
    "pages/api/_private/x.py",
    "pages/api/.hidden.py",
    "pages/api/[id.py",
    "pages/api/notes.txt",
    "app/api/users/helper.py",
    "app/api/_private/route.py",
    "routes/api/-helper.py",
    "routes/api/__init__.py",
    "routes/users.py",
    "tests/test_x.py",
]


@pytest.mark.parametrize("file", LEFT)
def test_a_file_that_is_no_route_gets_no_handler(tmp_path: Path, file: str) -> None:
    assert initial_handlers_of(tmp_path, [created(tmp_path, file)]) == {}


@pytest.mark.parametrize(
    "settings",
    [
        "initial_handlers = false",
        'conventions = ["app"]',
        'page_extensions = ["api.py"]',
        'initial_handlers = "perhaps"',
        "no TOML",
    ],
)
def test_the_settings_decide(tmp_path: Path, settings: str) -> None:
    project(tmp_path, {"pyproject.toml": f"[tool.apiroutes]\n{settings}\n"})
    assert initial_handlers_of(tmp_path, [created(tmp_path, "pages/api/x.py")]) == {}


def test_a_file_of_the_environment_can_switch_it_off_and_stays_there(tmp_path: Path) -> None:
    project(tmp_path, {".env": "APIROUTES_INITIAL_HANDLERS=false\n"})
    assert initial_handlers_of(tmp_path, [created(tmp_path, "pages/api/x.py")]) == {}
    assert "APIROUTES_INITIAL_HANDLERS" not in os.environ


@pytest.mark.parametrize("content", ["\n", " ", "# later\n", HELLO])
def test_a_file_with_content_gets_no_handler(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pages/api/x.py"
    project(tmp_path, {"pages/api/x.py": content})
    assert initial_handlers_of(tmp_path, [str(path)]) == {}
    assert fill_in(str(path), "def GET(): ...\n") is Outcome.LEFT
    assert path.read_text() == content


def test_a_link_gets_no_handler(tmp_path: Path) -> None:
    (tmp_path / "empty.py").touch()
    link = tmp_path / "pages/api/x.py"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "empty.py")
    assert initial_handlers_of(tmp_path, [str(link)]) == {}


def test_a_file_that_is_gone_is_left(tmp_path: Path) -> None:
    assert fill_in(str(tmp_path / "x.py"), "text") is Outcome.LEFT
    assert not (tmp_path / "x.py").exists()


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.py").mkdir()
    with pytest.raises(OSError, match="directory"):
        fill_in(str(tmp_path / "x.py"), "text")


@pytest.mark.skipif(sys.platform != "linux", reason="leases exist on Linux alone")
def test_a_file_that_another_process_has_open_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    program = "print('open', flush=True); input()"
    with path.open("w") as file:
        writer = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=file)
    try:
        while path.read_text() != "open\n":
            assert writer.poll() is None
        os.truncate(path, 0)
        assert fill_in(str(path), "text") is Outcome.BUSY
    finally:
        writer.communicate(b"\n")
    assert fill_in(str(path), "text") is Outcome.FILLED
    assert path.read_text() == "text"
