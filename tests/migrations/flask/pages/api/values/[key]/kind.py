from typing import Literal


def GET(key: Literal["open", "done"], page: int = 1):
    return {"key": key, "page": page}
