"""The example against its own OpenAPI document: requests made of it, and answers that it declares."""

import atexit
import os
import tempfile
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, assume, settings

from apiroutes import App

from .applications import PROJECT

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


def has_empty_file(body: object) -> bool:
    """Whether a part has no content: Werkzeug's encoder ends such a one without a line break."""
    files = body.get("file") if isinstance(body, dict) else None
    return isinstance(files, list) and any(file in (b"", "") for file in files)


@schema.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_requests_of_the_document_get_answers_of_the_document(case: Any) -> None:
    assume(not has_empty_file(case.body))
    case.call_and_validate()
