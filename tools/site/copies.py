"""A Markdown copy of every page, and the lists of them for programs that read: llms.txt and llms-full.txt.

In: the pages and the navigation. Out: `routes.md` beside `routes.html`, with links that lead to other copies
and to texts of files; llms.txt in the form of https://llmstxt.org. Raises nothing.

All are UTF-8 without a byte order mark. A server that names no charset would need one for browsers, but these
files are for programs, many of which take it for text: what is amiss is the server's configuration.
"""

from __future__ import annotations

import os
from pathlib import Path
from posixpath import relpath

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from tools.site.files import documents_of, text_path
from tools.site.links import is_relative, with_destinations
from tools.site.navigation import Entry, Section, entries_of
from tools.site.texts import markdown_of

__all__ = ["write_copies"]

_PROJECT = "Project"  # the section of the index about the project itself: how it changes, how it is built


def write_copies(app: Sphinx) -> None:
    """Write the copies of all pages and the two lists into the site."""
    for docname in sorted(app.env.found_docs):
        path = Path(app.outdir, f"{docname}.md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_copy(app.env, docname, docname), encoding="utf-8")
    sections, summary = documents_of(app.env).navigation, app.config.site_summary
    head = f"# {app.config.project}\n\n> {summary}\n"
    # Of use to those who write with apiroutes, not on it.
    told = [section for section in sections if section.title != _PROJECT]
    pages = ["index", *(entry.page for entry in entries_of(told))]
    whole = head + "".join(f"\n---\n\n{_copy(app.env, page, 'index')}" for page in pages)
    Path(app.outdir, "llms-full.txt").write_text(whole, encoding="utf-8")
    address, size = app.config.html_baseurl, round(len(whole.encode()), -4) // 1000
    note = (
        f"\n[All pages but those of the project]({address}llms-full.txt) are one file of {size} KB as well.\n"
    )
    Path(app.outdir, "llms.txt").write_text(head + note + _list(sections, address), encoding="utf-8")


def _copy(env: BuildEnvironment, docname: str, place: str) -> str:
    """Return the Markdown of a page with links that work in the directory of the page `place`."""
    beside = os.path.dirname(place) or "."

    def changed(destination: str) -> str:
        path, hash_sign, anchor = destination.removeprefix("<").removesuffix(">").partition("#")
        target = _target(env, docname, path)
        if not is_relative(destination) or target is None:
            return destination
        address = f"{relpath(target, beside)}{hash_sign}{anchor}"
        return f"<{address}>" if destination.startswith("<") else address

    return with_destinations(markdown_of(env, docname), changed)


def _target(env: BuildEnvironment, docname: str, link: str) -> str | None:
    """Return where the site has what the link of a page leads to, as text if it has that."""
    documents = documents_of(env)
    relative, absolute = env.relfn2path(link, docname)
    page, path = documents.path2doc(absolute), Path(absolute).resolve()
    if page in documents.docnames:
        return f"{page}.md"
    if relative in env.images:
        return f"_images/{env.images[relative][1]}"
    return text_path(documents.root, path) if path.is_relative_to(documents.root) else None


def _list(sections: list[Section], address: str) -> str:
    return "".join(
        f"\n## {section.title}\n\n" + "".join(_line(entry, address) for entry in entries_of([section]))
        for section in sections
    )


def _line(entry: Entry, address: str) -> str:
    subject = f": {entry.subject}" if entry.subject else ""
    return f"- [{entry.title}]({address}{entry.page}.md){subject}\n"
