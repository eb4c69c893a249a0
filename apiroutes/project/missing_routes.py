"""Explains a project without routes, and files that are almost routes: why they are not, and what to do.

In: the project directory and what a scan found in it. Out: problems and warnings, added to those given.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from apiroutes.errors import Problem, Problems, listed
from apiroutes.handlers import defines_handler
from apiroutes.http import METHODS
from apiroutes.routing import API, CONVENTIONS, Convention, Scan

__all__ = ["check_directory", "is_project", "report_no_route", "shortened", "warn_of_misplaced"]

_MOST = 20  # names in one message
_LEVELS_UP = 6
_HANDLER = "`def handler(req, res): ...`"
_EXAMPLES = {
    "pages": "pages/api/hello.py",
    "app": "app/api/hello/route.py",
    "tanstack": "routes/api/hello.py",
}
_ROUTE_DIRECTORIES = tuple(convention.directory for convention in CONVENTIONS)
# Names that users give by mistake to files of `app` that are meant for their own directory's path.
_NAMES_OF_ROUTES = ("routes", "page", "index", "handler", "handlers", "view", "views", "endpoint", "main")
_NOT_SEARCHED = ("node_modules", "venv", "env", "site-packages", "__pycache__")


def check_directory(root: Path) -> None:
    """Raise ProjectError if the project's directory is not a directory."""
    if root.is_dir():
        return
    problems = Problems()
    shown = os.path.relpath(root) if root.is_relative_to(Path.cwd()) else str(root)
    if root.is_file():
        remedy = f"Pass the directory that contains it: {_shortest(root.parent)!r}."
        problems.add(shown, "is a file, not the directory of a project.", remedy)
    else:
        near = [entry.name for entry in _directories(root.parent)]
        close = difflib.get_close_matches(root.name, near, 1, 0.6)
        remedy = "Pass the directory that contains pages/, app/ or routes/."
        remedy = f"Did you mean {close[0]!r}? {remedy}" if close else remedy
        problems.add(shown, "does not exist, so there is no project in it.", remedy)
    problems.raise_any()


def report_no_route(
    root: Path,
    scanned: Scan,
    conventions: Sequence[Convention],
    problems: Problems,
    warnings: Problems,
) -> None:
    """Add the problem of a project that has no route: what it contains instead, and what to do.

    It is a warning if the directory of routes contains private files: the project may have only these so far.
    """
    message = f"there is no route in {root.name or root}, so there is nothing to serve."
    place, own, remedy = _cause(root, scanned, conventions)
    directories = [f"{convention.directory}/{API}" for convention in conventions]
    is_begun = place in directories and _has_entries(root / place)
    text = " ".join(filter(None, (message, own)))
    (warnings if is_begun else problems).add(place, text, remedy)


def _has_entries(path: Path) -> bool:
    """Return whether a directory of routes contains anything that is not hidden."""
    return path.is_dir() and any(not entry.name.startswith(".") for entry in path.iterdir())


def _cause(root: Path, scanned: Scan, conventions: Sequence[Convention]) -> tuple[str, str, str]:
    """Return the place of the most likely mistake, its description, and the remedy."""
    if scanned.unlike:
        first = scanned.unlike[0]
        directory, _, name = first.rpartition("/")
        stem = name.partition(".")[0]
        example = f"{directory}/{stem.lower() if first.startswith('app/') else stem}.py"
        return first, f"Not routes: {shortened(scanned.unlike)}.", f"Rename it to {example}, with {_HANDLER}."
    if scanned.helpers:
        first = scanned.helpers[0]
        remedy = f"Call it {_route_instead_of(first)}."
        return first, f"Not routes: {shortened(scanned.helpers)}.", remedy
    misplaced = next(_misplaced(root, conventions), None)
    if misplaced is not None:
        return misplaced.file, f"{misplaced.file} {misplaced.message}", misplaced.remedy
    return _empty_directory(root, conventions) or _no_directory(root, conventions)


def _no_directory(root: Path, conventions: Sequence[Convention]) -> tuple[str, str, str]:
    """Find the directory of routes that is somewhere else, or has another name."""
    nearby = _project_nearby(root)
    other = _other_directory(root, conventions)
    found = nearby or other if _is_inside_routes(root) else other or nearby
    if found is not None:
        return found
    example = _EXAMPLES["pages"]
    return example.rpartition("/")[0], "", f"Create {example} with {_HANDLER} in it."


def _empty_directory(root: Path, conventions: Sequence[Convention]) -> tuple[str, str, str] | None:
    """Describe the content of a directory of routes without a route; None if there is no such directory."""
    convention = next((each for each in conventions if (root / each.directory / API).is_dir()), None)
    if convention is None:
        return None
    directory = f"{convention.directory}/{API}"
    private = [f"{directory}/{path.name}" for path in sorted((root / directory).glob("*.py"))]
    what = f"Not routes: {shortened(private)}." if private else f"{directory} contains no route file."
    return directory, what, f"Create {_EXAMPLES[convention.name]} with {_HANDLER} in it."


def _other_directory(root: Path, conventions: Sequence[Convention]) -> tuple[str, str, str] | None:
    """Find a directory of routes whose name is almost right."""
    for convention in conventions:
        right = f"{convention.directory}/{API}"
        for directory in _directories(root):
            inner = [directory, *_directories(directory)]
            for path in inner:
                name = path.relative_to(root).as_posix()
                # A package is imported by that name, such as the `api` of another framework's project.
                if (path / "__init__.py").exists():
                    continue
                if name.lower() in (right, API) and name != right and any(path.glob("*.py")):
                    make = (
                        "" if (root / convention.directory).exists() else f"mkdir {convention.directory} && "
                    )
                    message = f"Routes must be in {right}, but this project has them in {name}."
                    return name, message, f"Move it: `{make}mv {name} {right}`."
    return None


def _project_nearby(root: Path) -> tuple[str, str, str] | None:
    """Find a project above the directory, or directly below it."""
    above = [parent for parent in [*root.parents][:_LEVELS_UP] if is_project(parent)][:1]
    found = above or [path for path in _directories(root) if is_project(path)][:3]
    if not found:
        return None
    names = [_shortest(path) for path in found]
    whole = listed([str(path) for path in found])
    ways = [f"`cd {name}`, or add `--root {name}`" for name in names]
    place, message = "pages/api", f"There is a project in {whole}."
    if names == [os.curdir]:
        return place, message, "Leave out `--root`: that is the current directory."
    return place, message, f"Type {'; or '.join(ways)}."


def _shortest(path: Path) -> str:
    """Return the shortest way to type the path."""
    return min(os.path.relpath(path), str(path), key=len)


def _is_inside_routes(directory: Path) -> bool:
    """Return whether the directory is a directory of routes of a project, or is below one."""
    paths = [directory, *directory.parents][:_LEVELS_UP]
    return any(path.name in _ROUTE_DIRECTORIES and is_project(path.parent) for path in paths)


def is_project(directory: Path) -> bool:
    """Return whether the directory has one of the directories of routes."""
    if directory == directory.parent:  # the root of the file system
        return False
    return any((directory / convention.directory / API).is_dir() for convention in CONVENTIONS)


def _directories(directory: Path) -> list[Path]:
    try:
        entries = sorted(directory.iterdir())
    except OSError:
        return []
    return [
        entry
        for entry in entries
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in _NOT_SEARCHED
    ]


# -- files that are almost routes ----------------------------------------------------------------


def warn_of_misplaced(root: Path, conventions: Sequence[Convention], warnings: Problems) -> None:
    """Add a warning for each file with a handler in a place where files are not routes."""
    warnings += _misplaced(root, conventions)
    warnings += _in_other_directories(root, conventions)


def _misplaced(root: Path, conventions: Sequence[Convention]) -> Iterator[Problem]:
    """Yield the files with a handler beside the directories of routes.

    Such a directory may have another purpose: a Django package is often called `pages`.
    """
    for convention in conventions:
        for path in sorted((root / convention.directory).glob("*.py")):
            may_lead = convention.is_private(path.name) or convention.leads_to_routes((path.name,))
            if not may_lead and defines_handler(path):
                file = f"{convention.directory}/{path.name}"
                right = f"{convention.directory}/{API}/{path.name}"
                message = f"is not a route: routes of {convention.directory}/ are in {API}/."
                yield Problem(file, message, f"Move it to {right}.")
        if convention.name == "app":
            yield from _misplaced_in_app(root)


def _misplaced_in_app(root: Path) -> Iterator[Problem]:
    for path in sorted((root / "app" / API).rglob("*.py")):
        is_other = path.name.lower() != "route.py" and not path.name.startswith(("_", "."))
        if is_other and defines_handler(path):
            file = path.relative_to(root).as_posix()
            remedy = f"Call it {_route_instead_of(file)}."
            yield Problem(file, "is not a route: routes of app/ are called route.py.", remedy)


def _route_instead_of(file: str) -> str:
    """Return the route file for a file of app/: users.py gets a path below, routes.py the directory's."""
    directory, _, name = file.rpartition("/")
    stem = name.removesuffix(".py")
    is_own = stem.lower() in _NAMES_OF_ROUTES or stem.upper() in METHODS
    return f"{directory if is_own else f'{directory}/{stem}'}/route.py"


def _in_other_directories(root: Path, conventions: Sequence[Convention]) -> Iterator[Problem]:
    """Yield the files with a handler in directories whose names are almost those of directories of routes."""
    for convention in conventions:
        right = f"{convention.directory}/{API}" if convention.is_below_api else convention.directory
        for directory in _almost(root, convention):
            for path in sorted(directory.rglob("*.py")):
                inside = path.relative_to(directory)
                if not any(map(convention.is_private, inside.parts)) and defines_handler(path):
                    file, target = path.relative_to(root).as_posix(), f"{right}/{inside.as_posix()}"
                    yield Problem(file, f"is not a route: routes are in {right}.", f"Move it to {target}.")


def _almost(root: Path, convention: Convention) -> Iterator[Path]:
    """Yield the directories that may be meant for a convention: in src/, at the root, in capitals."""
    if not convention.is_below_api:
        yield root / "src" / convention.directory
        return
    yield root / "src" / convention.directory / API
    for path in _directories(root / convention.directory):
        if path.name.lower() == API and path.name != API:
            yield path
    if convention.name == "pages":
        yield root / API


def shortened(names: Sequence[str]) -> str:
    """Return the names in one line, only the first names if there are many."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
