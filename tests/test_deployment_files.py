"""The files of examples/deployment that users copy stand in the pages below docs/deployment, whole."""

from __future__ import annotations

import re

import pytest

from tests.documents.reading import PAGES, ROOT, blocks, read

EXAMPLE = ROOT / "examples" / "deployment"
FILES = sorted(
    path.relative_to(EXAMPLE).as_posix()
    for path in EXAMPLE.rglob("*")
    if path.is_file() and path.suffix != ".pyc" and path.name != "README.md"
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
