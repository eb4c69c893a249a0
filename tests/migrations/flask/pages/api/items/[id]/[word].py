from typing import Annotated

from msgspec import Meta


def GET(id: int, word: str, key: Annotated[str, Meta(pattern="^[a-z]+$")]):
    return [id, word, key]
