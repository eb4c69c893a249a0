"""The same routes answer the same in pages, app and tanstack (docs/behaviour.md §1)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apiroutes import App, Problem, ProjectError
from tests.support import HELLO, call, project

CONVENTIONS = ("pages", "app", "tanstack")

# a route: its file in each convention, in the order of CONVENTIONS
ROUTES = {
    "root": ("pages/api/index.py", "app/api/route.py", "routes/api.py"),
    "static": ("pages/api/hello.py", "app/api/hello/route.py", "routes/api.hello.py"),
    "index": ("pages/api/posts/index.py", "app/api/posts/route.py", "routes/api/posts.index.py"),
    "dynamic": ("pages/api/posts/[id].py", "app/api/posts/[id]/route.py", "routes/api/posts/$id.py"),
    "static beside dynamic": (
        "pages/api/posts/new.py",
        "app/api/(write)/posts/new/route.py",
        "routes/api.posts/new.py",
    ),
    "below static": (
        "pages/api/posts/new/draft.py",
        "app/(site)/api/posts/new/draft/route.py",
        "routes/api.posts.new.draft.py",
    ),
    "below dynamic": (
        "pages/api/posts/[id]/comments/index.py",
        "app/api/posts/[id]/comments/route.py",
        "routes/api.posts.$id.comments/route.py",
    ),
    "nested dynamic": (
        "pages/api/posts/[id]/comments/[comment].py",
        "app/api/posts/[id]/comments/[comment]/route.py",
        "routes/api/posts/$id.comments.$comment.py",
    ),
    "catch-all": ("pages/api/docs/[...path].py", "app/api/docs/[...path]/route.py", "routes/api/docs/$.py"),
    "beside catch-all": ("pages/api/docs/index.py", "app/api/docs/route.py", "routes/api.docs.index.py"),
    "optional catch-all": (
        "pages/api/files/[[...path]].py",
        "app/api/files/[[...path]]/route.py",
        "routes/api.files.$.py",
    ),
    "beside optional catch-all": (
        "pages/api/files/list.py",
        "app/api/files/list/route.py",
        "routes/api.files.list.py",
    ),
    "odd name": ("pages/api/größe & co.py", "app/api/größe & co/route.py", "routes/api.größe & co.py"),
}

HANDLER = "def GET(params):\n    return [{!r}, params]\n"


class Seen(NamedTuple):
    status: int
    content: Any
    headers: tuple[str | None, ...] = (None, None)  # Allow, Location


def found(route: str, **params: str | list[str]) -> Seen:
    return Seen(200, [route, params])


REQUESTS = {
    ("GET", "/api"): found("root"),
    ("GET", "/api/hello"): found("static"),
    ("GET", "/api/hello?x=1"): found("static"),
    ("GET", "/api/h%65llo"): found("static"),
    ("GET", "/api/gr%C3%B6%C3%9Fe%20%26%20co"): found("odd name"),
    ("GET", "/api/posts"): found("index"),
    ("GET", "/api/posts/1"): found("dynamic", id="1"),
    ("GET", "/api/posts/a%2Fb"): found("dynamic", id="a/b"),
    ("GET", "/api/posts/a%252Fb"): found("dynamic", id="a%2Fb"),
    ("GET", "/api/posts/a+b"): found("dynamic", id="a+b"),
    ("GET", "/api/posts/[id]"): found("dynamic", id="[id]"),
    ("GET", "/api/posts/$id"): found("dynamic", id="$id"),
    ("GET", "/api/posts/index"): found("dynamic", id="index"),
    ("GET", "/api/posts/route"): found("dynamic", id="route"),
    ("GET", "/api/posts/New"): found("dynamic", id="New"),
    ("GET", "/api/posts/new"): found("static beside dynamic"),
    ("GET", "/api/posts/new/draft"): found("below static"),
    ("GET", "/api/posts/new/comments"): found("below dynamic", id="new"),
    ("GET", "/api/posts/1/comments"): found("below dynamic", id="1"),
    ("GET", "/api/posts/1/comments/2"): found("nested dynamic", id="1", comment="2"),
    ("GET", "/api/posts/new/comments/2"): found("nested dynamic", id="new", comment="2"),
    ("GET", "/api/docs"): found("beside catch-all"),
    ("GET", "/api/docs/a"): found("catch-all", path=["a"]),
    ("GET", "/api/docs/a/b%20c"): found("catch-all", path=["a", "b c"]),
    ("GET", "/api/files"): found("optional catch-all"),
    ("GET", "/api/files/a/b"): found("optional catch-all", path=["a", "b"]),
    ("GET", "/api/files/list"): found("beside optional catch-all"),
    ("GET", "/api/files/list/a"): found("optional catch-all", path=["list", "a"]),
    ("HEAD", "/api/posts/1"): Seen(200, ""),
    ("OPTIONS", "/api/posts/1"): Seen(204, "", ("GET, HEAD, OPTIONS", None)),
    ("POST", "/api/posts/1"): Seen(405, "Method Not Allowed", ("GET, HEAD, OPTIONS", None)),
    ("PROPFIND", "/api/docs/a"): Seen(405, "Method Not Allowed", ("GET, HEAD, OPTIONS", None)),
    ("GET", "/api/posts/1/"): Seen(308, "/api/posts/1", (None, "/api/posts/1")),
    ("GET", "/api//posts/1?a=b"): Seen(308, "/api/posts/1?a=b", (None, "/api/posts/1?a=b")),
    ("GET", "/api/"): Seen(308, "/api", (None, "/api")),
    ("GET", "/api/Hello"): Seen(404, "Not Found"),
    ("GET", "/api/hello/x"): Seen(404, "Not Found"),
    ("GET", "/api/posts/new/other"): Seen(404, "Not Found"),
    ("GET", "/api/posts/1/comments/2/3"): Seen(404, "Not Found"),
    ("GET", "/api/nothing"): Seen(404, "Not Found"),
    ("GET", "/posts"): Seen(404, "Not Found"),
    ("GET", "/api/docs/../hello"): Seen(404, "Not Found"),
    ("GET", "/api/docs/%2E%2E"): Seen(404, "Not Found"),
    ("GET", "/api/posts/a%2F..%2Fb"): Seen(404, "Not Found"),
    ("GET", "/api/posts/a%00"): Seen(400, "Bad Request"),
    ("GET", "/api/posts/%FF"): Seen(400, "Bad Request"),
    ("GET", "/api/posts/%zz"): Seen(400, "Bad Request"),
}


def seen(app: App, method: str, target: str) -> Seen:
    """Return the response, with TanStack's splat as the list of segments that a catch-all captures."""
    answer = call(app, method, target)
    headers = (answer.header("Allow"), answer.header("Location"))
    if answer.header("Content-Type") != "application/json; charset=utf-8" or method == "HEAD":
        return Seen(answer.status, answer.body.decode(), headers)
    route, params = answer.json()
    splat = params.pop("_splat", "")
    if splat:
        params["path"] = splat.split("/")
    return Seen(answer.status, [route, params], headers)


def spelled(*conventions: int) -> dict[str, str]:
    """Return the files of all routes, each in the next of the conventions in turn."""
    turns = itertools.cycle(conventions)
    return {files[turn]: HANDLER.format(name) for (name, files), turn in zip(ROUTES.items(), turns)}


SPELLINGS = {
    "pages": spelled(0),
    "app": spelled(1),
    "tanstack": spelled(2),
    "all three": spelled(0, 1, 2),
    "all three, turned": spelled(1, 2, 0),
    "all three, turned again": spelled(2, 0, 1),
}


@pytest.fixture(scope="module", params=SPELLINGS)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(project(tmp_path_factory.mktemp("project"), SPELLINGS[request.param]))


@pytest.mark.parametrize(("method", "target"), REQUESTS)
def test_every_spelling_answers_the_same(app: App, method: str, target: str) -> None:
    assert seen(app, method, target) == REQUESTS[method, target]


def test_a_splat_is_one_string_that_may_be_empty(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"routes/api/files/$.py": "def GET(params): return params"}))
    targets = ("/api/files", "/api/files/a", "/api/files/a/b", "/api/files/a%2Fb/c")
    values = [call(app, target=target).json() for target in targets]
    assert values == [{"_splat": ""}, {"_splat": "a"}, {"_splat": "a/b"}, {"_splat": "a/b/c"}]


def test_a_catch_all_does_not_match_its_bare_path(tmp_path: Path) -> None:
    files = [ROUTES["catch-all"][0], "app/api/other/[...path]/route.py"]
    app = App(project(tmp_path, dict.fromkeys(files, HELLO)))
    assert [call(app, target=f"/api/{name}").status for name in ("docs", "other")] == [404, 404]


# -- one tree ------------------------------------------------------------------------------


def problems_of(root: Path, files: Mapping[str, str], **settings: Any) -> tuple[Problem, ...]:
    with pytest.raises(ProjectError) as caught:
        App(project(root, files), **settings)
    return caught.value.problems


@pytest.mark.parametrize("pair", [*itertools.combinations(range(3), 2)], ids=str)
@pytest.mark.parametrize("name", ROUTES)
def test_the_same_path_twice_names_both_files(tmp_path: Path, name: str, pair: tuple[int, int]) -> None:
    first, second = (ROUTES[name][convention] for convention in pair)
    (problem,) = problems_of(tmp_path, {first: HELLO, second: HELLO})
    assert problem.file == second
    assert first in problem.message
    assert problem.remedy


@pytest.mark.parametrize("name", ["root", "static", "dynamic", "nested dynamic"])
def test_the_same_path_three_times_is_reported_for_each_file_after_the_first(
    tmp_path: Path, name: str
) -> None:
    files = ROUTES[name]
    problems = problems_of(tmp_path, dict.fromkeys(files, HELLO))
    assert [problem.file for problem in problems] == [*files[1:]]
    assert all(files[0] in problem.message for problem in problems)


def test_two_names_for_one_level_are_an_error_across_conventions(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, {"app/api/u/[id]/route.py": HELLO, "routes/api.u.$slug.x.py": HELLO})
    assert [problem.file for problem in problems] == ["routes/api.u.$slug.x.py"]
    assert "called 'slug' here and 'id' in app/api/u/[id]/route.py" in problems[0].message


# -- private names -------------------------------------------------------------------------

FAILS = "raise RuntimeError('imported')\n"
MIDDLEWARE = "def middleware(req, res, next):\n    next()\n"

# convention: a route beside private files, which would stop the start if they were imported
PRIVATE = {
    "pages": ("pages/api/x.py", ["_h.py", ".h.py", "_d/y.py", ".d/y.py", "_d/deep/y.py", "__pycache__/y.py"]),
    "app": ("app/api/x/route.py", ["_d/route.py", ".d/route.py", "_d/deep/route.py", "x/_h.py", "x/h.py"]),
    "tanstack": ("routes/api/x.py", [".h.py", ".d/y.py", "__pycache__/y.py"]),
}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_private_names_are_not_routes_and_never_imported(tmp_path: Path, convention: str) -> None:
    route, names = PRIVATE[convention]
    directory = f"{route.split('/')[0]}/api"
    files = {f"{directory}/{name}": FAILS for name in names}
    app = App(project(tmp_path, {**files, route: HELLO}))
    assert call(app).status == 200
    for name in names:
        path = name.removesuffix(".py").removesuffix("/route")
        assert call(app, target=f"/api/{path}").status == 404, name


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_middleware_and_packages_are_not_routes(tmp_path: Path, convention: str) -> None:
    route = PRIVATE[convention][0]
    top = route.split("/")[0]
    names = {"_middleware.py": MIDDLEWARE, "__init__.py": "", "x/_middleware.py": MIDDLEWARE}
    files = {f"{top}/api/{name}": source for name, source in names.items()}
    app = App(project(tmp_path, {**files, route: HELLO}))
    targets = ("x", "_middleware", "__init__", "x/_middleware")
    assert [call(app, target=f"/api/{target}").status for target in targets] == [200, 404, 404, 404]


@pytest.mark.parametrize(
    ("file", "target"),
    [
        ("routes/api/_layout/users.py", "/api/_layout/users"),
        ("routes/api._layout.users.py", "/api/_layout/users"),
        ("routes/api/_layout.py", "/api/_layout"),
        ("routes/api/_layout/$id.py", "/api/_layout/1"),
        ("routes/api/users_/edit.py", "/api/users_/edit"),
        ("routes/api/(group)/x.py", "/api/(group)/x"),
        ("app/api/%5Flayout/users/route.py", "/api/_layout/users"),
        ("app/api/%5flayout/route.py", "/api/_layout"),
        ("pages/api/(group)/x.py", "/api/(group)/x"),
        ("pages/api/$id.py", "/api/$id"),
        ("pages/api/a.b.py", "/api/a.b"),
        ("app/api/$id/a.b/route.py", "/api/$id/a.b"),
    ],
)
def test_what_marks_a_name_in_one_convention_is_literal_in_another(
    tmp_path: Path, file: str, target: str
) -> None:
    app = App(project(tmp_path, {file: HELLO}))
    assert call(app, target=target).status == 200
    assert call(app, target="/api/users").status == 404


# -- wrong names ---------------------------------------------------------------------------

NOT_YET = "escapes, optional parameters and affixes do not work yet"

# a wrong name: the characters that are marked, with where they begin; what the message says
WRONG = {
    "routes/api/sitemap[.]xml.py": ("[", 18, NOT_YET),
    "routes/api.sitemap[.]xml.py": ("[", 18, NOT_YET),
    "routes/api/x[.]d/y.py": ("[", 12, NOT_YET),
    "routes/api/{-$x}.py": ("{", 11, NOT_YET),
    "routes/api/x/{-$x}/y.py": ("{", 13, NOT_YET),
    "routes/api/{$id}[.]json.py": ("{", 11, NOT_YET),
    "routes/api/v{$id}.py": ("{", 12, NOT_YET),
    "routes/api/a..b.py": (".", 12, "empty name between its dots"),
    "routes/api..b.py": (".", 10, "empty name between its dots"),
    "routes/api/x/a..py": (".", 14, "empty name between its dots"),
    "routes/api/a\\b.py": ("\\", 12, "no request path has"),
    "routes/api/$/x.py": ("$", 11, "must be the last segment"),
    "routes/api.f.$.x.py": ("$", 13, "must be the last segment"),
    "routes/api.$id.x.$id.py": ("$id", 17, "used twice"),
    "routes/api/$id/$id.py": ("$id", 15, "used twice"),
    "routes/api/$a-b.$ab.py": ("$ab", 16, "punctuation"),
    "app/api/(x/route.py": ("(", 8, "does not close it"),
    "app/(x/api/y/route.py": ("(", 4, "does not close it"),
    "app/api/a/()/route.py": ("()", 10, "is not a group"),
    "app/api/(.)/route.py": ("(.)", 8, "is not a group"),
    "app/api/@slot/route.py": ("@", 8, "a slot of a page"),
    "app/api/a/@slot/x/route.py": ("@", 10, "a slot of a page"),
    "app/api/(.)x/route.py": ("(.)", 8, "is not a group"),
    "app/api/(..)(..)x/route.py": ("(..)", 8, "is not a group"),
    "app/api/(x)y/route.py": ("y", 11, "text after"),
    "app/api/%5F[id]/route.py": ("[", 11, "bracket inside"),
    "app/api/(g)/[id/route.py": ("d", 14, "not closed"),
    "app/api/[...r]/y/route.py": ("[...r]", 8, "must be the last segment"),
}


def check_mark(root: Path, file: str, marked: str, start: int, message: str) -> None:
    (problem,) = problems_of(root, {file: HELLO})
    assert (problem.file, problem.source) == (file, file)
    assert problem.span == (start, start + len(marked))
    assert file[slice(*problem.span)] == marked
    assert message in problem.message
    assert problem.remedy


@pytest.mark.parametrize("file", WRONG)
def test_a_wrong_name_is_marked(tmp_path: Path, file: str) -> None:
    check_mark(tmp_path, file, *WRONG[file])


@pytest.mark.parametrize("file", WRONG)
def test_a_wrong_name_stops_the_start(tmp_path: Path, file: str) -> None:
    fine = {"pages/api/fine.py": HELLO}
    assert [problem.file for problem in problems_of(tmp_path, {file: HELLO, **fine})] == [file]


def test_wrong_names_of_all_conventions_are_reported_together(tmp_path: Path) -> None:
    files = ["pages/api/[a.py", "app/api/(x/route.py", "routes/api/a..b.py"]
    problems = problems_of(tmp_path, dict.fromkeys(files, HELLO))
    assert [problem.file for problem in problems] == files


# -- the setting ---------------------------------------------------------------------------

SAME_PATH = dict(zip(CONVENTIONS, ROUTES["static"]))


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_files_of_a_disabled_convention_are_ignored(tmp_path: Path, convention: str) -> None:
    others = {file: FAILS for name, file in SAME_PATH.items() if name != convention}
    wrong = {
        "pages": "pages/api/[a.py",
        "app": "app/api/(x/route.py",
        "tanstack": "routes/api/a..b.py",
    }
    del wrong[convention]
    files = {**others, **dict.fromkeys(wrong.values(), HELLO), SAME_PATH[convention]: HELLO}
    app = App(project(tmp_path, files), conventions=[convention])
    assert call(app, target="/api/hello").json() == {"message": "Hello"}


@pytest.mark.parametrize("pair", [*itertools.combinations(CONVENTIONS, 2)], ids="-".join)
def test_the_order_of_the_setting_does_not_count(tmp_path: Path, pair: tuple[str, str]) -> None:
    files = dict.fromkeys(SAME_PATH.values(), HELLO)
    either = problems_of(tmp_path, files, conventions=pair)
    assert either == problems_of(tmp_path, files, conventions=pair[::-1])
    assert [problem.file for problem in either] == [SAME_PATH[pair[1]]]


def test_the_setting_is_read_from_pyproject_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = {"pyproject.toml": '[tool.apiroutes]\nconventions = ["app"]\n'}
    files = {file: HANDLER.format(name) for name, file in SAME_PATH.items()}
    root = project(tmp_path, {**files, **toml})
    assert call(App(root), target="/api/hello").json()[0] == "app"
    monkeypatch.setenv("APIROUTES_CONVENTIONS", "tanstack")
    assert call(App(root), target="/api/hello").json()[0] == "tanstack"
    assert call(App(root, conventions=["pages"]), target="/api/hello").json()[0] == "pages"


@pytest.mark.parametrize("value", [[], ["next"], ["pages", "Pages"], 3])
def test_a_wrong_setting_stops_the_start(tmp_path: Path, value: Any) -> None:
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO}, conventions=value)
    assert "conventions" in problem.message


def test_routes_of_a_disabled_convention_do_not_count(tmp_path: Path) -> None:
    problems_of(tmp_path, {"pages/api/x.py": HELLO}, conventions=["app"])
