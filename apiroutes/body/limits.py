"""The limits of one request's body and query, all of them decided at start.

In: the project's settings, and a route's own limits. Out: `Limits`.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

from apiroutes.settings import Settings
from apiroutes.sizes import Size, parse_size
from apiroutes.structs import Struct, replace

__all__ = ["CHUNK", "Limits", "limits_of"]

CHUNK = 2**16  # bytes that one read asks for


class Limits(Struct, frozen=True, dict=True):
    """The settings that limit a request, under short names.

    `size` limits the content, the others its parts; `spool_size` is in bytes. Content may take `timeout`
    seconds to arrive, and one more second for every `min_rate` bytes; a rate of 0 adds no time. `parse` is
    off if the handler reads the content itself.
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

    @cached_property
    def one_read(self) -> int:
        """The size in bytes of the longest content that is allowed and needs only one read."""
        return min(self.size.bytes, CHUNK)

    def narrowed(
        self, *, size: int | None = None, form_memory: int | None = None, form_parts: int | None = None
    ) -> Limits:
        """Return these limits, each replaced by the given number of bytes or parts if that is smaller."""
        return replace(
            self,
            size=_smaller(self.size, size),
            form_memory=_smaller(self.form_memory, form_memory),
            form_parts=self.form_parts if form_parts is None else min(form_parts, self.form_parts),
        )


def _smaller(size: Size, other: int | None) -> Size:
    return size if other is None or other >= size.bytes else parse_size(other)


@lru_cache  # many routes share one object, which stays in the processor's cache
def limits_of(settings: Settings, *, size: Size | None = None, parse: bool = True) -> Limits:
    """Return the limits of a project; `size` and `parse` are a route's own, if it has them."""
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
