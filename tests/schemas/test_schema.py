"""Conversion of values to annotated types."""

from __future__ import annotations

from pathlib import Path

from tests.typed_handlers import post, typed_app


def test_a_single_value_of_a_form_becomes_a_list_for_a_list_type(tmp_path: Path) -> None:
    app = typed_app(
        tmp_path, "class Tags(msgspec.Struct):\n    tag: set[int]\ndef POST(body: Tags): return show(body)"
    )
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    assert post(app, b"tag=1", headers).json() == ["Tags(tag={1})"]
    assert post(app, b"tag=1&tag=2", headers).json() == ["Tags(tag={1, 2})"]
