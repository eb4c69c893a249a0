from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta
from pydantic import Field


@dataclass
class Filters:
    page: int = 1


def GET(
    tag: list[str],
    since: Annotated[int, Field(alias="from")],
    q: str = "",
    word: str | None = None,
    limit: Annotated[int, Field(ge=1, le=100)] = 20,
    page: Annotated[int, Meta(ge=1, le=100)] = 1,
):
    return [tag, since, q, word, limit, page]
