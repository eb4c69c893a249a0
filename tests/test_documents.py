"""The documents: their links, what they need, and the mistakes that a page shows.

The files and commands that they show are tested in tests/documents/, and their generated parts in
tests/test_reference.py.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from apiroutes.cli import main
from tests.documents.reading import DOCUMENTS, PAGES, ROOT, blocks, read, shown_by, text_of
from tests.support import project

_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


# -- length and links


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= 120


def anchors(document: Path) -> set[str]:
    """The names of the headings, as GitHub makes them, and those that the text gives."""
    text = text_of(document.relative_to(ROOT).as_posix())
    names = set(re.findall(r'<a id="([^"]+)">', text))
    count: Counter[str] = Counter()
    for heading in _HEADING.findall(text):
        shown = re.sub(r"<[^>]*>|\]\([^)]*\)", "", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        names.add(f"{name}-{count[name]}" if count[name] else name)
        count[name] += 1
    return names


def links(document: str) -> list[str]:
    """Where the document's relative links lead."""
    found = _LINK.findall(_CODE.sub("", text_of(document)))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_relative_links_lead_somewhere(document: str) -> None:
    broken = []
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = ((ROOT / document).parent / path).resolve() if path else ROOT / document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_index_links_every_page_and_the_readme_those_of_one_subject() -> None:
    pages = {page.removeprefix("docs/") for page in PAGES} - {"README.md", "index.md"}
    assert pages <= set(links("docs/index.md"))
    assert {f"docs/{page}" for page in pages if "/" not in page} <= set(links("README.md"))


# -- what a page needs


def imported(page: str) -> set[str]:
    """The packages that the Python of a page imports."""
    names = set()
    for block in blocks(page):
        is_ours = block.language == "python" and block.name_there is None
        for node in ast.walk(ast.parse(block.source)) if is_ours else ():
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("page", PAGES)
def test_the_index_says_what_a_page_needs(page: str) -> None:
    rows = re.findall(
        r"^\| \[[^]]+\]\(([^)]+)\) \| `pip install ([^`]+)`", read("docs/index.md"), re.MULTILINE
    )
    named = {f"docs/{name}": set(packages.split()) for name, packages in rows}
    own = {Path(name).parts[0].removesuffix(".py") for shown in shown_by(page) for name in shown.files}
    installed = {"apiroutes", "itsdangerous", "msgspec", "werkzeug"}
    needed = imported(page) - sys.stdlib_module_names - installed - own - {"client"}  # which a command writes
    # A package may be one of several below a name: opentelemetry-sdk is imported as `opentelemetry.sdk`.
    packages = {f"{package.replace('-', '_')}_" for package in named.get(page, set())}
    assert {
        name for name in needed if not any(package.startswith(f"{name}_") for package in packages)
    } == set()


# -- commands


def test_the_mistakes_that_a_page_shows_are_reported(tmp_path: Path) -> None:
    handler = "def GET(): return 1\n"
    upload = 'config = {"api": {"bodyparser": False}}\n' + handler
    names = {"post/[pid].py": handler, "post/[slug].py": handler, "upload.py": upload}
    root = project(tmp_path, {f"pages/api/{name}": source for name, source in names.items()})
    output = CliRunner().invoke(main, ["check", "--root", str(root)]).output
    assert f"$ apiroutes check\n{output}" in read("docs/routes.md")
