"""What a store records besides its entries: which names were bumped, and the limit of these records.

In: names. Out: what represents a name in a record.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["PART_TO_PRUNE", "most_records", "record_of"]

# At least one in so many records of bumps goes when there are too many.
PART_TO_PRUNE = 10

_FEWEST_RECORDS = 1000
# Bytes. Names contain paths, which are as long as clients make them; digests are no longer than this.
_LONGEST_RECORD = 128


def record_of(name: str) -> bytes:
    """Return what represents a name in a record: the name itself, or a digest of a long one; never b""."""
    record = b"=" + name.encode("utf-8", "surrogatepass")
    return record if len(record) <= _LONGEST_RECORD else b"#" + blake2b(record, digest_size=16).digest()


def most_records(max_entries: int) -> int:
    """Return how many bumped names, and how many leases, a store remembers that keeps so many entries."""
    return max(max_entries, _FEWEST_RECORDS)
