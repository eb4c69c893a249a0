"""Generated regions of pages that are written by hand.

In: a page, and texts by the names of regions. Out: the page with these texts between
`<!-- generated: NAME -->` and `<!-- end -->`. Raises ValueError for a region that nothing generates, one
without an end, and one that a page should have and has not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["filled"]

_REGION = re.compile(r"^<!-- generated: (.+?) -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)
_BEGIN = re.compile(r"^<!-- generated: .+? -->$", re.MULTILINE)


def filled(page: str, text: str, regions: Mapping[str, str]) -> str:
    """Return the text of a page with its regions filled; the page has to have all of them, each once."""
    names = [region[1] for region in _REGION.finditer(text)]
    if len(names) != len(_BEGIN.findall(text)):
        raise ValueError(f"{page}: a generated region has no `<!-- end -->`")
    wrong = sorted({*names} ^ regions.keys()) or sorted(name for name in names if names.count(name) > 1)
    if wrong:
        raise ValueError(f"{page} has to have these regions once, or cannot have them: {', '.join(wrong)}")
    return _REGION.sub(lambda region: _region(region[1], regions[region[1]]), text)


def _region(name: str, text: str) -> str:
    return f"<!-- generated: {name} -->\n\n{text}\n\n<!-- end -->"
