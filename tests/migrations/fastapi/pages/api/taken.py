from dataclasses import dataclass

from typing_extensions import deprecated

from apiroutes import json


@dataclass
class Taken:
    by: int


responses = {409: Taken}


@deprecated("Use /api/books")
def GET() -> int:
    return json(Taken(1), status=409)
