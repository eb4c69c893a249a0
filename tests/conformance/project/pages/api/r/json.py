from typing import Any

from apiroutes import Request, Response

from .._lib import answer_value, js


def handler(req: Request, res: Response) -> None:
    def as_javascript(*values: Any) -> None:
        res.json(*(js(value) if isinstance(value, bytes) else value for value in values))

    answer_value(req, res, as_javascript)
