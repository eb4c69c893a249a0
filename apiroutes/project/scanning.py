"""The routes of all conventions.

In: the project directory and settings. Out: one `Scan`; problems and warnings are added to those given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from apiroutes.errors import Problem, Problems
from apiroutes.project.missing_routes import report_no_route, shortened, warn_of_misplaced
from apiroutes.routing import CONVENTIONS, Convention, Kind, Scan, Segment, scan
from apiroutes.settings import Settings

__all__ = ["prefix_of", "scan_project", "segments_of"]


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
            message = "is a link that leads to no directory, so it cannot contain routes."
            whole.problems.append(Problem(convention.directory, message, "Repair the link, or remove it."))
    problems += whole.problems
    if not whole.routes and not whole.problems:
        report_no_route(root, whole, conventions, problems, warnings)
    else:
        warn_of_misplaced(root, conventions, warnings)
    return whole


def _scan_directory(root: Path, convention: Convention, settings: Settings, warnings: Problems) -> Scan:
    prefix = settings.base_path + (settings.api_prefix if convention.is_below_api else "")
    part = scan(root, convention, segments_of(prefix), settings.page_extensions)
    warnings += part.warnings
    if part.unlike:
        warnings += _unlike(part.unlike, convention, settings.page_extensions)
    return part


def _add(whole: Scan, part: Scan) -> None:
    whole.routes += part.routes
    whole.middleware += part.middleware
    whole.problems += part.problems
    whole.unlike += part.unlike
    whole.helpers += part.helpers


def _unlike(files: Sequence[str], convention: Convention, extensions: Sequence[str]) -> Iterator[Problem]:
    """Yield the warnings about files that are not routes because of their extension or capital letters."""
    capital = [file for file in files if file.lower().endswith("/route.py")]
    for file in capital:
        remedy = f"Call it {file.rpartition('/')[0]}/route.py."
        yield Problem(file, "is not a route: the name of a route file must be in lower case.", remedy)
    files = [file for file in files if file not in capital]
    if not files:
        return
    endings = " or ".join(f".{extension}" for extension in extensions)
    verb = "is not a route" if len(files) == 1 else "are not routes"
    remedy = f"Rename each file that is meant to be one, or {convention.how_to_hide}."
    yield Problem(shortened(files), f"{verb}: the name of a route file ends in {endings}.", remedy)
