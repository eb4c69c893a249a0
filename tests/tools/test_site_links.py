"""Links in the text of a document: which are changed, and what is code."""

from __future__ import annotations

import pytest

from tools.site.links import is_relative, with_destinations, without_blocks, without_comments


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("[a](b.md)", "[a](B.MD)"),
        ("![a](b.png) and [c](d.md#e).", "![a](B.PNG) and [c](D.MD#E)."),
        ("[`code`](b.md)", "[`code`](B.MD)"),
        ('[a](b.md "title")', '[a](B.MD "title")'),
        ("[a](<b (c).md>)", "[a](<B (C).MD>)"),
        ("[![a](b.png)](c.md)", "[![a](B.PNG)](C.MD)"),
        ("[a]: b.md\n", "[a]: B.MD\n"),
        ("`[a](b.md)` [a](b.md)", "`[a](b.md)` [a](B.MD)"),
        ("``a ` [a](b.md)`` [a](b.md)", "``a ` [a](b.md)`` [a](B.MD)"),
        ("a ` b\n\nc ` [a](b.md)", "a ` b\n\nc ` [a](B.MD)"),
        ("`a\n[a](b.md)`\n[a](b.md)", "`a\n[a](b.md)`\n[a](B.MD)"),
        ("```python\n[a](b.md)\n```\n[a](b.md)", "```python\n[a](b.md)\n```\n[a](B.MD)"),
        ("````\n```\n[a](b.md)\n```\n````\n[a](b.md)", "````\n```\n[a](b.md)\n```\n````\n[a](B.MD)"),
        ("~~~\n[a](b.md)\n~~~\n[a](b.md)", "~~~\n[a](b.md)\n~~~\n[a](B.MD)"),
        ("```\n[a](b.md)", "```\n[a](b.md)"),
    ],
)
def test_destinations_change_outside_of_code(text: str, changed: str) -> None:
    assert with_destinations(text, str.upper) == changed


@pytest.mark.parametrize(
    ("destination", "relative"),
    [
        ("routes.md", True),
        ("../SECURITY.md#limits", True),
        ("#limits", False),
        ("https://example.org/", False),
        ("mailto:a@example.org", False),
        ("//example.org/", False),
    ],
)
def test_a_relative_destination_is_another_file(destination: str, relative: bool) -> None:
    assert is_relative(destination) is relative


def test_a_text_without_its_blocks_keeps_code_in_lines() -> None:
    assert without_blocks("a `b`\n```\nc\n```\nd\n") == "a `b`\nd\n"


def test_comments_on_lines_of_their_own_go_and_code_keeps_its_own() -> None:
    text = "<!-- made -->\n\n# A <!-- b -->\n\n<!-- c\nd -->\n\n```html\n<!-- e.html -->\n```\n"
    assert without_comments(text) == "# A <!-- b -->\n\n```html\n<!-- e.html -->\n```\n"
