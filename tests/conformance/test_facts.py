"""Sizes, cookies, media types, queries, forms and charsets are read as the recorded helpers read them."""

import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest

from apiroutes.body.charsets import decode_text, find_charset
from apiroutes.body.media_types import MediaType, parse_media_type
from apiroutes.sizes import parse_size
from tests.conformance.app import app
from tests.conformance.exchange import build_environ
from tests.conformance.records import Record, load
from tests.support import exchange

RECORDS = load("facts.given.jsonl")

# fmt: off
OF_OTHER_TABLES = (
    75, 227, 238, 239, 243, 245, 246, 248, 249, 258, 262, 263, 264, 270, 271, 279, 280, 281,
    294, 302, 306, 310, 318, 386, 390, 393, 398, 406, 414, 425, 430, 462, 530, 542, 898,
)
# fmt: on

# The reason for answering differently, and the facts that it decides.
DECIDED = {
    "§4.6: a size is an int of bytes or a string": {"bytes.parse-0044"},
    "§4.15: the tables are those of the WHATWG Encoding Standard, whatever else a label may mean": {
        f"raw-body-{number:04}" for number in OF_OTHER_TABLES
    },
    "§4.14: bytes that are not text in their charset are a 400, half a code unit at the end included": {
        f"raw-body-{number:04}" for number in (76, 97, 98, 113, 114, 120, 129, 130)
    },
    # Next.js cuts each of its characters to a byte, and an é is no longer UTF-8.
    "§4.16: a name or value with a bad escape keeps its other characters": {
        f"querystring.decode-{number:04}"
        for number in (57, 68, 76, 80, 86, 105, 118, 129, 140, 161, 166, 169, 184, 188, 193, 195, 202)
    },
}
# §4.15: charsets are those of the WHATWG Encoding Standard. These are not; the recorded server reads them.
FOREIGN = {
    "",
    "1252",
    "874",
    "UTF-8;",
    "armscii8",
    "base64",
    "binary",
    "cesu-8",
    "cp437",
    "cp850",
    "cp949",
    "eucjp",
    "georgianacademy",
    "hex",
    "macroman",
    "ucs2",
    "utf 8",
    "utf-7",
    "utf-7-imap",
    "utf16",
    "utf_8",
    "viscii",
    "win1252",
}
# These are, and the recorded server does not know them.
UNKNOWN_THERE = {"iso-2022-jp", "x-mac-roman", "x-user-defined"}


def facts(function: str) -> list[Record]:
    return [record for record in RECORDS if record["fn"] == function]


def by_id(records: Iterable[Record]) -> list[object]:
    """Each record under its id; those that are answered differently are skipped."""
    return [pytest.param(record, id=record["id"], marks=skip_decided(record["id"])) for record in records]


def skip_decided(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.skip(reason=reason) for reason, names in DECIDED.items() if name in names]


def ask(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Any:
    """The JSON that a handler of the recorded application sends."""
    sent = [*headers.items(), ("Content-Length", str(len(body)))]
    answer = exchange(app, build_environ(method, target, sent, body))
    assert answer.status == 200
    return json.loads(answer.body)


def as_sent(text: str) -> str:
    """The text as a server passes its UTF-8 bytes to the application."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize("record", by_id(r for r in facts("bytes.parse") if "special" not in r))
def test_size_is_the_recorded_number_of_bytes(record: Record) -> None:
    assert parse_size(record["input"]).bytes == record["result"]


@pytest.mark.parametrize("record", by_id(r for r in facts("bytes.parse") if "special" in r))
def test_size_that_is_not_a_number_is_an_error(record: Record) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(record["input"])


@pytest.mark.parametrize("record", by_id(facts("cookie.parse")))
def test_cookies_are_the_recorded_ones(record: Record) -> None:
    assert ask("GET", "/api/cookies", {"Cookie": record["input"]})["cookies"] == record["result"]


@pytest.mark.parametrize("record", by_id(facts("url-query")))
def test_query_is_the_recorded_one(record: Record) -> None:
    answer = ask("GET", f"/api/query?{as_sent(record['input'])}", {})
    assert (answer["query"], answer["keys"]) == (record["result"], list(record["result"]))


@pytest.mark.parametrize("record", by_id(facts("querystring.decode")))
def test_form_is_the_recorded_one(record: Record) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = ask("POST", "/api/echo", headers, record["input"].encode())
    assert answer["body"] == {"type": "object", "value": record["result"]}


@pytest.mark.parametrize("record", by_id(facts("content-type.parse")))
def test_media_type_is_read_with_its_parameters(record: Record) -> None:
    expected = None if "error" in record else MediaType(**record["result"])
    assert parse_media_type(record["input"]) == expected


def read_text(record: Record) -> str | None:
    """The text, or None if a request would get a 400."""
    codec = find_charset(record["input"]["charset"])
    try:
        return decode_text(base64.b64decode(record["input"]["body_b64"]), codec) if codec else None
    except UnicodeDecodeError:
        return None


def recorded_text(record: Record) -> str | None:
    """The recorded text, or None for an error: a recorded one, or ours for unreadable bytes (§4.14)."""
    if "error" in record:
        return None
    units = b"".join(unit.to_bytes(2, "little") for unit in record["result"]["units"])
    text = units.decode("utf-16-le", "surrogatepass")
    lossy = "\ufffd" in text or any("\ud800" <= character <= "\udfff" for character in text)
    return None if lossy else text


def charset_facts(*, foreign: bool) -> list[object]:
    records = (r for r in facts("raw-body") if r["input"]["charset"] not in UNKNOWN_THERE)
    return by_id(r for r in records if (r["input"]["charset"] in FOREIGN) is foreign)


@pytest.mark.parametrize("record", charset_facts(foreign=False))
def test_text_is_the_recorded_one(record: Record) -> None:
    assert read_text(record) == recorded_text(record)


@pytest.mark.parametrize("record", charset_facts(foreign=True))
def test_charset_outside_the_standard_is_unknown(record: Record) -> None:
    assert read_text(record) is None


@pytest.mark.parametrize("label", sorted(UNKNOWN_THERE))
def test_charset_of_the_standard_is_known(label: str) -> None:
    assert find_charset(label) is not None
