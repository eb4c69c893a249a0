"""The documentation site, as an extension of Sphinx; it never changes a document. `make docs` builds it.

In: docs/ with its conf.py, and the documents beside it. Out: pages, a Markdown copy of each, llms.txt, a
search that needs no server. Raises nothing: a mistake is a warning of Sphinx, and `make docs` takes none.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from tools.site.anchors import CheckedAddresses, NamedAnchors, NamedCode
from tools.site.checks import mistakes_of
from tools.site.copies import write_copies
from tools.site.documents import Documents
from tools.site.drawings import leave_image, visit_image
from tools.site.files import FileLinks, documents_of, pages_of_files
from tools.site.navigation import entries_of
from tools.site.search_data import write_search_data
from tools.site.texts import add_to_page

__all__ = ["setup"]

_HERE = Path(__file__).parent
_log = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the parts to Sphinx."""
    app.add_config_value("site_repository", "", "html")
    app.add_config_value("site_summary", "", "html")
    app.add_config_value("site_search_weights", {}, "html")
    app.add_config_value("site_search_names", [], "html")
    for transform in (NamedAnchors, NamedCode, CheckedAddresses, FileLinks):
        app.add_transform(transform)
    app.add_node(nodes.image, override=True, html=(visit_image, leave_image))
    app.connect("config-inited", _use_own_templates)
    app.connect("builder-inited", _use_all_documents)
    app.connect("source-read", add_to_page)
    app.connect("html-page-context", _describe_page)
    app.connect("html-collect-pages", pages_of_files)
    app.connect("build-finished", _finish)
    # The names of files and of anchors are collected in one process.
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": False}


def _use_own_templates(app: Sphinx, config: Any) -> None:
    config.templates_path.append(str(_HERE / "templates"))
    config.html_static_path.append(str(_HERE / "static"))


def _use_all_documents(app: Sphinx) -> None:
    app.project = app.env.project = Documents(app.srcdir, app.config.source_suffix)


def _describe_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give the templates what they say of a page: its copy, its file in the repository."""
    context["repository"] = app.config.site_repository
    if doctree is None:
        return
    context["markdown_copy"] = f"{pagename}.md".rpartition("/")[2]
    documents = documents_of(app.env)
    path = documents.doc2path(pagename, absolute=True).relative_to(documents.root)
    subjects = {entry.page: entry.subject for entry in entries_of(documents.navigation)}
    if subjects.get(pagename):
        context["metatags"] += f'<meta name="description" content="{escape(subjects[pagename])}">\n'
    context["page_source_suffix"] = path.suffix  # Sphinx takes names and files to be alike
    if app.config.site_repository:
        context["theme_source_edit_link"] = f"{app.config.site_repository}/edit/main/{path}"


def _finish(app: Sphinx, fault: Exception | None) -> None:
    if fault is not None or app.builder.name != "html":
        return
    write_copies(app)
    write_search_data(app)
    for mistake in mistakes_of(Path(app.outdir)):
        _log.warning("%s", mistake)
