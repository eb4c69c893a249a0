"""Middleware of a directory, and routes of another convention at its path, for which it does not run."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from apiroutes import App
from tests.start_reports import warnings_of
from tests.support import call, project

GUARD = textwrap.dedent("""
    from apiroutes import ApiError

    def middleware(req, res, next):
        raise ApiError(401)
    """)
SHARED = "from lib.guards import signed_in as middleware"
GUARDS = {"lib/guards.py": GUARD.replace("middleware", "signed_in")}
CHECKED = "from apiroutes import Depends\nfrom lib.guards import allowed\ndependencies = [Depends(allowed)]\n"
CHECKS = {"lib/guards.py": "def allowed(req): pass"}
GET = "def GET(): return 1"

Files = dict[str, str]

# Each project, the file that is warned of, the path, and the routes that it leaves out.
LEFT_OUT: list[tuple[Files, str, str, str]] = [
    (
        {"pages/api/admin/_middleware.py": GUARD, "app/api/admin/x/route.py": GET},
        "pages/api/admin/_middleware.py",
        "/api/admin",
        "app/api/admin/x/route.py",
    ),
    (
        {"app/api/admin/_middleware.py": GUARD, "pages/api/admin.py": GET, "routes/api/admin/$id.py": GET},
        "app/api/admin/_middleware.py",
        "/api/admin",
        "pages/api/admin.py, routes/api/admin/$id.py",
    ),
    (
        {"routes/api/admin/_middleware.py": GUARD, "pages/api/admin/[...path].py": GET},
        "routes/api/admin/_middleware.py",
        "/api/admin",
        "pages/api/admin/[...path].py",
    ),
    (  # whose name in the other convention says the same path, and not the same directory
        {
            "pages/api/admin/_middleware.py": GUARD,
            "routes/api/admin/_middleware.py": GUARD,
            "routes/api.admin.x.py": GET,
        },
        "pages/api/admin/_middleware.py",
        "/api/admin",
        "routes/api.admin.x.py",
    ),
    (  # parameters, whatever they are called
        {"pages/api/[team]/_middleware.py": GUARD, "app/api/[name]/x/route.py": GET},
        "pages/api/[team]/_middleware.py",
        "/api/[team]",
        "app/api/[name]/x/route.py",
    ),
    (  # middleware above the path is for more than that
        {
            "pages/api/admin/_middleware.py": GUARD,
            "app/(shop)/_middleware.py": GUARD,
            "app/(shop)/api/admin/x/route.py": GET,
        },
        "pages/api/admin/_middleware.py",
        "/api/admin",
        "app/(shop)/api/admin/x/route.py",
    ),
    (
        {"app/_middleware.py": GUARD, "pages/api/hello.py": GET},
        "app/_middleware.py",
        "/",
        "pages/api/hello.py",
    ),
    (  # one method runs it, the other does not
        {
            **GUARDS,
            "pages/api/admin/_middleware.py": SHARED,
            "app/api/admin/x/route.py": "from apiroutes import use\nfrom lib.guards import signed_in\n"
            "@use(signed_in)\ndef POST(): return 1\ndef GET(): return 1",
        },
        "pages/api/admin/_middleware.py",
        "/api/admin",
        "app/api/admin/x/route.py",
    ),
    (
        {**CHECKS, "pages/api/admin/_middleware.py": CHECKED, "app/api/admin/x/route.py": GET},
        "pages/api/admin/_middleware.py",
        "/api/admin",
        "app/api/admin/x/route.py",
    ),
]


@pytest.mark.parametrize(("files", "file", "path", "routes"), LEFT_OUT)
def test_routes_of_another_convention_that_middleware_leaves_out_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, files: Files, file: str, path: str, routes: str
) -> None:
    assert warnings_of(tmp_path, files, caplog) == [
        f"{file} does not run for other routes at or below {path} ({routes}): the middleware of a directory "
        "runs only for the files in it. Import its functions into a `_middleware.py` beside these routes "
        "too, or write middleware.py, which is around all routes."
    ]


TOLD_NOTHING: list[Files] = [
    # of one convention
    {"pages/api/admin/_middleware.py": GUARD, "pages/api/admin/a.py": GET, "pages/api/admin.py": GET},
    # elsewhere, and where a pattern only may match
    {
        "pages/api/admin/_middleware.py": GUARD,
        "app/api/administration/route.py": GET,
        "app/api/[name]/x/route.py": GET,
        "app/admin/route.py": GET,
    },
    # with middleware of its own there, or below
    {
        "pages/api/admin/_middleware.py": GUARD,
        "app/api/admin/_middleware.py": GUARD,
        "app/api/admin/x/route.py": GET,
    },
    {
        "pages/api/admin/_middleware.py": GUARD,
        "app/api/admin/(x)/_middleware.py": GUARD,
        "app/api/admin/(x)/y/route.py": GET,
    },
    # a group has no path
    {"app/(shop)/_middleware.py": GUARD, "app/(shop)/cart/route.py": GET, "pages/api/hello.py": GET},
    # that run the same functions
    {
        **GUARDS,
        "pages/api/admin/_middleware.py": SHARED,
        "app/api/_middleware.py": SHARED,
        "app/api/admin/x/route.py": GET,
    },
    {
        **GUARDS,
        "pages/api/admin/_middleware.py": SHARED,
        "routes/api.admin.x.py": f"from lib.guards import signed_in\nmiddleware = [signed_in]\n{GET}",
    },
    {
        **CHECKS,
        "pages/api/admin/_middleware.py": CHECKED,
        "app/api/_middleware.py": CHECKED,
        "app/api/admin/x/route.py": GET,
    },
]


@pytest.mark.parametrize("files", TOLD_NOTHING)
def test_no_warning_without_a_route_that_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, files: Files
) -> None:
    assert warnings_of(tmp_path, files, caplog) == []


def test_a_directorys_middleware_is_for_its_files_and_for_missing_paths(tmp_path: Path) -> None:
    files = {
        "pages/api/admin/_middleware.py": GUARD,
        "pages/api/admin/a.py": GET,
        "app/api/admin/x/route.py": GET,
    }
    app = App(project(tmp_path, files))
    statuses = [call(app, "GET", f"/api/admin/{name}").status for name in ("a", "none", "x")]
    assert statuses == [401, 401, 200]
