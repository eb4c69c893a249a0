"""Names of other frameworks that are written here out of habit."""

from __future__ import annotations

__all__ = ["FOREIGN_NAMES"]

_FILES = "A file is a route: write functions such as `def GET(): ...` in a file below `pages/api/`."
# The name, and what to write instead.
FOREIGN_NAMES = {
    "HTTPException": 'Write `raise ApiError(404, "Not found")`, with `from apiroutes import ApiError`.',
    "abort": 'Write `raise ApiError(404, "Not found")`, with `from apiroutes import ApiError`.',
    "NotFound": 'Write `raise ApiError(404, "Not found")`, with `from apiroutes import ApiError`.',
    "jsonify": "Return the dict or the list itself: it is sent as JSON.",
    "JSONResponse": "Return the dict or the list itself, or `json(value, status=201)` of apiroutes.",
    "NextResponse": "Return the value itself, or `json(value, status=201)` of apiroutes.",
    "make_response": "Return `json(value, status=201)`, with `from apiroutes import json`.",
    "send_file": "Return `file(path)`, with `from apiroutes import file`.",
    "StreamingResponse": "Return `stream(chunks)`, with `from apiroutes import stream`.",
    "g": "Use `context`, which middleware fills: take it as a parameter of the handler.",
    "session": "Take `session: Session`, with `from apiroutes import Session`, inside `sessions()`.",
    "current_app": "Import what you need from the file that makes it.",
    "url_for": "Write the path: the file's name is the route.",
    "render_template": "Return `html(text)`, with `from apiroutes import html`.",
    "HTMLResponse": "Return `html(text)`, with `from apiroutes import html`.",
    "PlainTextResponse": "Return `text(content)`, with `from apiroutes import text`.",
    "RedirectResponse": "Return `redirect(url)`, with `from apiroutes import redirect`.",
    "FileResponse": "Return `file(path)`, with `from apiroutes import file`.",
    "NextRequest": "Write `from apiroutes import Request`.",
    "NextApiRequest": "Write `from apiroutes import Request`.",
    "NextApiResponse": "Write `from apiroutes import Response`.",
    "Flask": _FILES,
    "FastAPI": _FILES,
    "Starlette": _FILES,
    "Blueprint": _FILES,
    "APIRouter": _FILES,
    "Router": _FILES,
    "Depends": "Write `from apiroutes import Depends`, and `name: Annotated[Type, Depends(function)]`.",
    "BaseModel": "Write `from pydantic import BaseModel`.",
    "BackgroundTasks": "Start the work yourself, as in `asyncio.create_task(...)` of an async handler.",
}
