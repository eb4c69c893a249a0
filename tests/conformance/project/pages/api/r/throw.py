import asyncio
from typing import Any, NoReturn

from apiroutes import ApiError, Request, Response

from .._lib import Handler, ask, perform


def throw(thrown: Any) -> NoReturn:
    """`throw`; for anything but an exception `raise` itself raises a TypeError."""
    raise thrown


async def reject(thrown: Any) -> NoReturn:
    throw(thrown)


async def reject_later(thrown: Any) -> NoReturn:
    await asyncio.sleep(0.03)
    throw(thrown)


class MyApiError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class UserError(Exception):
    """`new Error(message)`, with members."""

    def __init__(self, message: str, **members: Any) -> None:
        super().__init__(message)
        vars(self).update(members)


async def sent_then_reject(q: Request, s: Response) -> None:
    s.json({"sent": True})
    await asyncio.sleep(0)
    throw(UserError("after"))


def caught(q: Request, s: Response) -> None:
    try:
        throw(UserError("x"))
    except UserError:
        s.status(500).json({"error": "Server error!"})


async def detached(q: Request, s: Response) -> None:
    q.context["task"] = asyncio.ensure_future(reject(UserError("detached")))
    s.json({"ok": True})


async def timer(q: Request, s: Response) -> None:
    asyncio.get_running_loop().call_later(0.02, throw, UserError("timer"))
    s.json({"ok": True})


async def waited(q: Request, s: Response) -> None:
    await asyncio.sleep(0.02)
    s.json({"waited": True})


# writeHead() is status() and set_header(); statusMessage has no counterpart.
KINDS: dict[str, Handler] = {
    "sync": lambda q, s: throw(UserError("User error")),
    "async": lambda q, s: reject(UserError("User error async")),
    "reject-later": lambda q, s: reject_later(UserError("later")),
    "string": lambda q, s: throw("a string"),
    "number": lambda q, s: throw(404),
    "null": lambda q, s: throw(None),
    "undefined": lambda q, s: throw(None),
    "reject-undefined": lambda q, s: reject(None),
    "plain-object": lambda q, s: throw({"statusCode": 418, "message": "plain"}),
    "error-statuscode": lambda q, s: throw(UserError("not found", status_code=404)),
    "error-status": lambda q, s: throw(UserError("forbidden", status=403)),
    "lookalike-apierror": lambda q, s: throw(MyApiError(418, "look alike")),
    "real-apierror": lambda q, s: throw(ApiError(418, "short and stout")),
    "real-apierror-async": lambda q, s: reject(ApiError(422, "nope")),
    "real-apierror-empty": lambda q, s: throw(ApiError(400, "")),
    "real-apierror-unicode": lambda q, s: throw(ApiError(400, "é☃")),
    "typeerror": lambda q, s: None.x,  # type: ignore[attr-defined]
    "after-headers": lambda q, s: (
        s.set_header("X-Before", "1").set_header("Content-Type", "application/json") and throw(UserError("x"))
    ),
    "after-cookie": lambda q, s: s.set_header("Set-Cookie", "a=1") and throw(UserError("x")),
    "after-status": lambda q, s: s.status(201) and throw(UserError("x")),
    "after-statusmessage": lambda q, s: throw(UserError("x")),
    "after-etag": lambda q, s: (
        s.set_header("ETag", '"e"').set_header("Cache-Control", "max-age=5") and throw(UserError("x"))
    ),
    "after-cl": lambda q, s: s.set_header("Content-Length", "5") and throw(UserError("x")),
    "after-json": lambda q, s: (s.json({"sent": True}), throw(UserError("after"))),
    "after-json-async": sent_then_reject,
    "after-write": lambda q, s: s.write("partial") and throw(UserError("mid")),
    "after-writehead": lambda q, s: s.status(202).set_header("X-WH", "1") and throw(UserError("mid")),
    "apierror-after-write": lambda q, s: s.write("partial") and throw(ApiError(418, "tea")),
    "detached-reject": detached,
    "timer-throw": timer,
    "caught": caught,
    "async-ok": waited,
}


async def handler(req: Request, res: Response) -> None:
    await perform(KINDS, ask(req, "kind"), req, res)
