"""JSON text to values: strictly JSON, finite, of Unicode scalars, and not too deep."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App
from apiroutes.body import limits_of, read_body
from apiroutes.errors import ApiError
from apiroutes.http.json import decode_json
from apiroutes.settings import Settings
from apiroutes.sizes import Size
from tests.body.bodies import JSON, ROUTES, post
from tests.support import app_of, project


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(project(tmp_path_factory.mktemp("json"), ROUTES))


def received(content: bytes, max_depth: int) -> object:
    """Return the value of a body. Most bodies are decoded by a decoder that cannot nest deeper."""
    environ = {
        "CONTENT_TYPE": JSON,
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
    }
    return read_body(environ, limits_of(Settings(max_json_depth=max_depth, body_size_limit=LARGE))).value


Decode = Callable[[bytes, int], object]
LARGE = Size(2**30, "1gb")
WAYS = [decode_json, received]

NUMBERS = [
    (b"0", 0),
    (b"-0", 0),
    (b"-0.0", -0.0),
    (b"1.0", 1.0),
    (b"1E2", 100.0),
    (b"1e-2", 0.01),
    (b"9223372036854775808", 2**63),
    (b"18446744073709551615", 2**64 - 1),
    (b"18446744073709551616", 2**64),
    (b"-9223372036854775809", -(2**63) - 1),
    (b"0.1234567890123456789", 0.1234567890123456789),
    (b"1e308", 1e308),
    (b"-1E-400", -0.0),
    (b"1e400", None),
    (b"-1e400", None),
    (b"1" + b"0" * 400, 10**400),
    (b"9" * 4300, int("9" * 4300)),
    (b"9" * 4301, None),
    (b"-" + b"9" * 100_000, None),
    (b"0." + b"1" * 1000, float("0." + "1" * 1000)),
    (b"01", None),
    (b"+1", None),
    (b".5", None),
    (b"1.", None),
    (b"0x10", None),
    (b"1_000", None),
    (b"NaN", None),
    (b"nan", None),
    (b"Infinity", None),
    (b"-Infinity", None),
]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
@pytest.mark.parametrize("around", [b"%s", b"[%s]", b'{"a": %s}'])
@pytest.mark.parametrize("decode", WAYS)
def test_a_number_is_finite_and_exact_or_refused(
    decode: Decode, around: bytes, text: bytes, value: Any
) -> None:
    content = around % text
    if value is None:
        with pytest.raises(ApiError, match="Invalid JSON"):
            decode(content, 200)
    else:
        decoded: Any = decode(content, 200)
        number = decoded if around == b"%s" else decoded[0] if around[:1] == b"[" else decoded["a"]
        assert repr(number) == repr(value)


TEXTS: list[tuple[bytes, Any]] = [
    (b'"\\ud83d\\ude00"', "😀"),
    (b'"\\u0000"', "\0"),
    (b'"\\uD83D\\uDE00"', "😀"),
    (b'"\\ud800"', "\ufffd"),
    (b'"\\uDFFF"', "\ufffd"),
    (b'"\\ud800\\u0041"', "\ufffdA"),
    (b'"\\ud800\\n"', "\ufffd\n"),
    (b'"\\udc00\\ud800"', "\ufffd\ufffd"),
    (b'"\\ud83d\\ud83d\\ude00\\ude00"', "\ufffd😀\ufffd"),
    (b'"\\\\ud83d"', "\\ud83d"),
    (b'"\\\\ud83d\\ude00"', "\\ud83d\ufffd"),
    (b'"\\\\\\ud83d\\\\"', "\\\ufffd\\"),
    (b'"\\ud83d\xf0\x9f\x98\x80"', "\ufffd😀"),
    (b'"\\ud83\\ud83d"', None),
    (b'"\\Ud83d"', None),
    (b'"\\ud83d\x00\x00"', None),
    (b'"\\ud83d\xed\xa0\x80"', None),
    (b"\\ud83d", None),
    (b'"\xed\xa0\x80"', None),
    (b'"\xc0\xaf"', None),
    (b'"\xf4\x90\x80\x80"', None),
    (b'"\xff"', None),
    (b'"\x00"', None),
    (b'"\n"', None),
    (b'"\\x41"', None),
    (b"'a'", None),
    (b'"a', None),
]


@pytest.mark.parametrize(("text", "value"), TEXTS)
def test_a_string_is_of_unicode_scalars_or_refused(app: App, text: bytes, value: Any) -> None:
    answer = post(app, JSON, text)
    assert answer.status == (400 if value is None else 200)
    assert value is None or answer.json() == ["str", value]


@pytest.mark.parametrize(("text", "value"), [*NUMBERS, *TEXTS])
@pytest.mark.parametrize("levels", [1, 6, 7, 8, 50])
@pytest.mark.parametrize("decode", WAYS)
def test_a_value_is_the_same_in_a_long_document(decode: Decode, text: bytes, value: Any, levels: int) -> None:
    content = b"[" * levels + text + b"]" * (levels - 1) + b"," + b"0," * 300 + b"0]"
    if value is None:
        with pytest.raises(ApiError):
            decode(content, 200)
    else:
        decoded: Any = decode(content, 200)
        for _ in range(levels):
            decoded = decoded[0]
        assert repr(decoded) == repr(value)


@pytest.mark.parametrize("text", [b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"a":{"b":1},"a":2}'])
def test_the_last_of_equal_keys_wins(app: App, text: bytes) -> None:
    assert post(app, JSON, text).json() == ["dict", {"a": 2}]


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString", "__class__"])
def test_no_key_has_a_special_meaning(app: App, name: str) -> None:
    assert post(app, JSON, json.dumps({name: {"a": 1}}).encode()).json() == ["dict", {name: {"a": 1}}]


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {change(key): with_texts(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_texts(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


JSONISH = st.text(alphabet='[]{}",:\\u0d8e1.-+truefalsn \n\t', max_size=20)


WHOLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
).map(lambda value: json.dumps(value, ensure_ascii=bool(value)).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("decode", WAYS)
@given(text=JSONISH)
@settings(deadline=None)
def test_any_text_is_decoded_as_python_does_or_refused(decode: Decode, text: str) -> None:
    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    try:
        expected = json.loads(text, parse_constant=refuse)
        json.dumps(expected, allow_nan=False)
    except (ValueError, RecursionError):
        if text or decode is decode_json:  # a body without content is an empty object
            with pytest.raises(ApiError):
                decode(text.encode(), 200)
    else:
        assert decode(text.encode(), 200) == with_texts(expected, without_halves)


@pytest.mark.parametrize("decode", WAYS)
@given(content=st.binary(max_size=20))
@settings(deadline=None)
def test_any_bytes_are_json_or_refused(decode: Decode, content: bytes) -> None:
    status = 400
    try:
        decode(content, 200)
    except ApiError as error:
        status = error.status
    assert status == 400


@given(st.one_of(JSONISH.map(str.encode), st.binary(min_size=1, max_size=20), WHOLE), st.integers(1, 9))
@settings(deadline=None, max_examples=500)
def test_both_ways_give_the_same_value_or_the_same_error(content: bytes, limit: int) -> None:
    def outcome(decode: Decode) -> str:
        try:
            return repr(decode(content, limit))
        except ApiError as error:
            return str(error)

    assert outcome(received) == (outcome(decode_json) if content else "{}")


# -- half a surrogate pair


NESTED_SURROGATES = [
    (b'{"\\ud800": 1}', {"\ufffd": 1}),
    (b'{"a": [{"\\ud83d": ["\\udc00", "\\ud83d\\ude00"]}]}', {"a": [{"\ufffd": ["\ufffd", "😀"]}]}),
    (b'{"\\ud800": 1, "\\udfff": 2}', {"\ufffd": 2}),
    (b"[" * 200 + b'"\\ud800"' + b"]" * 200, None),
]


@pytest.mark.parametrize(("text", "value"), NESTED_SURROGATES)
def test_half_a_surrogate_pair_is_replaced_anywhere(app: App, text: bytes, value: Any) -> None:
    answer = post(app, JSON, text)
    assert answer.status == 200
    assert value is None or answer.json()[1] == value


ESCAPES = ["\\ud83d", "\\uDE00", "\\\\", "\\n", '\\"', "\\u0041", "ud83d", "\\ufffd", "a", "😀"]


@pytest.mark.parametrize("decode", WAYS)
@given(texts=st.lists(st.lists(st.sampled_from(ESCAPES), max_size=8).map("".join), min_size=1, max_size=4))
@settings(deadline=None, max_examples=500)
def test_only_halves_of_surrogate_pairs_are_replaced(decode: Decode, texts: list[str]) -> None:
    content = "[" + ", ".join(f'"{text}"' for text in texts) + "]"
    expected = [without_halves(text) for text in json.loads(content)]
    assert decode(content.encode(), 200) == expected


def without_halves(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


TYPED = """
import msgspec

class Item(msgspec.Struct):
    name: str
    tags: dict[str, list[str]]
    count: int = 0

def POST(body: Item):
    return [body.name, body.tags]
"""


TYPED_BODIES = [
    (b'{"name": "\\ud83d", "tags": {"\\ude00": ["a\\ud83d"]}}', 200, ["\ufffd", {"\ufffd": ["a\ufffd"]}]),
    (b'{"n\\u0061me": "\\ud83d\\ude00", "tags": {}, "other": "\\ud83d"}', 200, ["😀", {}]),
    (b'{"name": "\\ud83d", "tags": {}, "count": "x"}', 422, None),
    (b'{"count": "x", "name": "\\ud83d", "tags": {}}', 422, None),
    (b'{"name": "\\ud83d", "tags": {}', 400, None),
]


@pytest.mark.parametrize(("content", "status", "value"), TYPED_BODIES)
def test_half_a_surrogate_pair_is_replaced_in_a_typed_body(
    tmp_path: Path, content: bytes, status: int, value: Any
) -> None:
    answer = post(app_of(tmp_path, TYPED), JSON, content)
    assert answer.status == status
    assert value is None or answer.json() == value


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_a_typed_body_without_content_is_an_empty_object(tmp_path: Path, content: bytes) -> None:
    answer = post(app_of(tmp_path, TYPED), JSON, content)
    assert (answer.status, b"body.name" in answer.body) == (422, True)


# -- depth


NESTED = [
    b"[" * 200 + b"]" * 200,
    b'{"a":' * 199 + b"[]" + b"}" * 199,
    b'["' + b"[" * 1000 + b'"]',
    b'["' + b'\\"[' * 1000 + b'"]',
    b'["\\\\","' + b"{" * 1000 + b'"]',
    b"[" + b"[]," * 1000 + b"[]]",
]


@pytest.mark.parametrize("body", NESTED)
def test_json_may_nest_200_deep(app: App, body: bytes) -> None:
    assert post(app, JSON, body, "/api/length").status == 200


@pytest.mark.parametrize("body", [b"[" * 201 + b"]" * 201, b'{"a":' * 200 + b"[]" + b"}" * 200])
def test_json_that_nests_deeper_is_400(app: App, body: bytes) -> None:
    assert post(app, JSON, body).status == 400


LEVELS = [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"]":', b"}]"), (b'{"[\\"{":[', b"]}")]


@pytest.mark.parametrize(("opening", "closing"), LEVELS)
@pytest.mark.parametrize("around", [b"%s", b'{"x": "%%]", "y": %s, "z": "[{\\\\"}'])
def test_200_levels_pass_and_201_do_not(app: App, around: bytes, opening: bytes, closing: bytes) -> None:
    levels = 1 if opening in (b"[", b'{"a":') else 2
    outer = 0 if around == b"%s" else 1
    for depth_wanted, status in ((200, 200), (201, 400)):
        repeats, odd = divmod(depth_wanted - outer, levels)
        inner = b"[]" if odd else b"1"
        text = around % (opening * repeats + inner + closing * repeats)
        assert depth(json.loads(text)) == depth_wanted
        assert post(app, JSON, text, "/api/length" if status == 200 else "/api/x").status == status


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


brackets = st.text(alphabet='[]{}\\",:a', max_size=6)


values = st.recursive(
    st.none() | st.integers() | brackets,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(brackets, inner, max_size=3),
    max_leaves=30,
)


@pytest.mark.parametrize("decode", WAYS)
@given(value=values, limit=st.integers(1, 9))
@settings(max_examples=300, deadline=None)
def test_the_depth_limit_counts_the_nesting_of_the_value(decode: Decode, value: Any, limit: int) -> None:
    content = json.dumps(value).encode()
    if depth(value) > limit:
        with pytest.raises(ApiError):
            decode(content, limit)
    else:
        assert decode(content, limit) == value


@pytest.mark.parametrize("decode", WAYS)
@given(text=st.text(alphabet='[]{}",:\\1 ', max_size=40), limit=st.integers(1, 9))
@settings(deadline=None, max_examples=1000)
def test_a_document_that_is_invalid_or_too_deep_is_refused(decode: Decode, text: str, limit: int) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None  # no text of these characters decodes to None
    if expected is not None and depth(expected) <= limit:
        assert decode(text.encode(), limit) == expected
    elif text or decode is decode_json:
        with pytest.raises(ApiError, match="Invalid JSON"):
            decode(text.encode(), limit)


DEPTHS = [1, 2, 5, 6, 7, 8, 9, 199, 200, 201]


@pytest.mark.parametrize("limit", DEPTHS)
@pytest.mark.parametrize("levels", DEPTHS)
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("decode", WAYS)
def test_each_limit_is_exact(decode: Decode, opening: bytes, closing: bytes, levels: int, limit: int) -> None:
    content = opening * levels + b"1" + closing * levels
    if levels > limit:
        with pytest.raises(ApiError, match="Invalid JSON"):
            decode(content, limit)
    else:
        assert json.dumps(decode(content, limit), separators=(",", ":")).encode() == content


@pytest.mark.parametrize("decode", WAYS)
def test_a_document_is_the_same_at_every_depth(decode: Decode) -> None:
    scalars = [0, -1, 2**63, 2**64, 10**400, 0.0, 1.0, 1e22, -2.5e-300, "", "é😀", True, False, None, [], {}]
    for levels in range(10):
        value: Any = scalars
        for level in range(levels):
            value = [value, level] if level % 2 else {"a": value, "": level, "é": "x" * 500}
        content = json.dumps(value).encode()
        decoded: Any = decode(content, 200)
        assert repr(decoded) == repr(json.loads(content))
        with pytest.raises(ApiError, match="Invalid JSON"):
            decode(content[:-1], 200)
        with pytest.raises(ApiError):
            decode(content, levels + 1)


HOSTILE = [b"[" * 500_000, b'{"a":' * 100_000, b'["]",' * 100_000, b'["\\"]' * 100_000, b'"' + b"[" * 500_000]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:8]))
def test_no_depth_exhausts_the_stack_of_a_small_thread(app: App, body: bytes) -> None:
    """Servers choose the stacks of their threads, and running past the end of one kills the process."""
    usual = threading.stack_size(256 * 1024)
    try:
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(post, app, JSON, body).result()
    finally:
        threading.stack_size(usual)
    assert (answer.status, answer.body) == (400, b"Invalid JSON")
