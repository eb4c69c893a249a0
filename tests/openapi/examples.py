"""A project with a route of every kind, and access to its document."""

from __future__ import annotations

from typing import Any

from tests.support import HELLO

FILES = {
    "pages/api/users/index.py": """
        '''Users.'''
        import dataclasses, enum
        import msgspec

        class Order(enum.Enum):
            name = "name"
            age = "age"

        class User(msgspec.Struct):
            name: str
            age: int = 0
            friends: "list[User]" = []

        responses = {"POST": {201: User}, 409: "There is one of that name"}

        def GET(page: int = 1, order: Order = Order.name, tags: list[str] = []) -> list[User]:
            '''List users.

            Ten on a page.
            '''

        def POST(body: User) -> User:
            '''Add a user.'''
    """,
    "pages/api/users/[id].py": """
        import uuid
        from typing import Annotated
        import msgspec
        from apiroutes import json, text

        config = {"maxDuration": 5, "api": {"bodyParser": {"sizeLimit": "64kb"}}}

        class User(msgspec.Struct, rename="camel"):
            first_name: Annotated[str, msgspec.Meta(min_length=1)]

        class Search(msgspec.Struct):
            q: str
            limit: int = 10

        def GET(id: uuid.UUID, query: Search) -> User | None:
            '''One user.

            Raises 404 when there is none.
            '''

        def PATCH(id: int, body: User | None): ...
        def DELETE(params, res): ...
    """,
    "pages/api/files/[...path].py": """
        from apiroutes import UploadFile
        def GET(path: list[str]) -> bytes: ...
        def POST(path: list[str], one: UploadFile, more: list[UploadFile] = []) -> str: ...
    """,
    "pages/api/docs/[[...path]].py": "def GET(path: list[str]): ...\n",
    "pages/api/hello.py": '"""Says hello."""\n' + HELLO,
    "pages/api/with-dash/x_y.py": "def GET(): ...\n",
    "pages/api/with_dash/x-y.py": "def GET(): ...\n",
    "pages/api/index.py": "def GET(): ...\n",
    "pages/api/whole/typed.py": """
        import msgspec
        from apiroutes import Request
        class Told(msgspec.Struct):
            word: str
        def handler(req: Request[Told], res) -> str:
            '''Listens.'''
            return req.body.word
    """,
    "pages/api/whole/named.py": "responses = {'GET': {200: int}, 'PUT': {409: 'Other'}}\n" + HELLO,
    "pages/api/model.py": """
        import pydantic
        class Part(pydantic.BaseModel):
            weight: float
        class Thing(pydantic.BaseModel):
            parts: list[Part]
        def PUT(body: Thing) -> Thing: ...
    """,
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1.2"\n',
}


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that a reference refers to."""
    name = schema["$ref"].removeprefix("#/components/schemas/")
    target: dict[str, Any] = document["components"]["schemas"][name]
    return target
