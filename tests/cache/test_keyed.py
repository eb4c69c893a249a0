"""What a handler reads of its request, and what is then in the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cache.route_cases import INTERFACES, KINDS, get_of, routed, said

both = pytest.mark.parametrize("interface", INTERFACES)

# -- headers -------------------------------------------------------------------------------------

# Ways to read a header, and the names that are in the key then.
READS = {
    "req.headers.get('X-A')": "X-A",
    "req.headers.get('x-a', 'none')": "X-A",
    "'X-A' in req.headers": "X-A",
    "req.headers.get('X-A', type=int)": "X-A",
    "[req.headers.get('X-A'), req.headers.get('X-B')]": "X-A, X-B",
    "req.accept_languages.best_match(['de', 'en'])": "Accept-Language",
    "req.accept_mimetypes.best_match(['a/b', 'c/d'])": "Accept",
    "req.user_agent.string": "User-Agent",
    "req.referrer": "Referer",
    "req.origin": "Origin",
    "req.headers.get('Host')": "",
    "req.host": "",
    "req.headers.get('If-None-Match')": "",
    "req.headers.get('Range')": "",
    "req.if_none_match.to_header()": "",
    "req.headers.get('Content-Type')": "",
    "req.content_type": "",
    "req.mimetype": "",
    "req.content_length": "",
    "req.cookies": "",
    "req.cookies.get('a')": "",
    "req.body": "",
    "req.query": "",
    "req.url": "",
    "req.method": "",
}


@both
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("expression", READS)
def test_the_headers_that_are_read_are_in_the_key(
    tmp_path: Path, expression: str, kind: str, interface: str
) -> None:
    app = routed(tmp_path, get_of(f"{expression}", "return len(seen)", kind=kind), interface)
    first, again = app.get(), app.get()
    assert [said(first), said(again)] == ["fwd=uri-miss; stored", "hit"]
    names = READS[expression]
    assert first.header("Vary") == again.header("Vary") == ", ".join(filter(None, [names, "Cookie"]))
    for name in filter(None, names.split(", ")):
        others = [app.get(headers={name: value}) for value in ("a", "b", "a", "", "")]
        assert [*map(said, others)] == ["fwd=vary-miss; stored"] * 2 + ["hit", "fwd=vary-miss; stored", "hit"]


CLIENTS = {
    "req.remote_addr": "client",
    "req.environ": "client",
    "req.environ.get('HTTP_HOST')": "client",
    "list(req.headers)": "client",
    "dict(req.headers)": "client",
    "len(req.headers)": "client",
    "str(req.headers)": "client",
    "list(req.headers.items())": "client",
    "req.access_route": "client",
    "req.remote_user": "client",
}


@both
@pytest.mark.parametrize("expression", CLIENTS)
def test_what_tells_of_one_client_keeps_an_answer_from_being_stored(
    tmp_path: Path, expression: str, interface: str
) -> None:
    app = routed(tmp_path, get_of(f"{expression}", "return len(seen)"), interface)
    answers = [app.get(), app.get()]
    assert [*map(said, answers)] == ["fwd=uri-miss; detail=client"] * 2
    assert [answer.json() for answer in answers] == [1, 2]


# -- what middleware has left --------------------------------------------------------------------

MIDDLEWARE = """
def middleware(req, res, next):
    req.user = req.context["user"] = req.headers.get("X-User", "nobody")
    req.context["db"] = "connection"
    return next()
"""
# Ways to touch it, and how the warning names it.
TOUCHES = {
    "req.user": "req.user",
    "getattr(req, 'user', 'nobody')": "req.user",
    "hasattr(req, 'user') and req.user": "req.user",
    "req.context['user']": "req.context['user']",
    "req.context.get('user')": "req.context['user']",
    "'user' in req.context and req.context['user']": "req.context['user']",
    "req.context.pop('user')": "req.context['user']",
    "req.context.setdefault('user', 'nobody')": "req.context['user']",
    "list(req.context.values())[0]": "req.context",
    "sorted(req.context.items())[1][1]": "req.context",
    "dict(req.context)['user']": "req.context",
    "{**req.context}['user']": "req.context",
    "[*req.context] and req.context['user']": "req.context",
    "len(req.context) and req.context['user']": "req.context",
    "bool(req.context) and req.context['user']": "req.context",
    "str(req.context)": "req.context",
    "f'{req.context}'": "req.context",
    "(req.context | {})['user']": "req.context",
    "({} | req.context)['user']": "req.context",
    "req.context == {} or req.context['user']": "req.context",
    "req.context != {} and req.context['user']": "req.context",
    "req.context.copy()['user']": "req.context",
    "__import__('copy').copy(req.context)['user']": "req.context",
    "__import__('json').dumps(req.context)": "req.context",
    "__import__('pickle').dumps(req.context).decode('latin-1')": "req.context",
    "__import__('copy').deepcopy(req.context)['user']": "req.context",
    "__import__('msgspec').json.encode(req.context).decode()": "req.context",
    "__import__('msgspec').msgpack.encode(req.context).decode('latin-1')": "req.context",
    "__import__('msgspec').to_builtins(req.context)": "req.context",
    "__import__('msgspec').json.encode({'all': [req.context]}).decode()": "req.context",
    "__import__('pydantic').TypeAdapter(dict).dump_json(req.context).decode()": "req.context",
    "__import__('pydantic').TypeAdapter(dict).validate_python(req.context)": "req.context",
    "__import__('pydantic').RootModel(req.context).model_dump()": "req.context",
    "res.json(req.context)": "req.context",
    "__import__('apiroutes').json(req.context)": "req.context",
    "dict(**req.context)": "req.context",
    "req.context": "req.context",
    "[req.context]": "req.context",
    "next(iter(req.context)) and req.context['user']": "req.context",
    "try_(lambda: req.user)": "req.user",
}
TRY = """
def try_(read):
    try:
        return read()
    except BaseException:
        return "caught"
"""


@both
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("expression", TOUCHES)
def test_a_handler_that_touches_it_gets_the_real_request(
    tmp_path: Path, expression: str, kind: str, interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"pages/api/_middleware.py": MIDDLEWARE}
    plain, cached = (
        routed(
            tmp_path / str(number),
            get_of(f"return {expression}", declared=declared, kind=kind) + TRY,
            interface,
            files=files,
        )
        for number, declared in enumerate(["", "revalidate = 60"])
    )
    users = ("ada", "ben", "ada")
    expected, found = ([app.get(headers={"X-User": user}) for user in users] for app in (plain, cached))
    assert [answer.body for answer in found] == [answer.body for answer in expected]
    assert [*map(said, found)] == ["fwd=uri-miss; detail=context"] * 3
    assert [answer.header("Cache-Control") for answer in found] == [None] * 3
    (record,) = caplog.records
    assert f"`{TOUCHES[expression]}`" in record.getMessage()
    assert '`config["cache"]["context"]`' in record.getMessage()


def test_what_is_deleted_of_it_is_touched(tmp_path: Path) -> None:
    source = get_of("del req.context['user']", "return len(seen)")
    app = routed(tmp_path, source, files={"pages/api/_middleware.py": MIDDLEWARE})
    answer = app.get()
    assert (answer.status, said(answer)) == (200, "fwd=uri-miss; detail=context")


@both
def test_what_the_route_lists_of_it_may_be_read(tmp_path: Path, interface: str) -> None:
    declared = "config = {'cache': {'revalidate': 60, 'context': ['db']}}"
    lines = (
        "read = [req.context['db'], req.context.get('db'), 'db' in req.context]",
        "return [len(seen), read]",
    )
    app = routed(
        tmp_path, get_of(*lines, declared=declared), interface, files={"pages/api/_middleware.py": MIDDLEWARE}
    )
    answers = [app.get(), app.get()]
    assert [answer.json() for answer in answers] == [[1, ["connection", "connection", True]]] * 2
    assert said(answers[1]) == "hit"
    assert "stale-while-revalidate" not in str(answers[0].header("Cache-Control"))


@both
def test_what_the_handler_has_put_there_itself_may_be_read(tmp_path: Path, interface: str) -> None:
    lines = (
        "req.own = req.context['own'] = 1",
        "return [len(seen), req.own, req.context['own'], 'own' in req.context]",
    )
    app = routed(tmp_path, get_of(*lines), interface)
    assert [app.get().json() for _ in range(2)] == [[1, 1, 1, True]] * 2


@both
@pytest.mark.parametrize("kind", KINDS)
def test_context_variables_of_middleware_are_not_there(tmp_path: Path, kind: str, interface: str) -> None:
    library = f"own_{tmp_path.name}_{interface}"
    files = {
        f"{library}.py": "user = contextvars.ContextVar('user', default='nobody')\n",
        "pages/api/_middleware.py": (
            f"from {library} import user\n"
            "def middleware(req, res, next):\n    user.set(req.headers['X-User'])\n    return next()\n"
        ),
    }
    app = routed(
        tmp_path,
        f"from {library} import user\n" + get_of("return user.get()", kind=kind),
        interface,
        files=files,
    )
    assert [app.get(headers={"X-User": user}).text for user in ("ada", "ben")] == ["nobody"] * 2


# -- typed parameters ----------------------------------------------------------------------------

TYPED = """
from dataclasses import dataclass
revalidate = 60
@dataclass
class Paging:
    page: int = 1
    size: int = 10
def lang(req): return req.headers.get("Accept-Language", "en")
def page(req): return int(req.query.get("page", 1))
{kind} GET({parameters}):
    seen.append("ran")
    return [len(seen), {result}]
"""
# Parameters, what the handler shows, the requests that share an answer in groups, and the names in Vary.
PARAMETERS: dict[str, tuple[str, str, list[list[tuple[str, dict[str, str]]]], str]] = {
    "a query model": (
        "req, query: Paging",
        "query.page",
        [[("?page=1", {}), ("?page=1", {"X-A": "b"})], [("?page=2", {})], [("", {})]],
        "Cookie",
    ),
    "a dependency on a header": (
        "lang: Annotated[str, Depends(lang)]",
        "lang",
        [
            [("", {}), ("", {"X-A": "b"})],
            [("", {"Accept-Language": "de"}), ("", {"Accept-Language": "de", "X-A": "b"})],
            [("", {"Accept-Language": "fr"})],
        ],
        "Accept-Language, Cookie",
    ),
    "a dependency on the query": (
        "page: Annotated[int, Depends(page)]",
        "page",
        [[("?page=1", {})], [("?page=2", {})]],
        "Cookie",
    ),
}


@both
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PARAMETERS)
def test_what_a_typed_parameter_reads_is_in_the_key(
    tmp_path: Path, name: str, kind: str, interface: str
) -> None:
    parameters, result, groups, vary = PARAMETERS[name]
    app = routed(tmp_path, TYPED.format(kind=kind, parameters=parameters, result=result), interface)
    for number, group in enumerate(groups, 1):
        answers = [app.get(f"/api/x{query}", headers) for query, headers in group]
        assert [answer.status for answer in answers] == [200] * len(group), answers[0].text
        assert [answer.json()[0] for answer in answers] == [number] * len(group)
        assert {answer.header("Vary") for answer in answers} == {vary}


def test_a_query_that_does_not_fit_is_not_stored(tmp_path: Path) -> None:
    app = routed(tmp_path, TYPED.format(kind="def", parameters="query: Paging", result="query.page"))
    answers = [app.get("/api/x?page=x") for _ in range(2)]
    assert [answer.status for answer in answers] == [answers[0].status] * 2
    assert answers[0].status in (400, 422)
    assert [*map(said, answers)] == ["fwd=uri-miss; detail=error"] * 2


# -- development ---------------------------------------------------------------------------------


def test_development_tells_once_of_a_header(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    source = get_of("return [req.headers.get('X-A'), req.headers.get('X-B')]")
    for mode in ("development", "production"):
        caplog.clear()
        app = routed(tmp_path / mode, source, mode=mode)
        for value in ("a", "b", "c"):
            app.get(headers={"X-A": value})
        told = [record.getMessage() for record in caplog.records if "reads the header" in record.getMessage()]
        assert len(told) == (2 if mode == "development" else 0)
        assert len({*told}) == len(told)
