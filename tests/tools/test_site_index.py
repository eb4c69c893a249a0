"""What docs/index.md says of the project is what the package says of itself, and each page has one name."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from apiroutes import __version__

ROOT = Path(__file__).parents[2]
INDEX = (ROOT / "docs/index.md").read_text(encoding="utf-8")
STATUS = INDEX.partition("\n## Status and licence\n")[2].partition("\n## ")[0]


def metadata() -> configparser.SectionProxy:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup["metadata"]


def classified(metadata: configparser.SectionProxy, kind: str) -> list[str]:
    """The classifiers of one kind, without it."""
    return re.findall(rf"^{re.escape(kind)} :: (.+)$", metadata["classifiers"], re.MULTILINE)


def test_the_index_says_the_version_and_how_mature_it_is() -> None:
    (maturity,) = classified(metadata(), "Development Status")
    assert f"**Version {__version__}, {maturity.rpartition(' ')[2].lower()}:**" in STATUS


def test_the_index_says_which_pythons_and_systems_run_it() -> None:
    versions = [text for text in classified(metadata(), "Programming Language :: Python") if "." in text]
    assert classified(metadata(), "Operating System") == ["POSIX"]
    assert f"**Python {versions[0]} to {versions[-1]}, on Unix:**" in STATUS


def test_the_index_names_every_licence() -> None:
    for licence in metadata()["license_expression"].split(" AND "):
        assert licence.removesuffix(".0").replace("-", " ") in STATUS


def names_of_pages() -> dict[str, set[str]]:
    """The names by which the tables of the index call each page."""
    names: dict[str, set[str]] = {}
    for name, page in re.findall(r"^\| \[([^\]]+)\]\(([^)#]+\.md)\)", INDEX, re.MULTILINE):
        names.setdefault(page, set()).add(name.replace("`", ""))
    return names


def test_the_index_calls_every_page_by_its_title() -> None:
    names = names_of_pages()
    titles = {}
    for page in names:
        text = re.sub(r"<!--.*?-->\n", "", (ROOT / "docs" / page).read_text(encoding="utf-8"))
        titles[page] = {text.strip().partition("\n")[0].removeprefix("# ").replace("`", "")}
    assert names == titles
