"""What a command printed, beside what a page shows: what differs from run to run is made the same first."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable


def _tens(seconds: re.Match[str]) -> str:
    """The seconds, up to the next ten: a page says 60 where a busy machine prints 58, and never 1."""
    return str(-(-int(seconds[0]) // 10) * 10)


# What varies, what stands for it, and why it varies.
VARIES: list[tuple[str, str | Callable[[re.Match[str]], str], str]] = [
    (r"\x1b\[[0-9;]*m", "", "colours"),
    (r"(?<=127\.0\.0\.1:)\d+|(?<=localhost:)\d+", "8000", "ports"),
    (r"(?<=ttl=)\d+|(?<=again in )\d+|(?<=;t=)\d+", _tens, "seconds that are left"),
    (r"\b\d+(?:\.\d+)? ms\b", "0 ms", "times"),
    (r"\bin \d+\.\d+s\b", "in 0s", "times of pytest"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?[+-]\d\d:?\d\d|Z)?", "DATE", "dates"),
    (r"(?<=[Dd]ate: ).*", "DATE", "dates of HTTP"),
    (r"(?<=\[)\d{2,}(?=\])|(?<=pid )\d+|(?<=pid: )\d+", "1", "processes"),
    (r"^(platform \w+ -- ).*", r"\1", "versions"),
    (r"^plugins: .*\n", "", "plugins of pytest"),
    (r" +(?=\[ *\d+%\]$)", " ", "the width of the terminal"),
    (r"(?<=:8000 \()\d+(?=\)$)", "1", "processes"),
    (r'(?<="ms":)\d+\.\d+|(?<=;dur=)\d+\.\d+', "0", "times"),
    (r"^The project is still loading, after \d+ seconds\n", "", "how busy the machine is"),
    (r"^cachedir: .*\n", "", "pytest's cache"),
    (r"\b[Pp]ython[ /]3\.\d+(?:\.\d+)?", "Python 3", "versions"),
    (r"\b(apiroutes|gunicorn|curl)([ /])\d+\.\d+(?:\.\d+)*", r"\1\g<2>1", "versions"),
    (r"[ \t]+$", "", "spaces at the end of a line, which editors remove"),
]
_VARIES = [(re.compile(pattern, re.MULTILINE), constant) for pattern, constant, _ in VARIES]


def in_general(printed: str, places: dict[str, str]) -> str:
    """The text with what varies replaced. `places` are directories, and what pages call them."""
    for place, name in places.items():
        printed = printed.replace(place, name)
    for pattern, constant in _VARIES:
        printed = pattern.sub(constant, printed)
    return printed.strip("\n")


def difference(shown: str, printed: str, places: dict[str, str], *, begins: bool = False) -> str:
    """Return nothing if the page shows what was printed, else the lines that differ.

    A line `...` of the page stands for any lines. With `begins`, more may have been printed than the page
    shows.
    """
    expected, got = in_general(shown, places), in_general(printed, places)
    parts = re.split(r"^\.\.\.$", expected, flags=re.MULTILINE)
    pattern = r"(?:.*\n)*?".join(re.escape(part.removeprefix("\n")) for part in parts)
    if re.fullmatch(pattern + (r"\n?(?:.*\n)*" if begins else "\n?"), got + "\n"):
        return ""
    lines = difflib.unified_diff(
        expected.splitlines(), got.splitlines(), "the page shows", "the command printed", lineterm="", n=9
    )
    return "\n".join(lines)
