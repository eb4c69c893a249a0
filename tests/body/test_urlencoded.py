"""Query strings and urlencoded forms: pairs, escapes and their number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App, Request
from apiroutes.body import parse_urlencoded
from tests.body.bodies import FORM, ROUTES, SHOW, chunked, post
from tests.support import app_of, project


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(project(tmp_path_factory.mktemp("urlencoded"), ROUTES))


def test_as_many_pairs_as_allowed_pass(app: App) -> None:
    body = b"&".join(b"k%d=1" % number for number in range(1000))
    assert post(app, FORM, body, "/api/length").json() == 1000


@pytest.mark.parametrize("body", [b"&".join(b"k%d=1" % n for n in range(1001)), b"&" * 1000, b"a&" * 100_000])
def test_more_pairs_are_413(app: App, body: bytes) -> None:
    assert post(app, FORM, body).status == 413


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(("pairs", "status"), [(1, 200), (999, 200), (1000, 200), (1001, 413), (5000, 413)])
def test_pairs_are_counted(app: App, pairs: int, status: int, is_chunked: bool) -> None:
    extra = chunked() if is_chunked else {}
    answer = post(app, FORM, b"&".join([b"a=1"] * pairs), "/api/length", **extra)
    assert answer.status == status
    assert status == 200 or answer.body == b"Form has more than 1000 fields"


def test_the_number_of_pairs_is_a_setting(tmp_path: Path) -> None:
    app = app_of(tmp_path, SHOW, max_form_pairs=2)
    assert [post(app, FORM, body).status for body in (b"a=1&b=2", b"a=1&b=2&c=3")] == [200, 413]


FORMS: list[tuple[bytes, dict[str, Any]]] = [
    (b"a", {"a": ""}),
    (b"=", {"": ""}),
    (b"a==b", {"a": "=b"}),
    (b"a=b=c", {"a": "b=c"}),
    (b"a=1;b=2", {"a": "1;b=2"}),
    (b"a[]=1&a[]=2", {"a[]": ["1", "2"]}),
    (b"a[b]=1", {"a[b]": "1"}),
    (b"%61=1&a=2", {"a": ["1", "2"]}),
    (b"a=%252B", {"a": "%2B"}),
    (b"a=%00", {"a": "\0"}),
    (b"a=%0D%0A", {"a": "\r\n"}),
    (b"a=%C3", {"a": "\ufffd"}),
    (b"a=%C3x%A9", {"a": "\ufffdx\ufffd"}),
    (b"a=%ED%A0%80", {"a": "\ufffd\ufffd\ufffd"}),
    (b"__proto__=1&constructor=2", {"__proto__": "1", "constructor": "2"}),
]


@pytest.mark.parametrize(("body", "value"), FORMS)
def test_a_form_is_decoded_like_a_query(app: App, body: bytes, value: dict[str, Any]) -> None:
    assert post(app, FORM, body).json() == ["dict", value]
    assert Request({"QUERY_STRING": body.decode()}).query == value


# -- against a naive reading


def naive_urlencoded(text: str) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        lists.setdefault(name.replace("+", " "), []).append(value.replace("+", " "))
    return lists


@given(st.text(alphabet="ab=&+é"))
@settings(deadline=None)
def test_urlencoded_agrees_with_a_naive_reading(text: str) -> None:
    read = parse_urlencoded(text)
    assert {name: value if isinstance(value, list) else [value] for name, value in read.items()} == (
        naive_urlencoded(text)
    )


def naive_decoded(text: str) -> str:
    """Decode escapes as UTF-8, byte by byte; leave malformed ones as they are."""
    content, index = b"", 0
    while index < len(text):
        digits = text[index + 1 : index + 3]
        if text[index] == "%" and len(digits) == 2 and set(digits) <= set("0123456789abcdefABCDEF"):
            content += bytes([int(digits, 16)])
            index += 3
        else:
            content += text[index].encode()
            index += 1
    return content.decode("utf-8", "replace")


def naive_query(text: str) -> dict[str, Any]:
    lists: dict[str, list[str]] = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = (part.replace("+", " ") for part in pair.partition("="))
            lists.setdefault(naive_decoded(name), []).append(naive_decoded(value))
    return {name: values if len(values) > 1 else values[0] for name, values in lists.items()}


pieces = st.sampled_from(
    ["a", "b", "=", "&", "+", "%", "%41", "%c3", "%A9", "%e2%98%83", "%ff", "%zz", "é", "2"]
)


@given(st.lists(pieces, max_size=12).map("".join))
@settings(deadline=None)
def test_a_query_agrees_with_a_naive_reading(text: str) -> None:
    assert parse_urlencoded(text) == naive_query(text)
