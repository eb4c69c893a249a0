"""Drawings in the page itself, so that they are as light or dark as it is, which an image cannot know.

In: an image of the documents that is an SVG with colours as `fill="#1d4ed8"`. Out: its elements, with colours
that a style sheet may change, `--drawing-1d4ed8`. Raises nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator

__all__ = ["leave_image", "visit_image"]

_COLOUR = re.compile(r' (?P<property>fill|stroke)="(?P<colour>#[0-9a-f]{6})"')
_ANCHOR = re.compile(r'(?<= id=")|(?<=url\(#)|(?<=labelledby=")')


def visit_image(translator: HTML5Translator, node: nodes.image) -> None:
    """Write a drawing into the page. Other images, and those in links, are written as Sphinx does it."""
    path = Path(translator.builder.srcdir, node["uri"])
    if path.suffix != ".svg" or isinstance(node.parent, nodes.reference) or not path.is_file():
        HTML5Translator.visit_image(translator, node)
        return
    drawing = _in_page(path.read_text(encoding="utf-8"), path.stem)
    # By the keyboard it is scrolled only where it can have the focus.
    translator.body.append(f'<span class="drawing" tabindex="0">{drawing}</span>')
    raise nodes.SkipNode


def leave_image(translator: HTML5Translator, node: nodes.image) -> None:
    """Do what Sphinx does after an image."""
    HTML5Translator.depart_image(translator, node)


def _in_page(svg: str, name: str) -> str:
    """Return a drawing with properties for its colours, and with its name before its anchors."""
    return re.sub(r"<[^>]+>", _with_properties, _ANCHOR.sub(f"{name}-", svg))


def _with_properties(tag: re.Match[str]) -> str:
    colours = _COLOUR.findall(tag[0])
    style = ";".join(f"{name}:var(--drawing-{colour[1:]},{colour})" for name, colour in colours)
    plain = _COLOUR.sub("", tag[0])
    end = "/>" if plain.endswith("/>") else ">"
    return f'{plain.removesuffix(end)} style="{style}"{end}' if style else plain
