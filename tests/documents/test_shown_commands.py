"""Every command of a document is executed, in the order of its page, and prints what the page shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.console import stop_forking
from tests.documents.not_run import NOT_RUN, NotRun
from tests.documents.page_runs import SLOW_PAGES, commands_of, exported_for_pages, why_not, wrong_on
from tests.documents.reading import DOCUMENTS, EXAMPLES, ROOT, blocks, read

# The pages of examples are executed by `make examples`, each beside the tests of its example.
EXECUTED = [
    pytest.param(page, marks=pytest.mark.slow if page in EXAMPLES else pytest.mark.costly)
    for page in DOCUMENTS
    if commands_of(page) and page not in SLOW_PAGES
]


@pytest.fixture(scope="module", autouse=True)
def _one_forking_process() -> Iterator[None]:
    yield
    stop_forking()


@pytest.mark.parametrize("page", EXECUTED)
def test_commands_print_what_a_page_shows(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := why_not(page):
        pytest.skip(reason)
    for name, value in exported_for_pages().items():
        monkeypatch.setenv(name, value)
    wrong = wrong_on(page, tmp_path)
    assert not wrong, "\n\n".join(["", *wrong])


@pytest.mark.parametrize("page", SLOW_PAGES)
def test_a_slow_page_has_a_test_of_its_own(page: str) -> None:
    assert page in read(SLOW_PAGES[page])


@pytest.mark.parametrize("page", DOCUMENTS)
def test_commands_stand_in_blocks_of_commands(page: str) -> None:
    misplaced = []
    for block in blocks(page):
        begins = block.source.startswith("$ ")
        if begins != (block.language == "console") or (not begins and re.search(r"^\$ ", block.source, re.M)):
            misplaced.append(f"{block.place}: {block.language}")
    assert misplaced == [], "a block that begins with `$ ` is `console`, and no other has a line that does"


@pytest.mark.parametrize("row", NOT_RUN, ids=lambda row: row.command)
def test_a_command_that_is_not_run_is_shown_and_has_its_test(row: NotRun) -> None:
    shown = [command for page in DOCUMENTS for command in commands_of(page)]
    assert any(row.covers(command.text, command.page) for command in shown)
    if row.like is not None:
        path, _, name = row.like.partition("::")
        assert f"def {name}" in (ROOT / path).read_text(encoding="utf-8")
