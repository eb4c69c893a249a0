from typing import Annotated

import msgspec

from apiroutes import UploadFile


def GET(path: list[str]) -> bytes:
    """Read a file: its content is its path."""
    return "/".join(path).encode()


def PUT(path: list[str], body: bytes) -> int:
    """Write a file; return the number of its bytes."""
    return len(body)


class Labels(msgspec.Struct):
    """What is sent beside files."""

    title: str
    count: int = 1


def POST(
    path: list[str],
    file: Annotated[UploadFile, msgspec.Meta(description="The file.")],
    body: Labels,
    more: list[UploadFile] = [],
) -> dict[str, int]:
    """Upload files with labels; return their sizes."""
    return {one.filename or "": len(one.read()) for one in (file, *more)}
