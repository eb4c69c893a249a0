"""argparse types shared by the measurements."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def names_of(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    """Return the type of a comma-separated list of names, which are sorted in the order of `known`."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
        return [name for name in known if name in names]

    return parse
