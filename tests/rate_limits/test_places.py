"""Which limits count together: what tells them apart, and what an edit of their file changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.rate_limits.limited import OK, statuses
from tests.start_reports import problems_of
from tests.support import call, project

IMPORT = "from apiroutes.middleware import rate_limit\n"
HELPER = IMPORT + "def limit(rate='2/hour', **more):\n    return rate_limit(rate, **more)\n"
SIGNED_IN = "def sign_in(req, res, next):\n    req.context['user'] = 'ann'\n    return next()\n"


def left_by(root: Path, source: str, **more: str) -> list[int]:
    """The statuses of three requests to a route whose directory has this middleware."""
    source = IMPORT + SIGNED_IN + source + "middleware = [sign_in, *middleware]\n"
    files = {"middleware.py": source, "pages/api/x.py": OK, **more}
    return statuses(App(project(root, files), rate_limit_store="memory"), 3)


@pytest.mark.parametrize(
    "source",
    [
        "middleware = [rate_limit('2/hour'), rate_limit('2/hour')]\n",
        "middleware = [rate_limit('2/hour'), rate_limit('2/hour', by='user')]\n",
        "middleware = [rate_limit('2/hour') for _ in range(2)]\n",
        "middleware = [*map(lambda by: rate_limit('2/hour', by=by), ['address', 'user'])]\n",
        "middleware = [rate_limit('2/hour', by=lambda req: 1), rate_limit('2/hour', by=lambda req: 1)]\n",
        "middleware = [rate_limit('2/hour', cost=1), rate_limit('2/hour', cost=lambda req: 1)]\n",
        "from helper import limit\nmiddleware = [limit(), limit(by='user')]\n",
        "from helper import limit\nmiddleware = [limit(), limit('2/minute')]\n",
        "class A:\n    a = rate_limit('2/hour')\n    b = rate_limit('2/hour')\nmiddleware = [A.a, A.b]\n",
        "from helper import limit\nmiddleware = [limit(name='a'), limit(name='b')]\n",
    ],
)
def test_limits_of_one_place_count_apart(tmp_path: Path, source: str) -> None:
    assert left_by(tmp_path, source, **{"helper.py": HELPER}) == [200, 200, 429]


def test_what_nothing_tells_apart_is_a_start_error(tmp_path: Path) -> None:
    files = {
        "helper.py": HELPER,
        "pages/api/a.py": "from helper import limit\nmiddleware = [limit()]\n" + OK,
        "pages/api/b.py": "from helper import limit\nmiddleware = [limit()]\n" + OK,
    }
    (problem,) = problems_of(tmp_path, files, rate_limit_store="memory")
    assert (problem.file, problem.line, problem.source) == ("helper.py", 3, "return rate_limit(rate, **more)")
    assert problem.message == "`limit` makes several rate limits that nothing distinguishes."
    assert "`rate_limit(..., name=...)`" in problem.remedy


def test_one_object_in_two_routes_is_one_count(tmp_path: Path) -> None:
    route = "from helper import one\nmiddleware = [one]\n" + OK
    files = {"helper.py": HELPER + "one = limit()\n", "pages/api/a.py": route, "pages/api/b.py": route}
    app = App(project(tmp_path, files), rate_limit_store="memory")
    assert [call(app, target=f"/api/{name}").status for name in "aba"] == [200, 200, 429]


def test_a_module_that_is_loaded_twice_has_one_count(tmp_path: Path) -> None:
    """A file that imports middleware.py gets another module, in which the same function made the same."""
    source = "def limit():\n    return rate_limit('2/hour')\none = limit()\nmiddleware = [one]\n"
    route = "from middleware import one\nmiddleware = [one]\n" + OK
    assert left_by(tmp_path, source, **{"pages/api/x.py": route}) == [200, 429, 429]


@pytest.mark.parametrize(
    ("before", "after", "is_one"),
    [
        (
            "middleware = [rate_limit('2/hour')]\n",
            "\n\nimport os\nmiddleware = [rate_limit('2/hour')]\n",
            True,
        ),
        (
            "middleware = [rate_limit('2/hour')]\n",
            "middleware = [rate_limit('9/day'), rate_limit('2/hour')]\n",
            True,
        ),
        (
            "def by(req): return 1\nmiddleware = [rate_limit('2/hour', by=by)]\n",
            "\ndef by(req):\n    return 1\nmiddleware = [\n    rate_limit('2/hour', by=by)\n]\n",
            True,
        ),
        (
            "def f():\n    return rate_limit('2/hour')\nmiddleware = [f()]\n",
            "def f():\n    # A limit.\n    return rate_limit('2/hour')\nmiddleware = [f()]\n",
            True,
        ),
        ("middleware = [rate_limit('2/hour')]\n", "middleware = [rate_limit('2/hour', by='user')]\n", False),
    ],
)
def test_counts_survive_an_edit(tmp_path: Path, before: str, after: str, is_one: bool) -> None:
    """A deploy: new workers, which have the edited file, count on where the old ones were."""
    found = []
    for source in (before, after):
        files = {"middleware.py": IMPORT + SIGNED_IN + source, "pages/api/x.py": OK}
        files["middleware.py"] += "middleware = [sign_in, *middleware]\n"
        found += statuses(App(project(tmp_path, files), rate_limit_store="sqlite"), 2)
    assert found == [200, 200, *([429, 429] if is_one else [200, 200])]


def test_counts_of_a_config_survive_an_edit(tmp_path: Path) -> None:
    found = []
    for source in ("config = {'rateLimit': '2/hour'}\n", "\nconfig = {'rateLimit': ['3/hour', '9/day']}\n"):
        app = App(project(tmp_path, {"pages/api/x.py": source + OK}), rate_limit_store="sqlite")
        found += statuses(app, 2)
    assert found == [200, 200, 200, 429]
