"""Errors as data, and the report of problems."""

from __future__ import annotations

import pytest

from apiroutes import ApiError, Problem, ProjectError
from apiroutes.errors import report, suggest

WHERE = "pages/api/a[b].py"


def test_a_report_counts_marks_and_separates() -> None:
    shown = report(
        [
            Problem(WHERE, "Wrong name.", "Rename it.", source=WHERE, span=(11, 14)),
            Problem("pages/api/x.py", "Wrong line.", "Correct it.", line=3),
        ]
    )
    assert shown == (
        "2 problems in this project:\n"
        "\n"
        "pages/api/a[b].py\n"
        "    pages/api/a[b].py\n"
        "               ^^^\n"
        "  Wrong name.\n"
        "  Rename it.\n"
        "\n"
        "pages/api/x.py:3\n"
        "  Wrong line.\n"
        "  Correct it."
    )


def test_a_mark_is_seen_even_where_nothing_is_marked() -> None:
    assert report([Problem("a", "m", "r", source="a", span=(1, 1))]).splitlines()[4] == "     ^"


def test_a_report_names_the_files_that_import_another() -> None:
    problem = Problem("pages/api/_x.py", "m", "r", importers=("a.py:1", "b.py:2", "c.py:3"))
    assert "  m\n  Imported by a.py:1, b.py:2 and c.py:3.\n  r" in report([problem])


def test_a_project_error_is_its_report() -> None:
    problems = [Problem("a", "m", "r")]
    error = ProjectError(problems)
    assert (error.problems, str(error)) == (tuple(problems), report(problems))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ApiError(404), "Not Found"),
        (ApiError(422), "Unprocessable Content"),
        (ApiError(499), "Unknown"),
        (ApiError(404, ""), ""),
    ],
)
def test_an_api_error_says_the_phrase_of_its_status_by_default(error: ApiError, message: str) -> None:
    assert error.message == message


@pytest.mark.parametrize("status", [200, 399, 600, True, 404.0, "404"])
def test_an_api_error_has_an_error_status(status: int) -> None:
    with pytest.raises(ValueError, match="from 400 to 599"):
        ApiError(status, "")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("prot", "Did you mean 'port'?"),
        ("zzz", "Expected one of 'host', 'port'."),
        ("", "Expected one of 'host', 'port'."),
    ],
)
def test_an_unknown_name_has_a_suggestion(name: str, remedy: str) -> None:
    assert suggest(name, ["port", "host"]) == remedy
