"""The pages of the site: the documents below docs/, and those beside it that are pages too.

In: the directory docs/. Out: Sphinx's project with a name for each page. Raises ValueError for two pages of
one name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from sphinx.project import Project

from tools.site.links import is_relative
from tools.site.navigation import Section, navigation

__all__ = ["Documents"]

# The documents at the top of the repository, and in directories that do not hold documents alone.
_OUTSIDE = {
    "SECURITY.md": "security-policy",
    "CONTRIBUTING.md": "contributing",
    "CHANGELOG.md": "changelog",
    "benchmarks/README.md": "benchmarks",
    "benchmarks/RESULTS.md": "benchmark-results",
}
_EXAMPLES = "examples"
# On GitHub the README comes before all pages; in the site its place is the index's.
_FRONT, _INDEX = "README.md", "index"


def _outside(root: Path) -> dict[str, Path]:
    """Find the pages outside of docs/ by their names, as absolute paths."""
    found = {name: root / file for file, name in _OUTSIDE.items()}
    for readme in sorted(root.glob(f"{_EXAMPLES}/**/README.md")):
        name = readme.parent.relative_to(root).as_posix()
        if "/." not in name:  # pytest writes a README into its cache
            found[name] = readme
    return found


class Documents(Project):
    """The pages with their names (`routes`, `examples/login`) and files."""

    def __init__(self, srcdir: str | os.PathLike[str], source_suffix: Iterable[str]) -> None:
        super().__init__(Path(srcdir).resolve(), source_suffix)
        self.root = Path(srcdir).resolve().parent
        self._outside = _outside(self.root)
        self._names = {path: name for name, path in self._outside.items()}
        self._names[self.root / _FRONT] = _INDEX

    def discover(self, exclude_paths: Iterable[str] = (), include_paths: Iterable[str] = ("**",)) -> set[str]:
        """Find all pages. Raises ValueError for a page outside that has the name of one below docs/."""
        super().discover(exclude_paths, include_paths)
        taken = sorted(self.docnames & set(self._outside))
        if taken:
            name = taken[0]
            raise ValueError(
                f"docs/{name}.md and {self._outside[name]} are both the page {name}. Rename one."
            )
        self.docnames.update(self._outside)
        return self.docnames

    def path2doc(self, filename: str | os.PathLike[str]) -> str | None:
        """Return the name of the page in this file, if it is one."""
        path = (self.srcdir / filename).resolve()
        if path in self._names:
            return self._names[path]
        return super().path2doc(filename) if path.is_relative_to(self.srcdir) else None

    def doc2path(self, docname: str, absolute: bool) -> Any:
        """Return the file of a page, relative to docs/ or as an absolute path of Sphinx's own class."""
        if docname not in self._outside:
            return super().doc2path(docname, absolute)
        path = self._outside[docname]
        return type(self.srcdir)(path if absolute else os.path.relpath(path, self.srcdir))

    @cached_property
    def navigation(self) -> list[Section]:
        """The sections of the navigation, read once all pages are known."""
        return navigation(self.text_of, self._whole_page)

    def _whole_page(self, docname: str, link: str) -> str | None:
        """Return the page that a link leads to, if it leads to one and to no place in it."""
        page = (
            self.path2doc(self.doc2path(docname, absolute=True).parent / link) if is_relative(link) else None
        )
        return page if page in self.docnames else None

    def text_of(self, docname: str) -> str:
        """Return the text of a page's file."""
        return Path(self.doc2path(docname, absolute=True)).read_text(encoding="utf-8")

    def example_of(self, docname: str) -> Path | None:
        """Return the directory of the example that the page is about, if it is about one."""
        return self._outside[docname].parent if docname.startswith(f"{_EXAMPLES}/") else None
