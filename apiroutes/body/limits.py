"""The limits of one request's body and query, all of them decided at start."""

from __future__ import annotations

from dataclasses import dataclass

from apiroutes.settings import Settings
from apiroutes.sizes import Size

__all__ = ["Limits", "limits_of"]


@dataclass(frozen=True)
class Limits:
    """The settings that bound a request, under short names.

    `size` bounds the content, the others what is in it; `spool_size` is in bytes. Content may take
    `timeout` seconds to come, and a second more for every `min_rate` bytes of it; a rate of 0 gives no
    more. `parse` is off where the handler reads the content itself.
    """

    parse: bool
    size: Size
    form_memory: Size
    form_pairs: int
    form_parts: int
    part_headers: int
    json_depth: int
    query_keys: int
    spool_size: int
    timeout: float
    min_rate: Size


def limits_of(settings: Settings, *, size: Size | None = None, parse: bool = True) -> Limits:
    """Return the limits that a project sets; `size` and `parse` are those of a route, if it has its own."""
    return Limits(
        parse=parse,
        size=settings.body_size_limit if size is None else size,
        form_memory=settings.max_form_memory,
        form_pairs=settings.max_form_pairs,
        form_parts=settings.max_form_parts,
        part_headers=settings.max_part_headers,
        json_depth=settings.max_json_depth,
        query_keys=settings.max_query_keys,
        spool_size=settings.upload_spool_size.bytes,
        timeout=settings.body_timeout,
        min_rate=settings.body_min_rate,
    )
