"""The example against its own OpenAPI document: requests made of it, and answers that it declares."""

import atexit
import os
import tempfile
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, assume, settings

from apiroutes import App
from tests.acceptance.applications import PROJECT

directory = tempfile.TemporaryDirectory(prefix="notes-")
atexit.register(directory.cleanup)


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """The example with a database of its own, whatever other tests set meanwhile."""
    before = os.environ.get("NOTES_DB")
    os.environ["NOTES_DB"] = str(Path(directory.name) / "notes.db")
    try:
        return list(app(environ, start_response))
    finally:
        if before is None:
            del os.environ["NOTES_DB"]
        else:
            os.environ["NOTES_DB"] = before


app = App(PROJECT, openapi_path="/api/openapi.json")
schema = schemathesis.openapi.from_wsgi("/api/openapi.json", application)


def is_form_of_files(body: object) -> bool:
    """Whether a form says what was drawn.

    It has text for everything else, so that what is wrong in the schema is right on the wire; and
    Werkzeug's encoder, which sends it here, ends a part without content without a line break.
    """
    files = body.get("file") if isinstance(body, dict) else None
    # Bytes are drawn as a text that is always empty, with `data`.
    return isinstance(files, list) and all(
        isinstance(file, (bytes, str)) and getattr(file, "data", file) for file in files
    )


@schema.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_requests_of_the_document_get_answers_of_the_document(case: Any) -> None:
    assume(case.media_type != "multipart/form-data" or is_form_of_files(case.body))
    case.call_and_validate()
