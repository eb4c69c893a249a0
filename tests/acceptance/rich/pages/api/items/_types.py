"""Types of pydantic's, with aliases, enums, tuples, dates and defaults."""

import datetime
import enum
import uuid
from typing import Annotated

import pydantic
from pydantic.alias_generators import to_camel


class Color(enum.Enum):
    """A color."""

    red = "red"
    blue = "blue"


class Part(pydantic.BaseModel):
    """A part of an item."""

    model_config = pydantic.ConfigDict(alias_generator=to_camel, populate_by_name=True)

    unit_weight: float
    made_at: datetime.datetime | None = None


class Item(pydantic.BaseModel):
    """An item of the stock."""

    model_config = pydantic.ConfigDict(alias_generator=to_camel, populate_by_name=True)

    name: Annotated[str, pydantic.Field(min_length=1, description="The name.", examples=["Milk"])]
    main_color: Color = Color.red
    parts: list[Part] = []
    size: tuple[int, int] = (1, 1)
    first_seen: datetime.date = datetime.date(2026, 1, 1)


class StoredItem(Item):
    """An item with its id."""

    id: uuid.UUID


class Conflict(pydantic.BaseModel):
    """Why an item cannot be stored."""

    message: str
    taken: str


items: dict[uuid.UUID, StoredItem] = {}
