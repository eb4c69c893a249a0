"""The example against its OpenAPI document: generated requests get responses that it declares."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, assume, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method

from apiroutes import App
from tests.acceptance.applications import PROJECT

directory = tempfile.TemporaryDirectory(prefix="notes-")
atexit.register(directory.cleanup)


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Call the example with its own database, whatever other tests have set."""
    before = os.environ.get("NOTES_DB")
    os.environ["NOTES_DB"] = str(Path(directory.name) / "notes.db")
    try:
        return list(app(environ, start_response))
    finally:
        if before is None:
            del os.environ["NOTES_DB"]
        else:
            os.environ["NOTES_DB"] = before


app = App(PROJECT, openapi_path="/api/openapi.json", cache_path=str(Path(directory.name) / "cache.db"))
schema = schemathesis.openapi.from_wsgi("/api/openapi.json", application)


def is_form_of_files(body: object) -> bool:
    """Return whether a form carries the generated value.

    Otherwise fields are sent as text, so that a value that violates the schema is valid on the wire; and
    Werkzeug's encoder, which sends it here, omits the line break after a part without content, and puts
    control characters of a name into the header, which may have none.
    """
    if not isinstance(body, dict) or not all(map(str.isprintable, body)):
        return False
    files = body.get("file")
    # Bytes are generated as a text that is always empty, with `data`.
    return isinstance(files, list) and all(
        isinstance(file, (bytes, str)) and getattr(file, "data", file) for file in files
    )


@schema.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_generated_requests_get_declared_responses(case: Any) -> None:
    assume(case.media_type != "multipart/form-data" or is_form_of_files(case.body))
    # A `handler` answers every method, as in Next.js; a document has no way to say so.
    is_handler = case.operation.path == "/api/hello"
    excluded = [unsupported_method] if is_handler else []
    if case.operation.path == "/api/webhook":  # nor that a signature which is malformed is a 400
        excluded.append(positive_data_acceptance)
    case.call_and_validate(excluded_checks=excluded)
