"""The navigation of the site, read from the index."""

from __future__ import annotations

from tools.site.navigation import Entry, Section, entries_of, navigation, toctree, toctrees

TEXTS = {
    "index": """
# Title

A [link](other.md) in a sentence is no entry.

## Guide

| page | subject |
|---|---|
| [Routes](routes.md) | which `file` answers, [as here](other.md) |
| [`req`](request.md) | the **request** |
| [Elsewhere](https://example.org/) | no page |

## Project

- [Examples](examples.md): projects to copy
- [Routes again](routes.md): a page is in one section

```markdown
- [In code](code.md): no entry
```

## No pages

Text.
""",
    "routes": "| [Request](request.md) | seen already |\n| [Part](other.md#part) | no whole page |\n",
    "request": "# Request\n",
    "examples": "| [basic](basic.md) | a list |\n| [up](index.md) | the index is in no section |\n",
    "basic": "",
    "other": "",
    "code": "",
}
BASIC = Entry("basic", "basic", "a list", [])
SECTIONS = [
    Section(
        "Guide",
        [
            Entry("Routes", "routes", "which file answers, as here", []),
            Entry("req", "request", "the request", []),
        ],
    ),
    Section("Project", [Entry("Examples", "examples", "projects to copy", [BASIC])]),
]


def page_of(page: str, target: str) -> str | None:
    name = target.removesuffix(".md")
    return name if name in TEXTS else None


def test_sections_are_the_headings_with_rows_and_items_for_pages() -> None:
    assert navigation(TEXTS.__getitem__, page_of) == SECTIONS


def test_entries_stand_before_those_below_them() -> None:
    assert [entry.page for entry in entries_of(SECTIONS)] == ["routes", "request", "examples", "basic"]


def test_toctrees_have_the_pages_of_a_section_in_their_order() -> None:
    assert toctrees(SECTIONS[:1]) == (
        "\n```{toctree}\n:hidden:\n:caption: Guide\n\nRoutes </routes>\nreq </request>\n```\n"
    )
    assert toctree([BASIC]) == "\n```{toctree}\n:hidden:\n\nbasic </basic>\n```\n"
