"""The people. A name that begins with `_` is private: this file is not a route."""

from msgspec import Struct


class Person(Struct):
    """Somebody who has made computing what it is."""

    id: int
    name: str
    known_for: str


PEOPLE = [
    Person(1, "Ada Lovelace", "the first published program"),
    Person(2, "Grace Hopper", "the first compiler"),
    Person(3, "Alan Turing", "the universal machine"),
]
