import dataclasses
from typing import Literal, NamedTuple

import attrs
from typing_extensions import TypedDict


class Position(NamedTuple):
    x: float
    y: float


class Address(TypedDict):
    """An address."""

    street: str
    zip: str


@attrs.define
class Phone:
    """A number of a phone."""

    number: str
    kind: Literal["home", "work"] = "home"


@dataclasses.dataclass
class Owner:
    """The owner of a pet."""

    name: str
    address: Address
    phones: list[Phone] = dataclasses.field(default_factory=list)
    position: Position | None = None


def POST(body: Owner) -> Owner:
    """Return an owner as it was understood."""
    return body
