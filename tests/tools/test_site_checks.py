"""The checks of a finished site find what is wrong with a page, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.site.checks import mistakes_of

TITLE = "<h1>Title</h1>"


def site(directory: Path, page: str, css: str = "") -> list[str]:
    """What is wrong with a site of this page, another one and a style sheet."""
    (directory / "sub").mkdir()
    (directory / "page.html").write_text(page, encoding="utf-8")
    (directory / "sub" / "[id].html").write_text(f'{TITLE}<p id="5.4">', encoding="utf-8")
    (directory / "style.css").write_text(css, encoding="utf-8")
    return list(mistakes_of(directory))


@pytest.mark.parametrize(
    "page",
    [
        TITLE,
        f'{TITLE}<a href="sub/%5Bid%5D.html#5.4">a</a>',
        f'{TITLE}<a href="https://example.org/">a</a><a href="mailto:a@example.org">b</a>',
        f'<link rel="stylesheet" href="style.css"><link rel="canonical" href="https://example.org/">{TITLE}',
        f'{TITLE}<img src="data:image/png;base64,AA==" alt="a dot">',
        f'{TITLE}<a href="#here">a</a><h2 id="here">b</h2><h3>c</h3><h2>d</h2>',
    ],
)
def test_a_right_page_has_no_mistakes(tmp_path: Path, page: str) -> None:
    assert site(tmp_path, page) == []


@pytest.mark.parametrize(
    ("page", "mistake"),
    [
        (f'{TITLE}<a href="no.html">a</a>', "links to no.html, which is not in the site"),
        (f'{TITLE}<a href="sub/">a</a>', "links to sub/, which is not in the site"),
        (f'{TITLE}<a href="../SECURITY.md">a</a>', "links to ../SECURITY.md, which is not in the site"),
        (f'{TITLE}<a href="#no">a</a>', "links to #no, which is not in the site"),
        (f'{TITLE}<a href="sub/%5Bid%5D.html#no">a</a>', "#no, which is not in the site"),
        (f'{TITLE}<script src="https://cdn.example/x.js"></script>', "fetches https://cdn.example/x.js"),
        (f'{TITLE}<script src="//cdn.example/x.js"></script>', "fetches //cdn.example/x.js"),
        (f'{TITLE}<img src="http://cdn.example/x.png" alt="a">', "fetches http://cdn.example/x.png"),
        (f'<link rel="stylesheet" href="https://cdn.example/x.css">{TITLE}', "fetches https://cdn.example"),
        (f'<link rel="icon" href="https://cdn.example/x.svg">{TITLE}', "fetches https://cdn.example/x.svg"),
        (f'<style>a {{ src: url("https://cdn.example/x") }}</style>{TITLE}', "fetches https://cdn.example/x"),
        (f'{TITLE}<p style="background: url(https://cdn.example/x)">', "fetches https://cdn.example/x"),
        (f'{TITLE}<img src="style.css">', "no alternative text for the image style.css"),
        (f"{TITLE}<h3>a</h3>", "a heading of level 3 below one of level 1"),
        ("<h2>a</h2>", "a heading of level 2 below one of level 0"),
        (f"{TITLE}{TITLE}", "has 2 headings of level 1"),
        (f'{TITLE}<p id="a"><p id="a">', "has the anchor a more than once"),
    ],
)
def test_a_mistake_of_a_page_is_named(tmp_path: Path, page: str, mistake: str) -> None:
    found = site(tmp_path, page)
    assert found
    assert all(line.startswith("page.html ") for line in found)
    assert any(mistake in line for line in found)


@pytest.mark.parametrize(
    "css", ["@import 'https://fonts.example/a';", "a { src: url(https://fonts.example/a) }"]
)
def test_a_style_sheet_that_fetches_is_a_mistake(tmp_path: Path, css: str) -> None:
    assert site(tmp_path, TITLE, css) == [
        "style.css fetches https://fonts.example/a. The site needs its own copy of it."
    ]
