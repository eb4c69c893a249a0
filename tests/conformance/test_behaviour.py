"""docs/behaviour.md: its numbers, the places that cite them, and the differences that it lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from tests.conformance.records import DIRECTORY, load_deviations

ROOT = DIRECTORY.parents[1]
DOCUMENT = (ROOT / "docs" / "behaviour.md").read_text(encoding="utf-8")
ANCHORS = re.findall(r'<a id="([0-9.]+)"></a>', DOCUMENT)
PARAGRAPHS = re.findall(r'<a id="([0-9]+\.[0-9]+)"></a>\*\*\1\*\* \S', DOCUMENT)
DIFFERENCES = dict(re.findall(r'<a id="(10\.[0-9]+)"></a>\*\*\1\*\* (.*)', DOCUMENT))
WITHOUT_COUNTERPART = [f"10.{number}" for number in range(56, 63)]  # each decides by itself

CITING = ("apiroutes", "benchmarks", "tests")
CITED = re.compile(r"§([0-9]+(?:\.[0-9]+)?)")


def citations(directory: Path, *endings: str) -> Iterator[tuple[str, str]]:
    """Yield each file below the directory that cites the document, with the number."""
    for path in sorted(directory.rglob("*")):
        if path.suffix in endings and path.is_file() and path != Path(__file__):
            file = path.relative_to(ROOT).as_posix()
            yield from ((file, number) for number in CITED.findall(path.read_text(encoding="utf-8")))


def decided_by() -> set[str]:
    """Return the paragraphs that decide recorded cases: in `deviations.txt`, and in the tests beside it."""
    return {number for _, number in citations(DIRECTORY, ".py", ".txt") if "." in number}


def test_every_anchor_is_a_chapter_or_a_paragraph() -> None:
    assert [anchor for anchor in ANCHORS if "." in anchor] == PARAGRAPHS
    chapters = [int(anchor) for anchor in ANCHORS if "." not in anchor]
    assert chapters == sorted(set(chapters))


def test_paragraphs_are_numbered_in_order() -> None:
    for chapter, numbers in groupby(PARAGRAPHS, key=lambda number: number.partition(".")[0]):
        listed = list(numbers)
        assert listed == [f"{chapter}.{place + 1}" for place in range(len(listed))]


def test_every_link_leads_to_what_it_names() -> None:
    links = re.findall(r"\[(?:§|chapter )?([^\]]*)\]\(#([0-9.]+)\)", DOCUMENT)
    assert [(text, target) for text, target in links if target not in ANCHORS] == []
    assert [(text, target) for text, target in links if re.match(r"[0-9.]+$", text) and text != target] == []
    assert set(CITED.findall(DOCUMENT)) - set(ANCHORS) == set()


def test_every_citation_names_a_chapter_or_a_paragraph() -> None:
    cited = [citation for name in CITING for citation in citations(ROOT / name, ".py", ".txt", ".md")]
    assert [(file, number) for file, number in cited if number not in ANCHORS] == []


@pytest.mark.parametrize("name", load_deviations())
def test_deviation_cites_the_paragraph_that_decides(name: str) -> None:
    assert re.match(r"§[0-9]+\.[0-9]+ \S", load_deviations()[name])


def test_chapter_10_lists_every_difference_that_decides_a_recorded_case() -> None:
    listed = {number for row in DIFFERENCES.values() for number in CITED.findall(row)}
    assert decided_by() - listed - set(DIFFERENCES) == set()


def test_every_difference_names_the_paragraph_that_decides() -> None:
    undecided = [number for number, row in DIFFERENCES.items() if not CITED.search(row)]
    assert undecided == ["10.1", *WITHOUT_COUNTERPART]
