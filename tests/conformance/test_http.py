"""The application in `project/` answers as the recorded Next.js server does, except in `deviations.txt`."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.conformance.app import app
from tests.conformance.exchange import build_environ
from tests.conformance.records import Record, load, load_deviations
from tests.support import Answer, exchange

CASES = {case["id"]: case for case in load("http.given.jsonl")}
DEVIATIONS = load_deviations()

COMPARED = {"content-type", "location", "set-cookie", "allow", "cache-control", "last-modified", "vary"}
NOT_COMPARED = {"x-powered-by", "x-content-type-options"}
TEXT = ["text/plain; charset=utf-8"]


def decode(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def content_of(request: Record) -> bytes:
    if "body_gen" not in request:
        return decode(request["body_b64"])
    parts = request["body_gen"]
    unit = decode(parts["unit_b64"]) * int(parts["count"])
    return decode(parts.get("prefix_b64")) + unit + decode(parts.get("suffix_b64"))


def send(case: Record, etags: Mapping[str, str]) -> Answer:
    """Our response. Recorded ETags in If-None-Match are replaced by ours of the same representation."""
    request = case["request"]
    headers = [
        (
            name,
            re.sub('"[^"]*"', lambda tag: etags.get(tag[0], tag[0]), value) if is_condition(name) else value,
        )
        for name, value in request["headers"]
    ]
    chunked = bool(request.get("chunk_sizes"))
    environ = build_environ(
        request["method"], request["target"], headers, content_of(request), chunked=chunked
    )
    return exchange(app, environ)


def is_condition(header: str) -> bool:
    return header.lower() == "if-none-match"


@pytest.fixture(scope="session")
def etags() -> dict[str, str]:
    """Our ETag by the recorded one, from a first round over all cases without a condition."""
    learned: dict[str, str] = {}
    for case in CASES.values():
        recorded = recorded_answer(case).header("ETag")
        if recorded is None or any(is_condition(name) for name, _ in case["request"]["headers"]):
            continue
        ours = send(case, {}).header("ETag")
        if ours is not None:
            learned.setdefault(recorded, ours)
    return learned


def recorded_answer(case: Record) -> Answer:
    response = case["response"]
    headers = [(name, value) for name, value in response["headers"]]
    return Answer(response["status"], headers, decode(response.get("body_b64")))


def compared_headers(answer: Answer) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in answer.headers:
        key = name.lower()
        if (key in COMPARED or key.startswith("x-")) and key not in NOT_COMPARED:
            fields.setdefault(key, []).append(value)
    return fields


def comparable(answer: Answer) -> bytes | str:
    """The content; JSON as a value whose order of keys counts, without the member `url`."""
    if "json" not in (answer.header("Content-Type") or ""):
        return answer.body
    try:
        value: Any = json.loads(answer.body)
    except ValueError:
        return answer.body
    if isinstance(value, dict):
        value.pop("url", None)
    return json.dumps(value)


def same_content(case: Record, ours: Answer, recorded: Answer) -> bool:
    digest: str | None = case["response"].get("body_sha256")
    if digest is not None:
        return hashlib.sha256(ours.body).hexdigest() == digest
    if case["request"]["method"] == "HEAD":
        return True
    return comparable(ours) == comparable(recorded)


def differences(case: Record, etags: Mapping[str, str]) -> list[str]:
    recorded = recorded_answer(case)
    try:
        ours = send(case, etags)
    except ConnectionError as error:
        return [f"the connection is dropped: {error!r}"]
    found = []
    if ours.status != recorded.status:
        found.append(f"status {ours.status}, recorded {recorded.status}")
    if recorded.body.startswith(b"<!DOCTYPE html"):  # the recorded server's own error page
        return found
    if not same_content(case, ours, recorded):
        found.append(f"content {ours.body!r:.300}, recorded {recorded.body!r:.300}")
    fields, expected = compared_headers(ours), compared_headers(recorded)
    if recorded.body and fields.get("content-type") == TEXT:
        expected.setdefault("content-type", TEXT)
    for name in sorted(fields.keys() | expected.keys()):
        if fields.get(name) != expected.get(name):
            found.append(f"{name} {fields.get(name)}, recorded {expected.get(name)}")
    if (ours.header("ETag") is None) != (recorded.header("ETag") is None):
        found.append(f"ETag {ours.header('ETag')}, recorded {recorded.header('ETag')}")
    return found


@pytest.mark.parametrize("name", [name for name in CASES if name not in DEVIATIONS])
def test_answer_is_the_recorded_one(name: str, etags: dict[str, str]) -> None:
    assert differences(CASES[name], etags) == [], CASES[name]["why"]


@pytest.mark.parametrize("name", [name for name in CASES if name in DEVIATIONS])
def test_deviation_differs_from_the_recorded_answer(name: str, etags: dict[str, str]) -> None:
    assert differences(CASES[name], etags), f"{name} agrees, take it off the list: {DEVIATIONS[name]}"


def test_every_deviation_is_a_recorded_case() -> None:
    assert sorted(set(DEVIATIONS) - set(CASES)) == []
