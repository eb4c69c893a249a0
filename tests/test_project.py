"""Mistakes of a project: each is reported at start with its file, place and remedy, all at once."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path

import pytest

from apiroutes import App, Problem, ProjectError
from tests.support import HELLO, call, project

# name of the wrong file below pages/api: what is marked in it, what the message says
NAMES = {
    "[id.py": ("d", "not closed"),
    "id].py": ("]", "bracket inside"),
    "a[id].py": ("[", "bracket inside"),
    "[id]x.py": ("x", "text after its bracket"),
    "[].py": ("]", "no name"),
    "[...].py": ("]", "no name"),
    "[[...]].py": ("]", "no name"),
    "[[id]].py": ("[[id]]", "optional parameter"),
    "[[...a].py": ("]", "not closed"),
    "[...a]].py": ("]", "extra bracket"),
    "[[[...a]]].py": ("[", "extra bracket"),
    "[.id].py": (".", "stray dots"),
    "[..id].py": ("..", "stray dots"),
    "[....id].py": (".", "stray dots"),
    "[…id].py": ("…", "single character"),
    "[[a]x]].py": ("[", "extra bracket"),
    "[a[b]].py": ("[", "extra bracket"),
    "a\tb.py": ("\t", "no request path has"),
    "a\\b.py": ("\\", "no request path has"),
    "[...a]/b.py": ("[...a]", "must be the last segment"),
    "[a]/[a].py": ("[a]", "used twice"),
    "[a-b]/[ab].py": ("[ab]", "punctuation"),
}

# two files below pages/api that cannot be together: the file that is reported, what the message says
CONFLICTS = {
    ("post.py", "post/index.py"): ("post.py", "pages/api/post/index.py answers /api/post already"),
    ("[id]/a.py", "[slug]/b.py"): ("[slug]/b.py", "called 'slug' here and 'id' in pages/api/[id]/a.py"),
    ("[id].py", "[slug].py"): ("[slug].py", "called 'slug' here"),
    ("[...a].py", "[...b].py"): ("[...b].py", "called 'b' here"),
    ("[[...a]].py", "[...a].py"): ("[[...a]].py", "is a catch-all at the same place"),
    ("x/[[...a]].py", "x.py"): ("x/[[...a]].py", "which this optional catch-all answers too"),
}

# source of pages/api/x.py: what the message says, what the remedy says
SOURCES = {
    "": ("exports no handler", "def GET()"),
    "handler = 1": ("`handler` is of type int", "def handler(req, res)"),
    "raise RuntimeError('boom')": ("failed to import: RuntimeError: boom", "Correct line 1"),
    "import sys; sys.exit(3)": ("failed to import: SystemExit: 3", "Remove the call"),
    "def handler(:": ("failed to import: SyntaxError", "Correct line 1"),
    "raise RuntimeError('the cause\\nand more')": (
        "failed to import: RuntimeError: the cause",
        "Correct line 1",
    ),
    "raise RuntimeError": ("failed to import: RuntimeError.", "Correct line 1"),
    "import nothing_of_this_name": ("No module named 'nothing_of_this_name'", "Check the name"),
}

HANDLER = "def handler(req, res): ...\n"

# config of pages/api/x.py: what the message says, what the remedy says
CONFIGS = {
    "1": ("config is an int, not a dict", "'api'"),
    "{'apii': {}}": ("unknown key 'apii'", "Did you mean 'api'?"),
    "{1: {}}": ("unknown key 1", "'maxDuration'"),
    "{'api': []}": ("config.api is [], not a dict", "'bodyParser'"),
    "{'api': {'bodyparser': False}}": ("unknown key 'bodyparser'", "Did you mean 'bodyParser'?"),
    "{'api': {'bodyParser': 3}}": ("config.api.bodyParser is 3", "'sizeLimit'"),
    "{'api': {'bodyParser': {'sizeLimt': 1}}}": ("unknown key 'sizeLimt'", "Did you mean 'sizeLimit'?"),
    "{'api': {'bodyParser': {'sizeLimit': 'abc'}}}": ("'abc' is not a size", "1mb"),
    "{'api': {'bodyParser': {'sizeLimit': '-1kb'}}}": ("'-1kb' is not a size", "1mb"),
    "{'api': {'bodyParser': {'sizeLimit': -1}}}": ("-1 is negative", "1mb"),
    "{'api': {'bodyParser': {'sizeLimit': 1.5}}}": ("1.5 is a float", "1mb"),
    "{'api': {'bodyParser': {'sizeLimit': '1k'}}}": ("'1k' has no known unit", "1mb"),
    "{'api': {'body_parser': True, 'bodyParser': True}}": ("two spellings", "Keep one"),
    "{'api': {'externalResolver': 'yes'}}": ("config.api.externalResolver is 'yes'", "True or False"),
    "{'api': {'responseLimit': 'abc'}}": ("'abc' is not a size", "1mb"),
    "{'api': {'responseLimit': {'limit': 'abc'}}}": ("'abc' is not a size", "1mb"),
    "{'api': {'responseLimit': {'enforce': 1}}}": ("enforce is 1", "True or False"),
    "{'maxDuration': 0}": ("config.maxDuration is 0", "above zero"),
    "{'maxDuration': True}": ("config.maxDuration is True", "above zero"),
    "{'maxDuration': 'x'}": ("config.maxDuration is 'x'", "above zero"),
}


def problems_of(root: Path, files: dict[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(ProjectError) as caught:
        App(project(root, {f"pages/api/{name}": source for name, source in files.items()}))
    return caught.value.problems


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_name_is_marked(tmp_path: Path, name: str) -> None:
    marked, message = NAMES[name]
    (problem,) = problems_of(tmp_path, {name: HELLO})
    assert problem.file == f"pages/api/{name}"
    assert problem.source == problem.file
    assert problem.span is not None
    assert problem.source[slice(*problem.span)] == marked
    assert message in problem.message
    assert problem.remedy


@pytest.mark.parametrize("files", CONFLICTS)
def test_conflicting_files_are_named(tmp_path: Path, files: tuple[str, str]) -> None:
    reported, message = CONFLICTS[files]
    (problem,) = problems_of(tmp_path, dict.fromkeys(files, HELLO))
    assert problem.file == f"pages/api/{reported}"
    assert message in problem.message


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_without_a_handler_is_reported(tmp_path: Path, source: str) -> None:
    message, remedy = SOURCES[source]
    (problem,) = problems_of(tmp_path, {"x.py": source})
    assert problem.file == "pages/api/x.py"
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_with_a_mistake_is_reported(tmp_path: Path, config: str) -> None:
    message, remedy = CONFIGS[config]
    (problem,) = problems_of(tmp_path, {"x.py": f"{HANDLER}config = {config}\n"})
    assert problem.file == "pages/api/x.py"
    assert message in problem.message
    assert remedy in problem.remedy


def test_an_exception_at_import_is_reported_with_its_line(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"x.py": "a = 1\n\n1 / 0\n"})
    assert problem.line == 3


def test_a_syntax_error_is_reported_with_its_line(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"x.py": "a = 1\ndef handler(:\n"})
    assert problem.line == 2


def test_a_syntax_error_elsewhere_is_named_with_its_file(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"x.py": "from . import _h", "_h.py": "\ndef ("})
    assert (problem.file, problem.line) == ("pages/api/_h.py", 2)


def test_a_package_that_fails_is_reported_once(tmp_path: Path) -> None:
    found = problems_of(tmp_path, {"__init__.py": "1 / 0", "x.py": HELLO, "y.py": HELLO})
    assert [problem.file for problem in found] == ["pages/api/__init__.py"]


def test_a_keyboard_interrupt_at_import_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        App(project(tmp_path, {"pages/api/x.py": "raise KeyboardInterrupt"}))


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    found = problems_of(
        tmp_path,
        {"a[b].py": HELLO, "x.py": "", "y.py": f"{HANDLER}config = {{'a': 1, 'b': 2}}", "z.py": "1/0"},
    )
    assert [problem.file for problem in found] == [
        "pages/api/a[b].py",
        "pages/api/x.py",
        "pages/api/y.py",
        "pages/api/y.py",
        "pages/api/z.py",
    ]


def test_the_error_reads_as_a_report(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        App(project(tmp_path, {"pages/api/a[b].py": HELLO}))
    assert re.fullmatch(
        r"1 problem in this project:\n\n"
        r"pages/api/a\[b\]\.py\n"
        r"    pages/api/a\[b\]\.py\n"
        r"               \^\n"
        r"  .+\n"
        r"  .+",
        str(caught.value),
    )


def test_a_project_without_routes_says_what_to_create(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"Create pages/api/hello\.py"):
        App(tmp_path)


def test_private_names_are_never_imported(tmp_path: Path) -> None:
    wrong = "raise RuntimeError('imported')"
    app = App(
        project(
            tmp_path,
            {
                "pages/api/x.py": HELLO,
                "pages/api/_x.py": wrong,
                "pages/api/.x.py": wrong,
                "pages/api/_d/y.py": wrong,
                "pages/api/.d/y.py": wrong,
            },
        )
    )
    assert [call(app, target=f"/api/{name}").status for name in ("x", "_x", ".x", "_d/y", ".d/y")] == [
        200,
        404,
        404,
        404,
        404,
    ]


def test_a_link_to_its_own_directory_is_not_followed_forever(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/a/x.py": HELLO})
    (tmp_path / "pages/api/a/again").symlink_to(tmp_path / "pages/api/a")
    assert call(App(tmp_path), target="/api/a/x").status == 200


def test_page_extensions_decide_which_files_are_routes(tmp_path: Path) -> None:
    files = {
        "pages/api/hello.api.py": HELLO,
        "pages/api/other.py": "raise RuntimeError",
        "pages/api/api.py": "",
    }
    app = App(project(tmp_path, files), page_extensions=["api.py"])
    assert call(app, target="/api/hello").status == 200


HIDING = [
    ("email.py", True),
    ("types/__init__.py", True),
    ("types/x.py", False),  # a directory without __init__ hides nothing
    ("test/__init__.py", False),
    ("mine.py", False),
    ("email.txt", False),
    ("lib/email.py", False),
]


@pytest.mark.parametrize(("file", "hides"), HIDING)
def test_a_file_that_hides_a_standard_module_is_warned_of(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    file: str,
    hides: bool,
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # so that nothing is hidden from other tests
    with caplog.at_level(logging.WARNING, "apiroutes"):
        App(project(tmp_path, {"pages/api/x.py": HELLO, file: ""}))
    assert ("hides Python's own module" in caplog.text) is hides
