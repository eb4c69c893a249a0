"""Pets, which are msgspec's structs in a tagged union."""

import datetime
from typing import Annotated

import msgspec


class Cat(msgspec.Struct, tag="cat"):
    """A cat."""

    name: str
    lives: Annotated[int, msgspec.Meta(ge=0, le=9, description="The lives that are left.")] = 9


class Dog(msgspec.Struct, tag="dog"):
    """A dog."""

    name: str
    tricks: list[str] = []
    walks: dict[str, datetime.timedelta] = {}


class Household(msgspec.Struct, rename="camel"):
    """Pets of one address."""

    street_name: str
    pets: list[Cat | Dog] = []
    last_visit: datetime.datetime | None = None


def POST(body: Cat | Dog) -> Cat | Dog:
    """Return a pet as it was understood."""
    return body


def PUT(body: Household) -> Household:
    """Return a household as it was understood."""
    return body
