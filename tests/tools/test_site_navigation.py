"""The navigation of the site, read from the index."""

from __future__ import annotations

from tools.site.navigation import Entry, Section, sections_of, toctrees

INDEX = """
# Title

A [link](other.md) in a sentence is no entry.

## Guide

| page | subject |
|---|---|
| [Routes](routes.md) | which `file` answers, [as here](other.md) |
| [Elsewhere](https://example.org/) | no page |

## Project

- [Changelog](../CHANGELOG.md): what changed
- [Routes again](routes.md): a page is in one section

```markdown
- [In code](code.md): no entry
```

## No pages

Text.
"""
PAGES = {"routes.md": "routes", "../CHANGELOG.md": "changelog", "other.md": "other", "code.md": "code"}
SECTIONS = [
    Section("Guide", [Entry("Routes", "routes", "which file answers, as here")]),
    Section("Project", [Entry("Changelog", "changelog", "what changed")]),
]


def test_sections_are_the_headings_with_rows_and_items_for_pages() -> None:
    assert sections_of(INDEX, PAGES.get) == SECTIONS


def test_a_toctree_has_a_section_s_pages_in_their_order() -> None:
    assert toctrees(SECTIONS[:1]) == ("\n```{toctree}\n:hidden:\n:caption: Guide\n\nRoutes </routes>\n```\n")
