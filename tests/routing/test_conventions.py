"""The three file-name grammars: the paths that files answer, and the marks under wrong names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiroutes import App, Problem, ProjectError
from apiroutes.routing import CONVENTIONS, Convention
from apiroutes.routing.pattern import PatternError
from tests.support import HELLO, call, project

SHOW = "def handler(req, res):\n    res.json([req.params])\n"

# a file, a target, the parameters its handler sees
ANSWERS: list[tuple[str, str, dict[str, object]]] = [
    ("pages/api.py", "/api", {}),
    ("pages/api/index.py", "/api", {}),
    ("pages/api/index/index.py", "/api/index", {}),
    ("pages/api/post/index.py", "/api/post", {}),
    ("pages/api/[id]/index.py", "/api/1", {"id": "1"}),
    ("pages/api/post/[...slug].py", "/api/post/a/b", {"slug": ["a", "b"]}),
    ("pages/api/post/[[...slug]].py", "/api/post", {}),
    ("app/api/route.py", "/api", {}),
    ("app/api/users/[id]/route.py", "/api/users/1", {"id": "1"}),
    ("app/api/[...rest]/route.py", "/api/a/b", {"rest": ["a", "b"]}),
    ("app/api/(group)/x/route.py", "/api/x", {}),
    ("app/(group)/api/x/route.py", "/api/x", {}),
    ("app/api/(a)/(b)/route.py", "/api", {}),
    ("app/api/%5Fx/route.py", "/api/_x", {}),
    ("app/api/%5fx/route.py", "/api/_x", {}),
    ("app/route.py", "/", {}),
    ("app/rss.xml/route.py", "/rss.xml", {}),
    ("app/page/route.py", "/page", {}),
    ("app/(site)/feeds/[name]/route.py", "/feeds/a", {"name": "a"}),
    ("app/[...all]/route.py", "/a/b", {"all": ["a", "b"]}),
    ("app/[[...all]]/route.py", "/", {}),
    ("routes/api.py", "/api", {}),
    ("routes/api.users.py", "/api/users", {}),
    ("routes/api/users.py", "/api/users", {}),
    ("routes/api.users.index.py", "/api/users", {}),
    ("routes/api/users/route.py", "/api/users", {}),
    ("routes/api/users/$id.py", "/api/users/1", {"id": "1"}),
    ("routes/api.users.$id.posts.py", "/api/users/1/posts", {"id": "1"}),
    ("routes/api/file/$.py", "/api/file/a/b", {"_splat": "a/b"}),
    ("routes/api/file/$.py", "/api/file", {"_splat": ""}),
    ("routes/api/_layout/users.py", "/api/_layout/users", {}),
    ("routes/api/_db.py", "/api/_db", {}),
]


@pytest.mark.parametrize(("file", "target", "params"), ANSWERS)
def test_a_file_answers_its_path(tmp_path: Path, file: str, target: str, params: dict[str, object]) -> None:
    answer = call(App(project(tmp_path, {file: SHOW})), target=target)
    assert (answer.status, answer.json()) == (200, [params])


# files that are not routes; each would raise if it were imported
NO_ROUTES = [
    ("pages/other.py", "/other"),
    ("pages/apix/y.py", "/apix/y"),
    ("app/api/_private/route.py", "/api/_private"),
    ("app/api/x/helper.py", "/api/x/helper"),
    ("app/_x/y/route.py", "/y"),
    ("app/page/helper.py", "/page/helper"),
    ("routes/other.py", "/other"),
    ("routes/api/.x.py", "/api/.x"),
    ("routes/api/-db.py", "/api/-db"),
    ("routes/api/-helpers/x.py", "/api/-helpers/x"),
    ("routes/-api/x.py", "/-api/x"),
    ("routes/api/__init__.py", "/api/__init__"),
    ("routes/api/__pycache__/x.py", "/api/__pycache__/x"),
]


@pytest.mark.parametrize(("file", "target"), NO_ROUTES)
def test_a_file_that_is_not_a_route_is_never_imported(tmp_path: Path, file: str, target: str) -> None:
    app = App(project(tmp_path, {file: "raise RuntimeError('imported')", "pages/api/x.py": HELLO}))
    assert call(app, target=target).status == 404


def test_a_dash_inside_a_name_is_literal(tmp_path: Path) -> None:
    files = dict.fromkeys(["routes/api/a-b.py", "routes/api.-c.py", "pages/api/-d.py"], HELLO)
    app = App(project(tmp_path, files))
    assert [call(app, target=f"/api/{name}").status for name in ("a-b", "-c", "-d")] == [200] * 3


# a wrong name: the characters that are marked, what the message says
WRONG = {
    "app/api/(a/route.py": ("(", "does not close it"),
    "app/api/(.)/route.py": ("(.)", "is not a group"),
    "app/api/()/route.py": ("()", "is not a group"),
    "app/api/@slot/route.py": ("@", "a slot of a page"),
    "app/api/a[b]/route.py": ("[", "bracket inside"),
    "app/api/[...a]/b/route.py": ("[...a]", "must be the last segment"),
    "app/api/[id]/(group)/[id]/route.py": ("[id]", "used twice"),
    "routes/api..x.py": (".", "empty name between its dots"),
    "routes/api/x..py": (".", "empty name between its dots"),
    "routes/api/x[.]json.py": ("[", "escapes, optional parameters and affixes do not work yet"),
    "routes/api/{-$x}.py": ("{", "escapes, optional parameters and affixes do not work yet"),
    "routes/api.a\tb.py": ("\t", "no request path has"),
}


@pytest.mark.parametrize("file", WRONG)
def test_a_wrong_name_is_marked(tmp_path: Path, file: str) -> None:
    marked, message = WRONG[file]
    (problem,) = problems_of(tmp_path, file)
    assert (problem.file, problem.source) == (file, file)
    assert problem.span is not None
    assert file[slice(*problem.span)] == marked
    assert message in problem.message
    assert problem.remedy


# two files of different conventions that cannot be together: the message
CLASHES = {
    ("pages/api/u/[id].py", "app/api/u/[id]/route.py"): "pages/api/u/[id].py answers /api/u/[id] already",
    ("pages/api/u.py", "routes/api.u.index.py"): "pages/api/u.py answers /api/u already",
    ("app/api/u/[id]/route.py", "routes/api.u.$slug.x.py"): "called 'slug' here and 'id' in app/api/u",
    ("pages/api/u/[...r].py", "routes/api.u.$.py"): "is a catch-all at the same place",
    ("app/api/(a)/x/route.py", "app/api/(b)/x/route.py"): "app/api/(a)/x/route.py answers /api/x already",
    ("pages/api/index.py", "app/api/route.py"): "pages/api/index.py answers /api already",
    ("app/(a)/route.py", "app/(b)/route.py"): "app/(a)/route.py answers / already",
    ("app/[a]/route.py", "app/[b]/x/route.py"): "called 'b' here and 'a' in app/[a]/route.py",
}


@pytest.mark.parametrize("files", CLASHES)
def test_conventions_share_one_tree(tmp_path: Path, files: tuple[str, str]) -> None:
    (problem,) = problems_of(tmp_path, *files)
    assert problem.file == files[1]
    assert CLASHES[files] in problem.message


def test_a_bare_splat_outranks_a_parameter_beside_it(tmp_path: Path) -> None:
    source = "def handler(req, res):\n    res.json(req.params)\n"
    app = App(project(tmp_path, {"routes/api/file/$.py": source, "routes/api/$id.py": source}))
    assert [call(app, target=f"/api/{path}").json() for path in ("file", "x")] == [
        {"_splat": ""},
        {"id": "x"},
    ]


def test_an_index_beside_a_splat_answers_the_bare_path(tmp_path: Path) -> None:
    index = "def handler(req, res): res.send('index')"
    app = App(project(tmp_path, {"routes/api/f/$.py": SHOW, "routes/api/f/index.py": index}))
    assert call(app, target="/api/f").body == b"index"
    assert call(app, target="/api/f/a").json() == [{"_splat": "a"}]


def test_mistakes_of_every_kind_are_reported_together(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.apiroutes]\nprot = 1\n",
        "pages/api/[a.py": HELLO,
        "pages/api/b.py": "",
        "pages/api/c.py": f"{HELLO}config = {{'apii': 1}}\n",
        "pages/api/d.py": "1 / 0",
        "pages/api/e.py": "def handler(:",
        "pages/api/f.py": "raise SystemExit(1)",
        "pages/api/g.py": "handler = 1",
        "pages/api/h.py": HELLO,
        "pages/api/i/[x].py": HELLO,
        "app/api/h/route.py": HELLO,
        "routes/api.i.$y.py": HELLO,
    }
    with pytest.raises(ProjectError) as caught:
        App(project(tmp_path, files))
    fine = {"pages/api/h.py", "pages/api/i/[x].py"}
    assert {problem.file for problem in caught.value.problems} == files.keys() - fine
    assert str(caught.value).startswith("10 problems in this project:")


@given(
    st.sampled_from(CONVENTIONS),
    st.lists(st.text(alphabet="[]().$@{}_-ab%5F…", min_size=1, max_size=8), min_size=1, max_size=3),
)
def test_any_name_reads_or_is_refused_inside_the_part(convention: Convention, names: list[str]) -> None:
    parts = ("api", *names, "route")
    wrong = None
    try:
        convention.read(parts)
    except PatternError as error:
        wrong = error
    if wrong is not None:
        assert 0 <= wrong.span[0] < wrong.span[1] <= len(parts[wrong.part])
        assert wrong.remedy


def problems_of(root: Path, *files: str) -> tuple[Problem, ...]:
    with pytest.raises(ProjectError) as caught:
        App(project(root, dict.fromkeys(files, HELLO)))
    return caught.value.problems
