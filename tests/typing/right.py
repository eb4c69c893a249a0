"""Every form of handler and of the API around it, as a project writes them: mypy --strict accepts it."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypedDict

import msgspec
from typing_extensions import assert_type

from apiroutes import (
    ApiError,
    App,
    Depends,
    Event,
    EventStream,
    Middleware,
    Next,
    Request,
    Response,
    UploadFile,
    cached,
    create_app,
    event_stream,
    file,
    file_route,
    from_wsgi,
    html,
    is_local,
    json,
    redirect,
    security_scheme,
    stream,
    text,
    use,
)
from apiroutes.middleware import (
    access_log,
    any_of,
    api_key,
    basic,
    bearer,
    cors,
    jwt,
    request_id,
    require,
    session_user,
)
from apiroutes.testing import Client


class User(msgspec.Struct):
    name: str
    age: int = 0


@dataclasses.dataclass
class Point:
    x: int


class Named(TypedDict):
    name: str


def handler(req: Request, res: Response) -> None:
    assert_type(req.body, Any)
    assert_type(req.query, dict[str, str | list[str]])
    assert_type(req.cookies, dict[str, str])
    assert_type(req.signed_cookies.get("a"), str | None)
    assert_type(req.signed_cookies["a"], str)
    assert_type(req.raw_body, bytes)
    res.status(201).set_header("X-A", "1").set_cookie("a", "b").json({"a": 1})
    res.set_cookie("a", "b", max_age=timedelta(days=1), httponly=False, samesite=None, secure=None)
    res.set_signed_cookie("a", "b", max_age=60.5, domain="a.example").delete_cookie(
        "c", partitioned=True
    ).end()


def POST(req: Request[User], res: Response[Point]) -> None:
    assert_type(req.body, User)
    assert_type(req.body.name, str)
    res.json(Point(1))


async def PUT(id: int, body: Named, page: int = 1) -> list[User]:
    if id > page:
        raise ApiError(404, "none", {"X-A": "1"})
    return [User(body["name"])]


def PATCH(first: UploadFile, more: list[UploadFile]) -> str:
    return first.filename or more[0].stream.read().decode()


def validate(req: Request, res: Response, next: Callable[[], Any]) -> Any:
    req.context["a"] = 1
    return next()


@security_scheme("oauth", {"type": "openIdConnect", "openIdConnectUrl": "/oidc"}, scopes=["write"])
@use(validate)
def DELETE(params: dict[str, Any], context: dict[str, Any]) -> Any:
    return json({"a": 1}, status=204, headers={"X-A": "1"})


def numbers() -> Iterator[str]:
    yield "1"


async def events() -> AsyncIterator[Event]:
    yield Event("a", event="b")


def progress() -> EventStream[User]:
    return event_stream(Event(User("a")) for _ in range(2))


RESULTS = [
    text("a"),
    html("<b>"),
    redirect("/a", 303),
    stream(numbers()),
    event_stream(events()),
    file("a.txt", as_attachment=True),
]

Route = file_route("/api/posts/$id", handlers={"GET": handler}, middleware=[validate])
middleware = [validate, cors(["*"]), request_id(), access_log(format="json"), from_wsgi(lambda app: app)]

app = App(".", fallback=create_app("elsewhere"), middleware=[validate], body_size_limit="2mb")


def test_it() -> None:
    client = Client(app)
    answer = client.post("/api/x", json={"a": 1})
    assert_type(answer.json, Any)
    assert_type(answer.status_code, int)
    assert_type(answer.text, str)
    assert [event.data for event in answer.events()] == []
    assert is_local("/a")


def session() -> Iterator[dict[str, int]]:
    yield {}


Session = Annotated[dict[str, int], Depends(session)]


async def current_user(db: Session, token: str = "") -> User:
    return User(token, db["age"])


def needs(user: Annotated[User, Depends(current_user, use_cache=False)], db: Session) -> str:
    assert_type(user, User)
    assert_type(db, dict[str, int])
    return user.name


dependencies = [Depends(current_user), Depends(session, scope="function"), Depends(Point)]


def test_with_others(client: Client) -> None:
    client.override(session, lambda: {"age": 5})
    with client.override(current_user, lambda: User("ada")), client:
        client.get("/api/x")


@cached
def load_user(key: int, name: str = "", *, active: bool = True) -> User:
    return User(name)


@cached(revalidate=60, stale=10.5, tags=["users"])
async def load_point(x: int) -> Point:
    return Point(x)


@cached()
def count() -> int:
    return 1


async def use_cached() -> None:
    assert_type(load_user(1, "a", active=False), User)
    assert_type(load_user.uncached(1), User)
    assert_type(await load_point(1), Point)
    assert_type(await load_point.uncached(x=1), Point)
    assert_type(count(), int)
    load_user.revalidate(1, name="a")
    await load_user.revalidate(1, mode="stale")
    await load_point.revalidate(1)


# -- sign-in: the user is what `verify` returns


def find_user(token: str) -> User | None:
    return None


async def look_up_user(token: str) -> User | Literal[False]:
    return False


def check_password(name: str, password: str) -> User | None:
    return None


Claims = Mapping[str, Any]


def user_of(claims: Claims) -> User | None:
    return None


async def look_up(claims: Mapping[str, object]) -> User | None:
    return None


signed_in = bearer(find_user)
later_user = bearer(look_up_user)
tokens = jwt({"old": "k"}, algorithms=["HS256"], audience="a", issuer="i", leeway=timedelta(minutes=2))
either = any_of(bearer(find_user), api_key({"ci": "k"}, header="X-API-Key"))


async def users(req: Request, res: Response) -> None:
    assert_type(signed_in.make_value(req, res), User)
    assert_type(await later_user.make_value(req, res), User)
    assert_type(bearer(find_user, optional=True).make_value(req, res), User | None)
    assert_type(await bearer(look_up_user, optional=True).make_value(req, res), User | None)
    assert_type(bearer("secret").make_value(req, res), str)
    assert_type(bearer({"ci": ["new", "old"]}, optional=True).make_value(req, res), str | None)
    assert_type(api_key(find_user, cookie="key").make_value(req, res), User)
    assert_type(session_user().make_value(req, res), str)
    assert_type(session_user(find_user).make_value(req, res), User)
    assert_type(await session_user(look_up_user, optional=True).make_value(req, res), User | None)
    assert_type(basic(check_password, realm="staff").make_value(req, res), User)
    assert_type(basic({"ada": "password"}, csrf=False).make_value(req, res), str)
    assert_type(either.make_value(req, res), User | str | Awaitable[User | str])
    assert_type(tokens.make_value(req, res), Claims | Awaitable[Claims])
    plain = jwt("k", algorithms=["HS256"], audience=None, issuer=None, user=user_of)
    assert_type(plain.make_value(req, res), User | Awaitable[User])
    later = jwt(jwks_url="u", algorithms=["RS256"], audience=["a"], issuer="i", user=look_up, optional=True)
    assert_type(later.make_value(req, res), User | None | Awaitable[User | None])


@use(signed_in, require(scope="users:read"))
def read_users(user: Annotated[User, Depends(signed_in)]) -> User:
    return user


def write_users(user: Annotated[User, Depends(require(lambda user: True, user=either))]) -> User:
    return user


async def may_read(user: User, req: Request) -> bool:
    return user.name != ""


require(may_read, scope=["users:read", "users:write"], user=later_user)


# -- middleware


def tag(value: str) -> Middleware:
    def step(request: Request, response: Response, proceed: Next) -> None:
        proceed()
        response.set_header("X-Tag", value)

    return step


async def timed(req: Request, res: Response, next: Next) -> object:
    return None if req.method == "HEAD" else await next()


STEPS: list[Middleware] = [tag("a"), timed, request_id()]
