"""The long description: the README without links that an index page would break."""

from __future__ import annotations

from pathlib import Path

import pytest
from readme_renderer import markdown

from tools.release.description import describe, relative_links

ADDRESS = "https://git.example/team/apiroutes"
README = Path(__file__).parents[2] / "README.md"

LINKS = [
    ("[Routes](docs/routes.md)", f"[Routes]({ADDRESS}/blob/v1.2.0/docs/routes.md)", "Routes"),
    ("[a](./docs/a.md#part)", f"[a]({ADDRESS}/blob/v1.2.0/docs/a.md#part)", "a"),
    ("[`[id].py`](pages/api)", f"[`[id].py`]({ADDRESS}/blob/v1.2.0/pages/api)", "`[id].py`"),
    ("![page](docs/page.png)", f"![page]({ADDRESS}/raw/v1.2.0/docs/page.png)", "page"),
    ("[a](a.md) [b](b.md)", f"[a]({ADDRESS}/blob/v1.2.0/a.md) [b]({ADDRESS}/blob/v1.2.0/b.md)", "a b"),
    ("[x](https://x.example)", "[x](https://x.example)", "[x](https://x.example)"),
    ("[below](#part)", "[below](#part)", "[below](#part)"),
    ("```md\n[a](a.md)\n```", "```md\n[a](a.md)\n```", "```md\n[a](a.md)\n```"),
    ("`app[0](request)` (x)", "`app[0](request)` (x)", "`app[0](request)` (x)"),
]


@pytest.mark.parametrize(("link", "absolute", "without"), LINKS, ids=[link for link, *_ in LINKS])
def test_links_lead_to_the_tag_or_nowhere(link: str, absolute: str, without: str) -> None:
    assert describe(f"{link}\n", ADDRESS, "1.2.0") == f"{absolute}\n"
    assert describe(f"{link}\n", None, "1.2.0") == f"{without}\n"


def test_the_address_is_where_the_readme_has_its_place() -> None:
    assert f"git clone {ADDRESS} apiroutes" in describe(README.read_text(), ADDRESS, "1.2.0")


@pytest.mark.parametrize("address", [None, ADDRESS])
def test_the_readme_has_no_relative_link_on_an_index_page(address: str | None) -> None:
    html = markdown.render(describe(README.read_text(), address, "1.2.0"))
    assert html is not None
    assert relative_links(html) == []


@pytest.mark.parametrize(
    ("html", "relative"),
    [
        ('<a href="docs/a.md">', ["docs/a.md"]),
        ('<img src="/a.png">', ["/a.png"]),
        ('<a href="https://x.example">', []),
        ('<a href="//x.example">', []),
        ('<a href="mailto:x@x.example">', []),
        ('<a href="#part">', []),
    ],
)
def test_relative_links_are_found(html: str, relative: list[str]) -> None:
    assert relative_links(html) == relative
