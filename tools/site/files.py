"""Pages for the files and directories of the repository that documents link, and are no documents.

In: links such as `../pages/api` and `../tests/conformance/deviations.txt`. Out: pages below source/, each
with the file's text beside it. Raises nothing: Sphinx warns of a link that leads nowhere.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from docutils import nodes
from pygments.lexers import find_lexer_class_for_filename
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform

from tools.release.errors import ReleaseError
from tools.release.source import tracked_files
from tools.site.documents import Documents

__all__ = ["FileLinks", "documents_of", "files_below", "pages_of_files", "text_path"]

_SOURCE = "source"
_LINKED = "site_files"  # in Sphinx's metadata of a page
_MOST_BYTES = 300_000


class FileLinks(SphinxTransform):
    """Leads links of files and directories to their pages."""

    default_priority = 850  # before Sphinx collects files to download

    def apply(self, **kwargs: Any) -> None:
        root, docname = documents_of(self.env).root, self.env.docname
        linked: set[str] = set()
        for link in list(self.document.findall(nodes.Element)):
            if not _is_open_link(link):
                continue
            path = Path(self.env.relfn2path(link["reftarget"].partition("#")[0], docname)[1]).resolve()
            if path.exists() and path.is_relative_to(root):
                linked.add(path.relative_to(root).as_posix())
                address = "../" * docname.count("/") + quote(f"{_page_name(root, path)}.html")
                link.replace_self(nodes.reference("", "", *link.children, internal=True, refuri=address))
        self.env.metadata[docname][_LINKED] = sorted(linked)


def _is_open_link(element: nodes.Element) -> bool:
    """Return whether it is a link that MyST has found to lead to no document."""
    if isinstance(element, addnodes.pending_xref):
        return element["reftype"] == "myst" and element.get("refdomain") is None
    return isinstance(element, addnodes.download_reference)


def documents_of(env: BuildEnvironment) -> Documents:
    """Return the pages of a build."""
    return cast(Documents, env.project)


def _page_name(root: Path, path: Path) -> str:
    """Return the name of the page of a file, or of a directory, without `.html`."""
    name = f"{_SOURCE}/{path.relative_to(root).as_posix()}"
    return f"{name}/index" if path.is_dir() else name


def text_path(root: Path, path: Path) -> str:
    """Return where the site has the text of a file, or the list of a directory's files."""
    return f"{_page_name(root, path)}.txt"


def files_below(directory: Path) -> list[Path]:
    """Return the text files of the repository below a directory, without caches and hidden files."""
    return [path for path in _committed_below(directory) if _is_shown(path, directory)]


def _committed_below(directory: Path) -> list[Path]:
    """Return the files that git tracks, and not what else lies there; all files of an unpacked archive."""
    try:
        return sorted(directory / name for name in tracked_files(directory))
    except ReleaseError:
        return sorted(directory.rglob("*"))


def _is_shown(path: Path, directory: Path) -> bool:
    names = path.relative_to(directory).parts
    is_hidden = any(name.startswith((".", "__pycache__")) and name != ".env.example" for name in names)
    if is_hidden or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return False
    return _text_of(path) is not None


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


class _Page(NamedTuple):
    """A page of the site, as Sphinx takes it."""

    name: str
    context: dict[str, Any]
    template: str = "page.html"


def pages_of_files(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Make a page for each linked file, and for each directory with its files."""
    root = documents_of(app.env).root
    linked = {root / name for metadata in app.env.metadata.values() for name in metadata.get(_LINKED, ())}
    below = {path for directory in linked if directory.is_dir() for path in files_below(directory)}
    for path in sorted(linked | below):
        yield _page_of_directory(app, root, path) if path.is_dir() else _page_of_file(app, root, path)


def _page_of_file(app: Sphinx, root: Path, path: Path) -> _Page:
    name, text = path.relative_to(root).as_posix(), _text_of(path) or ""
    _write(Path(app.outdir, text_path(root, path)), text)
    builder = cast(StandaloneHTMLBuilder, app.builder)
    code = builder.highlighter.highlight_block(text, _language_of(path))
    links = f'<a href="{quote(path.name)}.txt" type="text/plain">As plain text</a>'
    if app.config.site_repository:
        links += f' · <a href="{app.config.site_repository}/blob/main/{quote(name)}">In the repository</a>'
    return _page(_page_name(root, path), name, f"<p>{links}</p>{code}")


def _language_of(path: Path) -> str:
    lexer = find_lexer_class_for_filename(path.name)
    return lexer.aliases[0] if lexer is not None and lexer.aliases else "text"


def _page_of_directory(app: Sphinx, root: Path, directory: Path) -> _Page:
    names = [path.relative_to(directory).as_posix() for path in files_below(directory)]
    _write(Path(app.outdir, text_path(root, directory)), "".join(f"{name}.txt\n" for name in names))
    rows = "".join(
        f'<li><a href="{quote(f"{name}.html")}"><code>{html.escape(name)}</code></a></li>' for name in names
    )
    name = directory.relative_to(root).as_posix()
    return _page(_page_name(root, directory), f"{name}/", f'<ul class="files">{rows}</ul>')


def _page(name: str, title: str, content: str) -> _Page:
    shown = html.escape(title)
    body = f'<section class="source-page no-search"><h1><code>{shown}</code></h1>{content}</section>'
    return _Page(name, {"title": shown, "body": body, "parents": []})


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
