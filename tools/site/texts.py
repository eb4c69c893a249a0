"""The Markdown of a page, as the site shows it: the index with its navigation, an example with its files.

In: Sphinx's environment and the text of the file. Out: Markdown. Raises nothing.
"""

from __future__ import annotations

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from tools.site.documents import Documents
from tools.site.files import documents_of, files_below
from tools.site.navigation import Section, sections_of, toctrees

__all__ = ["add_to_page", "markdown_of", "navigation_of"]

_INDEX = "index"


def add_to_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add to a page that Sphinx reads what the site has more than the file."""
    documents = documents_of(app.env)
    source[0] = _with_files(documents, docname, source[0])
    if docname == _INDEX:
        source[0] += toctrees(_sections(documents, source[0]))


def markdown_of(env: BuildEnvironment, docname: str) -> str:
    """Return the Markdown of a page, without what is for Sphinx alone."""
    documents = documents_of(env)
    text = documents.doc2path(docname, absolute=True).read_text(encoding="utf-8")
    return _with_files(documents, docname, text)


def navigation_of(env: BuildEnvironment) -> list[Section]:
    """Return the sections of the navigation."""
    return _sections(documents_of(env), markdown_of(env, _INDEX))


def _sections(documents: Documents, index: str) -> list[Section]:
    def page_of(target: str) -> str | None:
        page = documents.path2doc(target.partition("#")[0])
        return page if page in documents.docnames else None

    return sections_of(index, page_of)


def _with_files(documents: Documents, docname: str, text: str) -> str:
    directory = documents.example_of(docname)
    if directory is None:
        return text
    names = [path.relative_to(directory).as_posix() for path in files_below(directory)]
    links = "".join(f"- [`{name}`](<{name}>)\n" for name in names if name != "README.md")
    return f"{text.rstrip()}\n\n## All files\n\n{links}" if links else text
