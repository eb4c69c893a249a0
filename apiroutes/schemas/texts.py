"""Prepares texts from paths, queries and forms for their conversion.

In: a mapping of texts. Out: the same, in the spellings that the decoder accepts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["with_lists", "with_plain_floats"]

# Python's floats. JSON, and so the decoder, knows only floats with digits on both sides of the dot.
_FLOAT = re.compile(r"([+-]?)(\d*)\.?(\d*)((?:[eE][+-]?\d+)?)", re.ASCII)


def with_lists(value: Any, names: Sequence[str]) -> Any:
    """Return the mapping with a list for each of the names.

    A form or a query has a text for a name that was sent once, and a list for a name that was sent
    repeatedly.
    """
    if not names or not isinstance(value, Mapping):
        return value
    return {
        name: [part] if name in names and not isinstance(part, list) else part for name, part in value.items()
    }


def with_plain_floats(value: Any, names: Sequence[str]) -> Any:
    """Return the mapping with the floats of these names as JSON writes them: `.5` as `0.5`, `5.` as `5.0`."""
    if not names or not isinstance(value, Mapping):
        return value
    return {name: _plain(part) if name in names else part for name, part in value.items()}


def _plain(part: Any) -> Any:
    if isinstance(part, list):
        return [_plain(item) for item in part]
    match = _FLOAT.fullmatch(part) if isinstance(part, str) else None
    if match is None or not (match[2] or match[3]):
        return part
    sign, whole, fraction, exponent = match.groups()
    return f"{sign.removeprefix('+')}{whole or '0'}.{fraction or '0'}{exponent}"
