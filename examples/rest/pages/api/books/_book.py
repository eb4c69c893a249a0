"""What a book is. The types are what requests are checked against, and what the OpenAPI document says."""

from typing import Annotated

from msgspec import Meta, Struct

Isbn = Annotated[str, Meta(pattern=r"^97[89]\d{10}$", description="13 digits")]
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Year = Annotated[int, Meta(ge=1450, le=2100)]


class Book(Struct, forbid_unknown_fields=True):
    """A book."""

    isbn: Isbn
    title: Title
    year: Year


class Changes(Struct, forbid_unknown_fields=True):
    """What changes of a book; None stays as it is."""

    title: Title | None = None
    year: Year | None = None
