"""Projects and documents for the tests of Python clients, and the clients as modules."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from apiroutes.clients import python_client

SHAPES = """
from __future__ import annotations
import datetime, decimal, enum, uuid
from typing import Annotated, Any, Union
import msgspec
from apiroutes import ApiError, json

class Circle(msgspec.Struct, tag="circle"):
    radius: float

class Square(msgspec.Struct, tag="square"):
    side: float
    inner: list[Shape] = []

Shape = Union[Circle, Square]

class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Thing(msgspec.Struct, rename="camel"):
    id: uuid.UUID
    made_on: datetime.date
    lasting: datetime.timedelta
    price: decimal.Decimal
    data: bytes
    color: Color
    pair: tuple[int, str]
    by_name: dict[str, Shape]
    shape: Shape
    maybe: Shape | None
    anything: Any
    class_: Annotated[str, msgspec.Meta(description="Its class")] = "x"
    flag: bool | msgspec.UnsetType = msgspec.UNSET

class Conflict(msgspec.Struct):
    thing: Thing

responses = {409: Conflict, "POST": {201: Thing}}

def POST(body: Thing):
    '''Keep a thing.

    Its price may not be 0.
    '''
    if body.price == 0:
        return json(Conflict(body), status=409)
    if body.price < 0:
        raise ApiError(409, "A problem that nobody declared")
    return json(body, status=201)

def GET(
    color: Color = Color.RED, ids: list[uuid.UUID] = [], ok: bool = True, on: datetime.date | None = None
):
    return [color.value, *map(str, ids), ok, str(on)]
"""
FILES = {
    "pages/api/shapes.py": SHAPES,
    "pages/api/users/[id].py": """
from apiroutes import ApiError
responses = {"DELETE": {204: "It is gone"}}
def GET(id: int) -> dict[str, int]:
    '''Read one.

    Raises 404 when there is none.
    '''
    if id == 0:
        raise ApiError(404, "No such user")
    return {"id": id}
def DELETE(id: str, res):
    res.status(204)
""",
    "pages/api/files/[...path].py": """
def GET(path: list[str]) -> bytes:
    return "/".join(path).encode()
""",
    "pages/api/upload.py": """
import msgspec
from apiroutes import UploadFile
class Form(msgspec.Struct):
    user: int
    caption: str = ""
def POST(file: UploadFile, body: Form, more: list[UploadFile] = []) -> list[list[str]]:
    files = [[part.filename, part.content_type, part.read().decode()] for part in (file, *more)]
    return [[str(body.user), body.caption], *files]
""",
    "pages/api/text.py": "def GET() -> str: return 'größe'\n",
    "pages/api/headers.py": """
def GET(req) -> list[str | None]:
    return [req.headers.get(name) for name in ("X-One", "X-Two")]
""",
    "pages/api/open.py": """
def POST(req):
    body = req.body.decode() if isinstance(req.body, bytes) else req.body
    files = {name: part.read().decode() for name, part in req.files.items()}
    return [req.headers.get("Content-Type", "").partition(";")[0], body, files]
""",
    "pages/api/feed.py": """
import msgspec
from apiroutes import Event, EventStream, event_stream, text
class Count(msgspec.Struct):
    count: int
def GET(req) -> EventStream[Count]:
    last = int(req.headers.get("Last-Event-ID", "0"))
    if last >= 4:
        return text("", status=204)
    return event_stream(Event(Count(n), id=str(n), retry=1) for n in (last + 1, last + 2))
""",
    "pages/api/missing.py": """
from apiroutes import ApiError, EventStream
def GET() -> EventStream:
    raise ApiError(404, "No feed")
""",
}
JSON = {"Content-Type": "application/json"}


_numbers = itertools.count()


def load(document: dict[str, Any], file: Path) -> ModuleType:
    """Write the client of a document, and import it."""
    file.write_text(python_client(document), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"client_{next(_numbers)}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where msgspec looks up annotations
    spec.loader.exec_module(module)
    return module


WHOLE = {"type": "integer"}
# Names of properties and parameters that mean something in Python or in the client, and what they become.
NAMES = {
    "class": "class_",
    "self": "self_",
    "list": "list_",
    "str": "str_",
    "type": "type",
    "id": "id",
    "_id": "_id",
    "__dunder": "dunder",
    "_t": "_t_",
    "_msgspec": "_msgspec_",
    "a-b": "a_b",
    "a b": "a_b_",
    "2x": "_2x",
    "größe": "größe",
    "createdAt": "created_at",
    "userID": "user_id",
    "Problem": "problem",
    "Taken": "taken",
    "datetime": "datetime",
    "": "_",
}


TYPE_NAMES = (
    "Client AsyncClient ApiError ApiEvent Problem Any Exception ValueError object type list dict str int"
    " property staticmethod isinstance super datetime uuid httpx msgspec None class Größe _t _httpx a-b"
)


def names_document() -> dict[str, Any]:
    """Return a document whose types and operations have names that the client could need itself."""
    names = TYPE_NAMES.split()
    schemas: dict[str, Any] = {
        name: {"properties": {"self": {"$ref": f"#/components/schemas/{name}"}, "n": {"const": number}}}
        for number, name in enumerate(names)
    }
    paths = {
        f"/{number}": {
            "get": {
                "operationId": name,
                "responses": {
                    "200": {
                        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
                    }
                },
            }
        }
        for number, name in enumerate([*names, "close", "aclose", "_call", "__init__"])
    }
    properties = dict.fromkeys(NAMES, WHOLE)
    schemas["Properties"] = {"type": "object", "properties": properties}
    return {"paths": paths, "components": {"schemas": schemas}}
