"""The page of a project's or a route's mistakes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apiroutes.development.application import load_application
from apiroutes.development.report_page import report_page
from apiroutes.errors import Problem
from tests.support import Answer, call, project

HTML = "text/html,*/*;q=0.8"


def broken(root: Path, source: str, accept: str = HTML) -> Answer:
    app = load_application(project(root, {"pages/api/x.py": source}), lambda line: None)
    answer = call(app, HTTP_ACCEPT=accept)
    assert answer.status == 500
    return answer


def test_a_mistake_has_its_place_its_lines_and_the_remedy(tmp_path: Path) -> None:
    document = broken(tmp_path, "x = 1\n\n\ndef get(req, res):\n    return x\n").text
    assert "pages/api/x.py:4" in document
    assert "<code>get</code> never answers a request." in document
    assert "Call it <code>GET</code>" in document
    assert re.search(r'class="l current"><span class="n">4</span>def <mark>get</mark>\(req', document)


def test_the_marked_characters_of_a_name_are_marked() -> None:
    problem = Problem(
        "pages/api/[id.py", "'[id' is not closed", "Close it.", None, "pages/api/[id.py", (10, 13)
    )
    assert "pages/api/<mark>[id</mark>.py" in report_page([problem], "Mistakes")


def test_the_mark_of_an_indented_line_is_at_its_characters(tmp_path: Path) -> None:
    project(tmp_path, {"x.py": "if a:\n    b = nothing\n"})
    problem = Problem("x.py", "no such name", "Define it.", 2, "b = nothing", (4, 11))
    assert "    b = <mark>nothing</mark>" in report_page([problem], "Mistakes", tmp_path)


def test_the_files_that_import_a_broken_one_are_named() -> None:
    problem = Problem("lib/db.py", "fails.", "Correct it.", importers=("pages/api/<a>.py:1",))
    assert "Imported by pages/api/&lt;a&gt;.py:1." in report_page([problem], "Mistakes")


def test_what_is_missing_at_the_end_of_a_line_is_marked_there(tmp_path: Path) -> None:
    assert "def GET()<mark> </mark>\n" in broken(tmp_path, "def GET()\n    return 1\n").text


def test_the_marked_line_of_a_file_stands_among_its_lines(tmp_path: Path) -> None:
    project(tmp_path, {"x.py": "a = 1\nb = nothing\nc = 3\n"})
    problem = Problem("x.py", "no such name", "Define it.", 2, "b = nothing", (4, 11))
    document = report_page([problem], "Mistakes", tmp_path)
    assert "b = <mark>nothing</mark>" in document
    assert "c = 3" in document


def test_a_file_outside_the_project_is_not_read(tmp_path: Path) -> None:
    project(tmp_path, {"secret.py": "password = 1\n", "inside/x.py": ""})
    problem = Problem("../secret.py", "wrong", "Correct it.", 1)
    assert "password" not in report_page([problem], "Mistakes", tmp_path / "inside")


def test_the_lines_of_an_env_file_are_not_shown(tmp_path: Path) -> None:
    project(tmp_path, {".env.local": "PASSWORD=hunter2\nhunter 2\n"})
    document = report_page([Problem(".env.local", "wrong", "Correct it.", 2)], "Mistakes", tmp_path)
    assert ".env.local:2" in document
    assert "hunter" not in document


def test_everything_is_escaped(tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>"
    project(tmp_path, {"x.py": f"# {attack}\n"})
    problem = Problem(attack, attack, attack, 1, attack, (0, 8))
    document = report_page([problem, Problem("x.py", attack, attack, 1)], attack, tmp_path)
    assert document.count("<script>") == 1


def test_a_client_of_json_gets_the_mistakes_as_data(tmp_path: Path) -> None:
    answer = broken(tmp_path, "def get(req, res): pass\n", "application/json")
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.json()["mistakes"][0]["line"] == 1


@pytest.mark.parametrize("accept", [HTML, "text/plain"])
def test_a_project_that_cannot_be_served_lists_all_its_mistakes(tmp_path: Path, accept: str) -> None:
    files = {"pages/api/x.py": "def get(): pass\n", "pyproject.toml": "[tool.apiroutes]\nprot = 1\n"}
    answer = call(load_application(project(tmp_path, files), lambda line: None), HTTP_ACCEPT=accept)
    assert "prot is not a setting" in answer.text
    assert "never answers a request" in answer.text
    assert (answer.header("Content-Security-Policy") is not None) is (accept == HTML)
