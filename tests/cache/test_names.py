"""Names of paths: all that is below a path is found by the path's name, and no path has too many of them."""

from __future__ import annotations

import pytest

from apiroutes.cache.names import below_name, names_of_path, path_name

DEEP = [f"segment{number}" for number in range(1_000)]
LONG = ["x" * 3_000, "y" * 3_000, "é" * 500]


@pytest.mark.parametrize("segments", [[], ["a"], ["a", "b/c", "é", ""], LONG, DEEP, DEEP[:32], DEEP[:33]])
def test_a_path_has_the_names_of_itself_and_of_all_that_it_is_below(segments: list[str]) -> None:
    names = names_of_path(segments, "/[[...path]]")
    assert path_name(segments) in names
    assert {below_name(segments[:count]) for count in range(len(segments) + 1)} <= {*names}


@pytest.mark.parametrize("segments", [LONG, DEEP, LONG * 10])
def test_the_names_of_a_path_are_bounded(segments: list[str]) -> None:
    assert sum(map(len, names_of_path(segments, "/[[...path]]"))) < 10_000


@pytest.mark.parametrize("other", [[*LONG, "z"], [*LONG[:2], "z"], [LONG[0]], ["x", *LONG[1:]]])
def test_long_paths_have_names_of_their_own(other: list[str]) -> None:
    assert path_name(other) not in names_of_path(LONG, "/[[...path]]")
    assert path_name(LONG) != path_name(other)
