"""The execution of pages itself: what is wrong on a page is told, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents.comparing import difference
from tests.documents.page_runs import wrong_on
from tests.documents.reading import Block

RIGHT = [
    "```console\n$ echo one\none\n$ echo two; echo three\ntwo\nthree\n```",
    "```console\n$ mkdir -p a/b && cd a\n$ ls\nb\n```",
    "```console\n$ export NAME=value\n```\n\n```console\n$ echo $NAME\nvalue\n```",
    "```sh\n# A list says nothing of what is printed.\necho one\nls \\\n  .\n```",
    "```console\n$ echo a; echo b; echo c\na\n...\nc\n```",
    "```python\n# lib/x.py\nprint('x')\n```\n\n```console\n$ python lib/x.py\nx\n```",
    "`data.json`:\n\n```json\n{}\n```\n\n```console\n$ cat data.json\n{}\n```",
    "```python\n# Flask: app.py\n1\n```\n\n```console\n$ ls\n```",
    "- in a list:\n\n  ```console\n  $ echo one\n  one\n  ```",
    "```console\n$ git clone <address of this repository>\nCloning into x\n```",
]
WRONG = [
    ("text\n\n```console\n$ echo one\ntwo\n```", ":4: $ echo one\n", "-two\n+one"),
    ("```console\n$ echo one\n```", ":2: $ echo one\n", "+one"),
    ("```console\n$ frobnicate\n```", ":2: $ frobnicate\n", "`frobnicate`"),
    ("```console\n$ echo one | frobnicate\none\n```", ":2: ", "`frobnicate`"),
    ("```console\n$ echo one &\none\n```", ":2: ", "`&`"),
    ("```sh\ntrue\nls nothing\n```", ":2: $ true\n", "`true`"),
    ("```sh\nls nothing\n```", ":2: $ ls nothing\n", "status 2"),
    (
        "```console\n$ cat later.txt\nx\n```\n\n```text\n# later.txt\nx\n```",
        ":2: $ cat later.txt",
        "No such file",
    ),
    ("```console\n$ echo a; echo b\na\n...\nc\n```", ":2: ", "-c"),
    ("```console\n$ apiroutes start\n```", ":2: $ apiroutes start\n", "no route"),
]


def page(directory: Path, text: str) -> str:
    path = directory / "page.md"
    path.write_text(f"{text}\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_page_passes(text: str, tmp_path: Path) -> None:
    assert wrong_on(page(tmp_path, text), tmp_path) == []


@pytest.mark.parametrize(("text", "place", "told"), WRONG)
def test_what_is_wrong_is_told(text: str, place: str, told: str, tmp_path: Path) -> None:
    (wrong,) = [found for found in wrong_on(page(tmp_path, text), tmp_path) if told in found]
    assert f"page.md{place}" in wrong


def test_every_wrong_command_is_told(tmp_path: Path) -> None:
    text = "```console\n$ echo one\n1\n$ echo two\n2\n$ echo three\nthree\n```"
    assert len(wrong_on(page(tmp_path, text), tmp_path)) == 2


NAMES = [
    ("python", "# pages/api/[id].py\n", "pages/api/[id].py"),
    ("python", "# pages/api/[[...path]].py\n", "pages/api/[[...path]].py"),
    ("python", "# routes/api.$.py\n", "routes/api.$.py"),
    ("python", "# A comment.\n", None),
    ("python", "# Flask: app.py\n", None),
    ("html", "<!-- pages/index.html -->\n", "pages/index.html"),
    ("ts", "// client.ts\n", "client.ts"),
    ("sql", "-- schema.sql\n", "schema.sql"),
    ("css", "/* site.css */\n", "site.css"),
    ("dockerfile", "# Dockerfile\n", "Dockerfile"),
    ("ini", "# deploy/shop@.service\n", "deploy/shop@.service"),
    ("text", "# .env\n", ".env"),
    ("sh", "#!/bin/sh\n# run.sh\n", "run.sh"),
]


@pytest.mark.parametrize(("language", "source", "name"), NAMES)
def test_the_first_line_names_the_file(language: str, source: str, name: str | None) -> None:
    assert Block("page.md", 1, language, source, "").name == name


SAME = [
    ("Ready in 7 ms: 1 route", "The project is still loading, after 3 seconds\nReady in 3712 ms: 1 route"),
    ("Ready in 412 ms: 1 route", "Ready in 7 ms: 1 route"),
    ("on http://127.0.0.1:8000 (4711)", "on http://127.0.0.1:43777 (12)"),
    ("at /home/me/project/x.py", "at /tmp/here/x.py"),
    ("3 passed in 0.41s", "3 passed in 12.03s"),
    ("[2026-11-29 12:00:00 +0000] [4711] [INFO]", "[2027-01-01 00:00:00 +0100] [99] [INFO]"),
    ('{"id":...}', '{"id":...}'),
    ('"default";r=99;t=60', '"default";r=99;t=54'),
]
DIFFERENT = [
    ("1 route", "2 routes"),
    ('{"id":1}', '{"id":2}'),
    ("a\nb", "a"),
    ("a", "a\nb"),
    ("[1]", "[2]"),
    ('"default";r=99;t=1', '"default";r=99;t=60'),
    ("hit; ttl=59", "hit; ttl=3599"),
]


@pytest.mark.parametrize(("shown", "printed"), SAME)
def test_what_varies_makes_no_difference(shown: str, printed: str) -> None:
    assert difference(shown, printed, {"/tmp/here": "/home/me/project"}) == ""


@pytest.mark.parametrize(("shown", "printed"), DIFFERENT)
def test_everything_else_makes_one(shown: str, printed: str) -> None:
    assert difference(shown, printed, {}) != ""
