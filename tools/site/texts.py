"""The Markdown of a page, as the site shows it: the index with its navigation, an example with its files.

In: the pages, and the text of a file. Out: Markdown. Raises nothing.
"""

from __future__ import annotations

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from tools.site.documents import Documents
from tools.site.files import documents_of, files_below
from tools.site.links import without_comments
from tools.site.navigation import entries_of, toctree, toctrees

__all__ = ["FILES_HEADING", "add_to_page", "markdown_of"]

_INDEX = "index"
FILES_HEADING = "All files"  # of an example


def add_to_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add to a page that Sphinx reads what the site has more than the file."""
    documents = documents_of(app.env)
    source[0] = _with_files(documents, docname, source[0])
    if docname == _INDEX:
        source[0] += toctrees(documents.navigation)
    for entry in entries_of(documents.navigation):
        if entry.page == docname and entry.below:
            source[0] += toctree(entry.below)


def markdown_of(env: BuildEnvironment, docname: str) -> str:
    """Return the Markdown of a page, without what is for those alone who make it."""
    documents = documents_of(env)
    return _with_files(documents, docname, without_comments(documents.text_of(docname)))


def _with_files(documents: Documents, docname: str, text: str) -> str:
    directory = documents.example_of(docname)
    if directory is None:
        return text
    names = [path.relative_to(directory).as_posix() for path in files_below(directory)]
    links = "".join(f"- [`{name}`](<{name}>)\n" for name in names if name != "README.md")
    return f"{text.rstrip()}\n\n## {FILES_HEADING}\n\n{links}" if links else text
