"""What one request's body and query may be, all of it decided at start."""

from __future__ import annotations

from dataclasses import dataclass

from apiroutes.sizes import Size

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """`size` bounds the content, the others what is in it; `spool_size` is in bytes.

    Content may take `timeout` seconds to come, and a second more for every `min_rate` bytes of it;
    a rate of 0 gives no more.
    `parse` is off where the handler reads the content itself.
    """

    parse: bool = True
    size: Size = Size(2**20, "1mb")
    form_memory: Size = Size(2**20, "1mb")
    form_pairs: int = 1000
    form_parts: int = 1000
    part_headers: int = 8
    json_depth: int = 200
    query_keys: int = 1000
    spool_size: int = 2**16
    timeout: float = 10.0
    min_rate: Size = Size(2**14, "16kb")
