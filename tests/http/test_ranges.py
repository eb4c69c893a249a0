"""The parts of a size that a Range field asks for, against a set of offsets."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes.http.ranges import byte_ranges

specs = st.one_of(
    st.tuples(st.integers(0, 12), st.integers(0, 12) | st.none()).map(
        lambda pair: f"{pair[0]}-{'' if pair[1] is None else pair[1]}"
    ),
    st.integers(0, 12).map(lambda length: f"-{length}"),
)


@given(parts=st.lists(specs, min_size=1, max_size=5), size=st.integers(1, 10))
@settings(max_examples=500)
def test_ranges_are_the_runs_of_a_set_of_offsets(parts: list[str], size: int) -> None:
    offsets: set[int] = set()
    is_valid = True
    for part in parts:
        first, _, last = part.partition("-")
        if first:
            is_valid = is_valid and (not last or int(first) <= int(last))
            offsets.update(range(int(first), min(size, int(last) + 1 if last else size)))
        else:
            offsets.update(range(max(0, size - int(last)), size))
    runs = [
        [offset for _, offset in run] for _, run in groupby(enumerate(sorted(offsets)), lambda p: p[1] - p[0])
    ]
    expected = [(run[0], run[-1] + 1) for run in runs] if is_valid else None
    assert byte_ranges("bytes=" + ", ".join(parts), size) == expected


@given(field=st.text(alphabet="bytes=0129-, \t*x", max_size=20), size=st.integers(0, 50))
@settings(max_examples=500)
def test_any_range_is_inside_the_file(field: str, size: int) -> None:
    for prefix in ("", "bytes="):
        ranges = byte_ranges(prefix + field, size)
        ends = [offset for start, end in ranges or () for offset in (start, end)]
        assert ends == sorted(set(ends))
        assert not ends or (ends[0] >= 0 and ends[-1] <= size)
