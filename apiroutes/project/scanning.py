"""The routes of all conventions, and the report for a project without routes.

In: the project directory and settings. Out: one `Scan`; problems and warnings are added to those given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apiroutes.errors import Problem, Problems
from apiroutes.routing import API, CONVENTIONS, Convention, Kind, Scan, Segment, scan
from apiroutes.settings import Settings

__all__ = ["listed", "prefix_of", "scan_project", "segments_of"]

_MOST = 20  # names in one message


def prefix_of(settings: Settings) -> tuple[Segment, ...]:
    """Return the segments that every route begins with, unless its convention is not below `api`."""
    return segments_of(settings.base_path + settings.api_prefix)


def segments_of(path: str) -> tuple[Segment, ...]:
    """Return the static segments of a path."""
    return tuple(Segment(Kind.STATIC, text) for text in path.split("/") if text)


def scan_project(root: Path, settings: Settings, problems: Problems, warnings: Problems) -> Scan:
    """Scan the directory of each convention. A project that has no route is a problem."""
    whole = Scan()
    conventions = [convention for convention in CONVENTIONS if convention.name in settings.conventions]
    for convention in conventions:
        directory = root / convention.directory
        if directory.is_dir():
            _add(whole, _scan_directory(root, convention, settings, warnings))
        elif directory.is_symlink():
            message = "is a link that leads to no directory, so it can hold no route."
            whole.problems.append(Problem(convention.directory, message, "Mend the link, or remove it."))
    problems += whole.problems
    if not whole.routes and not whole.problems:
        _report_no_route(root, whole, conventions, problems)
    return whole


def _scan_directory(root: Path, convention: Convention, settings: Settings, warnings: Problems) -> Scan:
    prefix = settings.base_path + (settings.api_prefix if convention.is_below_api else "")
    part = scan(root, convention, segments_of(prefix), settings.page_extensions)
    warnings += part.warnings
    if part.unlike:
        warnings.append(_unlike(part.unlike, convention, settings.page_extensions))
    return part


def _add(whole: Scan, part: Scan) -> None:
    whole.routes += part.routes
    whole.middleware += part.middleware
    whole.problems += part.problems
    whole.unlike += part.unlike
    whole.helpers += part.helpers


def _report_no_route(
    root: Path, scanned: Scan, conventions: Sequence[Convention], problems: Problems
) -> None:
    message = f"there is no route in {root.name or root}, so there is nothing to serve."
    remedy = "Create pages/api/hello.py with `def handler(req, res): ...` in it."
    place = "pages/api"
    if scanned.unlike:
        place, message = scanned.unlike[0], f"{message} Not routes: {listed(scanned.unlike)}."
    elif scanned.helpers:
        place, message = scanned.helpers[0], f"{message} Not routes: {listed(scanned.helpers)}."
        remedy = f"Call it {scanned.helpers[0].removesuffix('.py')}/route.py."
    elif any((root / convention.directory / API).is_dir() for convention in conventions):
        return  # the first route will be there
    problems.add(place, message, remedy)


def _unlike(files: Sequence[str], convention: Convention, extensions: Sequence[str]) -> Problem:
    """Return the warning about files that are not routes because of their extension."""
    endings = " or ".join(f".{extension}" for extension in extensions)
    verb = "is not a route" if len(files) == 1 else "are not routes"
    remedy = f"Rename each file that is meant to be one, or {convention.how_to_hide}."
    return Problem(listed(files), f"{verb}: the name of a route's file ends in {endings}.", remedy)


def listed(names: Sequence[str]) -> str:
    """Return the names in one line, only the first of them if there are many."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
