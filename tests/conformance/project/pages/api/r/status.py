from collections.abc import Callable
from typing import Any

from apiroutes import Request, Response

from .._lib import ask, to_number

WORDS: dict[str, Any] = {"undefined": None, "str404": "404", "abc": "abc"}
MODES: dict[str, Callable[[Response, Any, str], Any]] = {
    "end": lambda s, n, code: s.status(n).end(),
    "json": lambda s, n, code: s.status(n).json({"code": code}),
    "send": lambda s, n, code: s.status(n).send("body"),
    "sendempty": lambda s, n, code: s.status(n).send(),
    "jsonempty": lambda s, n, code: s.status(n).json(),
    "sendnull": lambda s, n, code: s.status(n).send(None),
    "ct": lambda s, n, code: (
        s.set_header("Content-Type", "text/x").set_header("X-Keep", "1").status(n).send("body")
    ),
    "late": lambda s, n, code: (s.json({"late": True}), s.status(n)),
}


def handler(req: Request, res: Response) -> None:
    code = ask(req, "code")
    n = WORDS[code] if code in WORDS else to_number(code)
    MODES[ask(req, "mode", "end")](res, n, code)
