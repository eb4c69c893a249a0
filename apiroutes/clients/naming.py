"""The names in a client for the names in a document.

In: names of any characters. Out: identifiers, each different from earlier identifiers and reserved names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["Names", "camel", "identifier", "pascal", "snake", "type_name"]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Names:
    """Identifiers of one scope. An identifier that is in use gets a trailing `_`, as in PEP 8."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def claim(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def identifier(name: str) -> str:
    """Return the name as an identifier of Python and of ECMAScript: `a-b` becomes `a_b`, `größe` stays."""
    # Python compares identifiers in this form (its reference, section 2.3).
    name = unicodedata.normalize("NFKC", name)
    text = "".join(character if f"a{character}".isidentifier() else "_" for character in name)
    return text if text.isidentifier() else f"_{text}"


def type_name(name: str) -> str:
    """Return the type name for a schema: `User-Input` becomes `UserInput`, `my_type` stays as it is."""
    first, *rest = re.split(r"\W+", name)
    return identifier(first + "".join(part[:1].upper() + part[1:] for part in rest))


def camel(name: str) -> str:
    """Return `get_users_by_id` as `getUsersById`."""
    first, *rest = _words(name)
    return first[:1].lower() + first[1:] + "".join(word[:1].upper() + word[1:] for word in rest)


def pascal(name: str) -> str:
    """Return `get_users_by_id` as `GetUsersById`."""
    return "".join(word[:1].upper() + word[1:] for word in _words(name))


def snake(name: str) -> str:
    """Return `createdAt` as `created_at` and `userID` as `user_id`."""
    return _HUMP.sub("_", name).lower()


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", name) if word] or [""]
