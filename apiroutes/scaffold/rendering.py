"""The files of a new project.

In: a name, a convention, and where apiroutes is from. Out: texts by path. The templates are a project's real
files; what differs from project to project is replaced, in texts and paths alike, and the lines between the
comments `wheels` and `end` are left out of some projects, so the templates need no second language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from apiroutes.scaffold.names import normalized
from apiroutes.scaffold.origins import Origin

__all__ = ["rendered"]

_NAME = "name-of-the-project"
_IMAGE = "image-of-the-project"  # in lower case, without the separators that Docker refuses
# pip makes the first one wherever it installs a Python file, the others come from work on the templates.
_CACHES = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}

# A Python file of the package has a name that can be imported.
_NAMES = {"_id_.py": "[id].py"}
# Where the files of the template, which follow the convention `pages`, are in other conventions.
_PLACES: dict[str, dict[str, str]] = {
    "pages": {},
    "app": {
        "pages/api/hello.py": "app/api/hello/route.py",
        "pages/api/notes/index.py": "app/api/notes/route.py",
        "pages/api/notes/[id].py": "app/api/notes/[id]/route.py",
        "pages/": "app/",
        '"pages"': '"app"',
    },
    "tanstack": {
        "pages/api/notes/[id].py": "routes/api/notes/$id.py",
        "pages/": "routes/",
        '"pages"': '"tanstack"',
    },
}
# Lines that are only in a project with apiroutes in `wheels/`.
_WITH_WHEELS = re.compile(r"^(?:# wheels|<!-- wheels -->)\n(.*?)^(?:# end|<!-- end -->)\n", re.M | re.S)
# And parts of other lines.
_NO_WHEELS = {
    " --find-links wheels": "",
    " --find-links .": "",
    " wheels* ": " ",
    "RUN rm -rf wheels && ": "RUN ",
}


def rendered(name: str, convention: str, *, minimal: bool, origin: Origin) -> dict[str, str]:
    """Return the texts of a project's files by their paths, which are sorted."""
    replacements = {
        **_NAMES,
        **_PLACES[convention],
        _NAME: name,
        _IMAGE: normalized(name),
        "apiroutes>=0.2": origin.requirement(),
        "apiroutes[dev]>=0.2": origin.requirement("dev"),
        **({} if origin.is_local else _NO_WHEELS),
    }
    templates = files("apiroutes.scaffold") / "templates"
    sources = dict(_files_in(templates / "minimal"))
    if not minimal:
        sources.update(_files_in(templates / "full"))
    with_wheels = r"\1" if origin.is_local else ""
    sources = {path: _WITH_WHEELS.sub(with_wheels, text) for path, text in sources.items()}
    texts = {_replaced(path, replacements): _replaced(text, replacements) for path, text in sources.items()}
    return {path: texts[path].rstrip("\n") + "\n" for path in sorted(texts)}


def _replaced(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        text = text.replace(old, new)
    return text


def _files_in(directory: Any, path: str = "") -> Iterator[tuple[str, str]]:
    # A Traversable, whose class is elsewhere in Python 3.14 than in 3.10.
    for entry in directory.iterdir():
        if entry.is_file():
            yield path + entry.name, entry.read_text(encoding="utf-8")
        elif entry.name not in _CACHES:
            yield from _files_in(entry, f"{path}{entry.name}/")
