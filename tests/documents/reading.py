"""The pages, and what is in them: text, blocks of code, files, commands.

The first line of a block names its file, in a comment of the block's language, or the line of text above the
block does, alone and in backticks with a colon: `package.json`:
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    *sorted(
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob("docs/**/*.md")
        if not any(part.startswith("_") for part in path.relative_to(ROOT).parts)  # what a build has made
    ),
]
EXAMPLES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.glob("examples/**/README.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)  # caches of tools
)
DOCUMENTS = [*PAGES, "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", *EXAMPLES]

# How a comment of a language begins and ends.
_COMMENTS = {
    **dict.fromkeys(("js", "jsx", "ts", "tsx", "jsonc", "go"), ("//", "")),
    **dict.fromkeys(("html", "xml", "markdown"), ("<!--", "-->")),
    "css": ("/*", "*/"),
    "sql": ("--", ""),
}
_HASH = ("#", "")
# Beside those above, the languages that blocks may have.
LANGUAGES = {
    *_COMMENTS,
    *("python", "toml", "yaml", "json", "sh", "ini", "nginx", "dockerfile", "makefile", "text", "console"),
    "py",  # signatures, which are no programs
}

_FENCE = re.compile(r"( *)(`{3,}|~{3,})([^`\n]*)$")
_NAME = r"(?:[\w./\[\]()$@+-]*\.[A-Za-z]\w*|(?:[\w.-]+/)*(?:Dockerfile|Makefile|Procfile))"
_OWN = re.compile(rf"{_NAME}$")
_THEIRS = re.compile(rf"[A-Z][\w.+ ]*: ({_NAME})$")
_ABOVE = re.compile(rf"`((?:[A-Z][\w.+ ]*: )?{_NAME})`:$")


@dataclass(frozen=True)
class Block:
    """A block of code. `line` is that of its fence; `above` is the last line of text before it."""

    page: str
    line: int
    language: str
    source: str
    above: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def _named(self) -> str:
        """What the block says of its file: a name, or `Flask: app.py` where the file is not ours."""
        lines = self.source.split("\n", 2)
        first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        begin, end = _COMMENTS.get(self.language, _HASH)
        if self.language not in ("json", "console") and first.startswith(begin) and first.endswith(end):
            inside = first[len(begin) : len(first) - len(end)].strip()
            if _OWN.match(inside) or _THEIRS.match(inside):
                return inside
        above = _ABOVE.match(self.above)
        return above[1] if above is not None else ""

    @property
    def name(self) -> str | None:
        """The name of the file, if it is one of the page's project."""
        return self._named if _OWN.match(self._named) else None

    @property
    def name_there(self) -> str | None:
        """The name of the file, if it is one of another framework's project, shown for comparison."""
        theirs = _THEIRS.match(self._named)
        return theirs[1] if theirs is not None else None


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


@dataclass
class _Parts:
    text: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


@cache
def _parts(document: str) -> _Parts:
    parts = _Parts()
    above = ""
    lines = iter(enumerate(read(document).split("\n"), 1))
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence is None:
            parts.text.append(line)
            above = line.strip() or above
            continue
        indent, marks, language = fence.groups()
        inside = []
        for _, line in lines:
            if line.strip().startswith(marks) and not line.strip().strip(marks[0]):
                break
            inside.append(line.removeprefix(indent) + "\n")
        else:
            raise ValueError(f"{document}:{number}: the block has no end")
        parts.blocks.append(Block(document, number, language.strip(), "".join(inside), above))
        above = ""
    return parts


def blocks(document: str) -> list[Block]:
    """The blocks of code in fences. A directive of the site, such as `{toctree}`, is none."""
    return [block for block in _parts(document).blocks if not block.language.startswith("{")]


def text_of(document: str) -> str:
    """The document without its blocks."""
    return "\n".join(_parts(document).text)


@dataclass(frozen=True)
class Command:
    """A command that a page shows, with what it prints; None in a list of commands, which shows none."""

    page: str
    line: int
    text: str
    printed: str | None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


_ASSIGNMENT = re.compile(r"\w+=")


def words_of(command: str) -> list[str]:
    """The words of a command's text, without the variables that are set for it."""
    words = shlex.split(command, comments=True)
    while words and _ASSIGNMENT.match(words[0]):
        del words[0]
    return words


def _console(block: Block) -> Iterator[Command]:
    number = block.line
    for part in re.split(r"^\$ ", block.source, flags=re.MULTILINE)[1:]:
        number = block.line + 1 + block.source[: block.source.index(f"$ {part}")].count("\n")
        lines = part.split("\n")
        count = 1
        while lines[count - 1].endswith("\\"):
            count += 1
        yield Command(block.page, number, "\n".join(lines[:count]), "\n".join(lines[count:]))


def _list(block: Block) -> Iterator[Command]:
    text = ""
    for number, line in enumerate(block.source.split("\n"), block.line + 1):
        text += line
        if text.endswith("\\"):
            text += "\n"
            continue
        if text.strip() and not text.lstrip().startswith("#"):
            yield Command(block.page, number, text, None)
        text = ""


def commands(block: Block) -> list[Command]:
    """The commands of a block: of `console`, where each begins with `$ `, or of `sh` that is no file."""
    if block.language == "console":
        return list(_console(block))
    return list(_list(block)) if block.language == "sh" and block.name is None else []


@dataclass
class Shown:
    """A project that a page shows."""

    page: str
    files: dict[str, str] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)


def shown_by(page: str) -> list[Shown]:
    """The projects of a page: one, and one more for each file that is shown again."""
    projects = [Shown(page)]
    for block in blocks(page):
        if block.name is not None:
            if block.name in projects[-1].files:
                projects.append(Shown(page, dict(projects[-1].files)))
            projects[-1].files[block.name] = block.source
        projects[-1].commands += commands(block)
    return [shown for shown in projects if shown.files]


SHOWN = [shown for page in PAGES for shown in shown_by(page)]


def is_route(name: str) -> bool:
    """Whether the file is a route's or a middleware's, or a Python file beside them."""
    return name.endswith(".py") and (
        name.startswith(("pages/", "app/", "routes/")) or name == "middleware.py"
    )
