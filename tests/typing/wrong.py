"""Mistakes that mypy finds: a comment on each line has the code of its error."""

import msgspec

from apiroutes import App, Depends, Middleware, Request, Response, cached, json, redirect, use
from apiroutes.middleware import api_key, basic, bearer, jwt, require
from apiroutes.testing import Client


class User(msgspec.Struct):
    name: str


def POST(req: Request[User], res: Response[User]) -> None:
    req.body.nothing  # error: attr-defined
    req.body.name + 1  # error: operator
    res.json({"name": "a"})  # error: arg-type
    res.status("200")  # error: arg-type
    res.send(1).json(1)  # error: attr-defined, func-returns-value
    res.set_cookie("a", "b", secur=True)  # error: call-arg
    res.set_cookie("a", "b", max_age="60")  # error: arg-type
    res.set_signed_cookie("a", 5)  # error: arg-type
    res.set_signed_cookie("a")  # error: call-arg
    req.signed_cookies["a"] = "b"  # error: index
    req.nothing  # error: attr-defined


def GET(req: Request, res: Response) -> None:
    req.params["a"].nothing  # error: union-attr
    res.statuss(200)  # error: attr-defined


json()  # error: call-arg
redirect(303)  # error: arg-type
use(5)  # error: arg-type
Depends(5)  # error: arg-type
Depends(print, scope="app")  # error: arg-type
App(5)  # error: arg-type
App(".", middleware=[5])  # error: list-item
Client(5)  # error: arg-type
Client(".").get("/api").jsn  # error: attr-defined


@cached(revalidate=60)
def load(key: int) -> User:
    return User(str(key))


load("1")  # error: arg-type
load(1).nothing  # error: attr-defined
load.uncached("1")  # error: arg-type
load.revalidate(1, mode="later")  # error: call-overload
cached(revalidate="60")  # error: call-overload
cached(60)  # error: call-overload
bearer(print, realm=5)  # error: call-overload
api_key(print, query="key")  # error: call-overload
basic("password")  # error: call-overload
jwt("key", algorithms=["HS256"], audience="api")  # error: call-overload
jwt("key", algorithms="HS256", audience="api", issuer=1)  # error: call-overload
require(scope=5)  # error: arg-type


def two(req: Request, res: Response) -> None: ...


step: Middleware = two  # error: assignment
