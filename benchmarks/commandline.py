"""argparse types that the measurements share."""

import argparse
from collections.abc import Callable, Mapping


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def names_of(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    """The type of an argument that is names of `known` between commas; in the order of `known`."""

    def parse(text: str) -> list[str]:
        wanted = text.split(",")
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
        return [name for name in known if name in wanted]

    return parse
