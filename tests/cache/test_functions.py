"""`@cached` as a project uses it: what is computed, and what callers get."""

from __future__ import annotations

import asyncio
import inspect
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, revalidate_tag
from apiroutes.cache import Cache, note_cache
from tests.cache.function_cases import app_of_nothing, error_of, module_of
from tests.support import call, project

TOP = Path(__file__).parents[2]

PLAIN = """
@cached
def load(key, page=1, *rest, flag=False, **more):
    calls.append((key, page, rest, flag, more))
    return {"run": len(calls)}
"""
ASYNC = PLAIN.replace("def load", "async def load")


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_of_nothing(tmp_path)


def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function, or a coroutine function on a loop of its own."""
    result = function(*args, **kwargs)
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def await_true(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, at most ten seconds."""
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.001)


both = pytest.mark.parametrize("source", [PLAIN, ASYNC], ids=["plain", "async"])


# -- what is one call


@both
def test_a_second_call_gets_the_value_of_the_first(app: App, source: str) -> None:
    module = module_of(source)
    assert [run(module.load, 1), run(module.load, 1)] == [{"run": 1}, {"run": 1}]
    assert len(module.calls) == 1


@both
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1, 1), {}),
        ((1,), {"page": 1}),
        ((), {"key": 1}),
        ((), {"page": 1, "key": 1}),
        ((1,), {"flag": False}),
    ],
)
def test_the_form_of_a_call_makes_no_difference(
    app: App, source: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    module = module_of(source)
    run(module.load, 1)
    assert run(module.load, *args, **kwargs) == {"run": 1}


@both
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((True,), {}),
        ((1.0,), {}),
        (("1",), {}),
        ((b"1",), {}),
        ((None,), {}),
        ((1, 2), {}),
        ((1, 1, 1), {}),
        ((1,), {"flag": True}),
        ((1,), {"other": 1}),
    ],
)
def test_other_arguments_are_another_call(
    app: App, source: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    module = module_of(source)
    run(module.load, 1)
    assert run(module.load, *args, **kwargs) == {"run": 2}


@both
def test_functions_of_two_modules_have_values_of_their_own(app: App, source: str) -> None:
    one, two = module_of(source), module_of(source)
    run(one.load, 1)
    run(two.load, 1)
    assert len(one.calls) == len(two.calls) == 1


@both
def test_arguments_that_do_not_fit_are_refused_as_python_does(app: App, source: str) -> None:
    module = module_of(source)
    with pytest.raises(TypeError, match=r"load\(\) missing 1 required positional argument: 'key'"):
        run(module.load)


@both
@pytest.mark.parametrize(
    ("argument", "place"),
    [
        (object(), "`key` is an object of the type `object`"),
        ({"a": [object()]}, r"`key\['a'\]\[0\]` is an object"),
        (range(3), "`key` is an object of the type `range`"),
        (lambda: 1, "`key` is an object of the type `function`"),
    ],
)
def test_an_argument_that_is_no_data_is_refused_with_its_name(
    app: App, source: str, argument: object, place: str
) -> None:
    module = module_of(source)
    with pytest.raises(TypeError, match=f"by its arguments, but {place}.*: pass"):
        run(module.load, argument)
    assert not module.calls


# -- what is a value


@both
def test_what_a_caller_changes_no_other_gets(app: App, source: str) -> None:
    module = module_of(source)
    for _ in range(3):
        value = run(module.load, 1)
        assert value == {"run": 1}
        value["run"] = "changed"


@pytest.mark.parametrize("prefix", ["", "async "])
def test_none_is_a_value(app: App, prefix: str) -> None:
    module = module_of(f"@cached\n{prefix}def load() -> None:\n    calls.append(1)")
    assert run(module.load) is run(module.load) is None
    assert len(module.calls) == 1


@pytest.mark.parametrize("prefix", ["", "async "])
def test_what_is_raised_is_not_kept(app: App, prefix: str) -> None:
    module = module_of(f"""
@cached
{prefix}def load():
    calls.append(1)
    if len(calls) < 3:
        raise LookupError(len(calls))
    return len(calls)
""")
    for count in (1, 2):
        with pytest.raises(LookupError, match=str(count)):
            run(module.load)
    assert [run(module.load), run(module.load)] == [3, 3]


@pytest.mark.parametrize("prefix", ["", "async "])
@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("", "{'a': [1, 2.5, None, True, b'x', 'y'], 2: {}}"),
        (" -> tuple[int, ...]", "(1, 2)"),
        (" -> set[str]", "{'a'}"),
        (" -> Post", "Post(1, datetime.date(2026, 1, 2))"),
        (" -> 'list[Post]'", "[Post(1, datetime.date(2026, 1, 2))]"),
        (" -> Later", "Later(1)"),
        (" -> Struct", "Struct({1: decimal.Decimal('1.10')})"),
        (" -> Model", "Model(a=1, Who='b')"),
        (" -> dict[str, Model]", "{'m': Model(a=1, Who='b')}"),
        (" -> Attrs", "Attrs(1, (2,))"),
        (" -> Named", "Named(1, 'b')"),
        (" -> Colour", "Colour.RED"),
        (" -> datetime.datetime", "datetime.datetime(2026, 1, 2, 3, 4, 5, 6)"),
        (" -> datetime.datetime", "datetime.datetime(2026, 1, 2, tzinfo=EAST)"),
        (" -> datetime.timedelta", "datetime.timedelta(1, 2, 3)"),
        (" -> uuid.UUID", "uuid.UUID(int=5)"),
        (" -> float", "float('-inf')"),
        (" -> Any", "[1]"),
        (" -> object", "[1]"),
        (" -> int | None", "None"),
    ],
)
def test_a_hit_and_a_miss_return_equal_values_of_equal_types(
    app: App, prefix: str, annotation: str, value: str
) -> None:
    module = module_of(f"""
EAST = datetime.timezone(datetime.timedelta(hours=2))
@dataclasses.dataclass
class Post:
    n: int
    day: datetime.date
class Struct(msgspec.Struct):
    x: dict[int, decimal.Decimal]
class Model(pydantic.BaseModel):
    a: int
    who: str = pydantic.Field(alias="Who")
@attrs.define
class Attrs:
    a: int
    b: tuple[int, ...]
class Named(NamedTuple):
    a: int
    b: str
class Colour(enum.Enum):
    RED = "red"
@cached
{prefix}def load(){annotation.replace("Later", "'Later'")}:
    calls.append(1)
    return {value}
@dataclasses.dataclass
class Later:
    n: int
""")
    miss, hit = run(module.load), run(module.load)
    wanted = eval(value, vars(module))
    assert miss == hit == wanted
    assert type(miss) is type(hit) is type(wanted)
    assert repr(hit) == repr(wanted)
    assert len(module.calls) == 1


@pytest.mark.parametrize("prefix", ["", "async "])
@pytest.mark.parametrize(
    ("annotation", "value", "place"),
    [
        ("", "(1,)", "`result` is a `tuple`, which comes back as a `list`.*annotation"),
        ("", "{'a': [1, (2,)]}", r"`result\['a'\]\[1\]` is a `tuple`"),
        ("", "{1}", "`result` is a `set`"),
        ("", "datetime.date(2026, 1, 2)", "`result` is a `date`, which comes back as a `str`"),
        ("", "{datetime.date(2026, 1, 2): 1}", "`result` is a `dict`"),
        ("", "object()", "`result` is an object of the type `object`"),
        ("", "{'a': [object()]}", r"`result\['a'\]\[0\]` is an object"),
        ("", "2 ** 70", "`result` is an integer of more than 64 bits"),
        ("", "'\\ud800'", "`result` is a string with half of a surrogate pair"),
        ("", "asyncio.sleep(0)", "`result` is a coroutine"),
        (" -> int", "'a'", "`result` does not match the annotation: Expected `int`, got `str`"),
        (" -> list", "[(1,)]", r"`result\[0\]` is a `tuple`"),
        (" -> dict[str, int]", "{'a': 1, 'b': 'x'}", r"Expected `int`, got `str` - at `result\[...\]`"),
        (" -> Changing", "Changing(a=1)", r"`result.a` differs after"),
    ],
)
def test_a_result_that_is_no_data_is_refused_with_its_place(
    app: App, prefix: str, annotation: str, value: str, place: str
) -> None:
    module = module_of(f"""
class Changing(pydantic.BaseModel):
    a: int
    @pydantic.field_validator("a")
    @classmethod
    def _increase(cls, value: int) -> int:
        return value + 1
@cached
{prefix}def load(){annotation}:
    return {value}
""")
    for _ in range(2):
        with pytest.raises(TypeError, match=rf"`load` \(functions_\d+\.py:\d+\).*{place}"):
            run(module.load)


# -- errors of use


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ("revalidate=-1", "ValueError: `revalidate` .*not negative"),
        ("revalidate=10**30", "ValueError: `revalidate` .*ten years: give False"),
        ("revalidate=10**400", "ValueError: `revalidate` .*ten years: give False"),
        ("stale=10**30", "ValueError: `stale` .*ten years: give less"),
        ("revalidate=0", "ValueError: .*leave @cached out"),
        ("revalidate=True", "TypeError: `revalidate` .*number of seconds, or False, not True"),
        ("revalidate='60'", "TypeError: `revalidate`"),
        ("revalidate=None", "TypeError: `revalidate`"),
        ("revalidate=float('nan')", "ValueError: `revalidate`"),
        ("revalidate=float('inf')", "ValueError: `revalidate`"),
        ("stale=-1", "ValueError: `stale`"),
        ("stale=False", "TypeError: `stale`"),
        ("tags='posts'", r"TypeError: `tags` .*write `tags=\[\"posts\"\]`"),
        ("tags=[1]", "TypeError: `tags` .*1 is not a string"),
        ("tags=['']", "ValueError: `tags` .*'' is empty"),
        ("tags=['a b']", "ValueError: `tags` .*not visible"),
        ("tags=['x' * 257]", "ValueError: `tags` .*256"),
        ("60", "TypeError: @cached takes a function, not 60: write .*revalidate=60"),
    ],
)
def test_a_wrong_parameter_is_an_error_of_the_definition(parameters: str, text: str) -> None:
    error = error_of(f"@cached({parameters})\ndef load(): ...")
    assert re.match(text, error), error


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ("load = cached(lambda: 1)", "lambda.*top of a module"),
        ("def make():\n    @cached\n    def load(): ...\nmake()", "inside another.*top of a module"),
        ("class A:\n    @cached\n    def load(self): ...", "`A.load`.*method"),
        ("class A:\n    @cached\n    @staticmethod\n    def load(): ...", "@staticmethod first"),
        ("class A:\n    @cached\n    @classmethod\n    def load(cls): ...", "is above @classmethod"),
        ("@cached\nclass A: ...", "takes a function"),
        ("load = cached(len)", "takes a function"),
        ("@cached\ndef load():\n    yield 1", "generator.*return a list"),
        ("@cached\nasync def load():\n    yield 1", "generator.*return a list"),
        ("@cached\ndef load() -> threading.Lock: ...", "annotation"),
        ("@cached\ndef load() -> typing.Iterator[int]: ...", "annotation"),
        ("@cached\ndef load() -> complex: ...", "annotation"),
    ],
)
def test_a_function_whose_values_cannot_be_kept_is_an_error_of_the_definition(
    definition: str, text: str
) -> None:
    error = error_of(definition)
    assert re.match(f"TypeError: .*{text}", error), error


def test_a_static_method_can_be_cached(app: App) -> None:
    module = module_of("""
class A:
    @staticmethod
    @cached
    def load(key):
        calls.append(key)
        return key
""")
    assert [module.A.load(1), module.A().load(1)] == [1, 1]
    assert module.calls == [1]


# -- how long


@pytest.mark.parametrize("source", [PLAIN, ASYNC], ids=["plain", "async"])
def test_one_value_is_revalidated_alone(app: App, source: str) -> None:
    module = module_of(source)
    assert [run(module.load, 1), run(module.load, 2)] == [{"run": 1}, {"run": 2}]
    module.load.revalidate(1, page=1)
    assert [run(module.load, 1), run(module.load, 2)] == [{"run": 3}, {"run": 2}]


@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_tag_revalidates_all_values(app: App, prefix: str) -> None:
    module = module_of(f"""
@cached(tags=["posts"])
{prefix}def load(key):
    calls.append(key)
    return len(calls)
""")
    assert [run(module.load, 1), run(module.load, 2)] == [1, 2]
    revalidate_tag("other")
    assert [run(module.load, 1), run(module.load, 2)] == [1, 2]
    revalidate_tag("posts")
    assert [run(module.load, 1), run(module.load, 2)] == [3, 4]


@pytest.mark.parametrize("drop", ["tag", "value"])
@pytest.mark.parametrize("prefix", ["", "async "])
def test_what_was_computed_with_a_value_is_revalidated_with_it(app: App, prefix: str, drop: str) -> None:
    wait = "await " if prefix else ""
    module = module_of(f"""
@cached(tags=["inner"])
{prefix}def inner(key):
    calls.append(key)
    return len(calls)
@cached
{prefix}def middle(key):
    return [{wait}inner(key)]
@cached
{prefix}def outer(key):
    return [{wait}middle(key)]
""")
    run(module.inner, 1)  # so that the others use what is kept
    assert run(module.outer, 1) == run(module.outer, 1) == [[1]]
    if drop == "tag":
        revalidate_tag("inner")
    else:
        module.inner.revalidate(1)
    assert run(module.outer, 1) == [[2]]


def test_a_mode_is_known_and_a_parameter_of_that_name_is_the_functions(app: App) -> None:
    module = module_of("""
@cached
def load(key):
    calls.append(key)
    return len(calls)
@cached
def draw(mode):
    calls.append(mode)
    return len(calls)
""")
    assert [module.load(1), module.draw("fast"), module.draw("slow")] == [1, 2, 3]
    with pytest.raises(ValueError, match="'expire' or 'stale', not 'later'"):
        module.load.revalidate(1, mode="later")
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        module.load.revalidate(1, nothing=1)
    module.draw.revalidate(mode="fast")
    assert [module.draw("fast"), module.draw("slow")] == [4, 3]


@pytest.mark.parametrize("prefix", ["", "async "])
def test_the_function_itself_neither_reads_nor_stores(app: App, prefix: str) -> None:
    module = module_of(PLAIN if not prefix else ASYNC)
    assert [run(module.load.uncached, 1), run(module.load.uncached, 1)] == [{"run": 1}, {"run": 2}]
    assert run(module.load, 1) == {"run": 3}


@both
def test_a_cached_function_looks_like_the_function(app: App, source: str) -> None:
    module = module_of(source)
    assert module.load.__name__ == "load"
    assert inspect.signature(module.load) == inspect.signature(module.load.uncached)
    assert inspect.iscoroutinefunction(module.load) == (source is ASYNC)


def test_a_function_that_calls_itself_with_the_same_arguments_does_not_wait_for_itself(app: App) -> None:
    module = module_of("""
@cached
def load(key):
    calls.append(key)
    return load(key) + 1 if len(calls) < 3 else 0
@cached
async def load_later(key):
    calls.append(key)
    return await load_later(key) + 1 if len(calls) < 6 else 0
""")
    assert module.load(1) == 2
    assert run(module.load_later, 1) == 2


# -- several at once


def test_threads_that_call_at_once_share_one_run(app: App) -> None:
    module = module_of("""
begun, goes_on = threading.Event(), threading.Event()
@cached
def load():
    calls.append(1)
    begun.set()
    assert goes_on.wait(10)
    return [len(calls)]
""")
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(module.load())) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert module.begun.wait(10)
    module.goes_on.set()
    for thread in threads:
        thread.join()
    assert results == [[1]] * 4
    assert module.calls == [1]


# -- stale values


def test_a_stale_value_is_returned_while_one_thread_computes_it_anew(tmp_path: Path) -> None:
    # A file that is busy for a quarter of a second would keep no value, and the next one be computed.
    app = app_of_nothing(tmp_path, cache="memory")
    module = module_of("""
goes_on, ended = threading.Event(), threading.Event()
@cached
def load(key):
    calls.append(threading.get_ident())
    if len(calls) > 1:
        assert goes_on.wait(10)
    return len(calls)
""")
    assert module.load(1) == 1
    module.load.revalidate(1, mode="stale")
    assert [module.load(1) for _ in range(3)] == [1, 1, 1]
    module.goes_on.set()
    await_true(lambda: module.load(1) == 2)
    assert len(module.calls) == 2
    assert module.calls[1] != threading.get_ident()
    assert app.settings.cache == "memory"


def test_a_stale_value_is_returned_while_a_task_computes_it_anew(app: App) -> None:
    module = module_of("""
@cached
async def load(key):
    calls.append(threading.get_ident())
    if len(calls) > 1:
        await goes_on.wait()
    return len(calls)
""")

    async def main() -> None:
        module.goes_on = asyncio.Event()
        assert await module.load(1) == 1
        await module.load.revalidate(1, mode="stale")
        assert [await module.load(1) for _ in range(3)] == [1, 1, 1]
        module.goes_on.set()
        while await module.load(1) == 1:
            await asyncio.sleep(0.001)
        assert module.calls == [threading.get_ident()] * 2

    asyncio.run(main())


@pytest.mark.parametrize("prefix", ["", "async "])
def test_nothing_is_computed_with_a_stale_value(app: App, prefix: str) -> None:
    wait = "await " if prefix else ""
    module = module_of(f"""
@cached
{prefix}def inner(key):
    calls.append(key)
    return len(calls)
@cached
{prefix}def outer(key):
    return {wait}inner(key)
""")
    assert run(module.inner, 1) == 1
    module.inner.revalidate(1, mode="stale")
    assert run(module.outer, 1) == 2


def test_a_stale_value_stays_while_what_computes_it_anew_fails(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    module = module_of("""
@cached
def load(key):
    calls.append(key)
    if len(calls) > 1:
        raise LookupError("gone")
    return len(calls)
""")
    module.load(1)
    module.load.revalidate(1, mode="stale")
    assert module.load(1) == 1
    await_true(lambda: "LookupError: gone" in caplog.text)
    assert [module.load(1) for _ in range(3)] == [1, 1, 1]
    assert len(module.calls) == 2  # it is tried again after a second


# -- where there is nothing to keep values in


def test_without_an_app_the_function_simply_runs() -> None:
    program = """
import asyncio
from apiroutes import cached
calls = []
@cached
def load(what):
    calls.append(what)
    return (what,)
@cached
async def load_later(what):
    calls.append(what)
    return (what,)
thing = object()
assert load(thing) == load(thing) == asyncio.run(load_later(thing)) == (thing,)
assert len(calls) == 3
"""
    subprocess.run([sys.executable, "-c", program], cwd=TOP, check=True)


@both
def test_with_a_cache_that_keeps_nothing_the_function_simply_runs(tmp_path: Path, source: str) -> None:
    app, module, thing = app_of_nothing(tmp_path, cache="none"), module_of(source), object()
    assert [run(module.load, thing), run(module.load, thing)] == [{"run": 1}, {"run": 2}]
    module.load.revalidate(1)
    assert app.cache.store.stats()["entries"] == 0


def test_what_is_wrong_with_a_function_is_a_start_error_of_its_file(tmp_path: Path) -> None:
    source = "from apiroutes import cached\n@cached(revalidate=-1)\ndef load(): ...\ndef GET(req): return 1\n"
    with pytest.raises(Exception, match=r"pages/api/x\.py:2[\s\S]*`revalidate` of @cached"):
        App(project(tmp_path, {"pages/api/x.py": source}))


ROUTE = """
from apiroutes import cached, revalidate_tag
calls = []
@cached(tags=["posts"])
{prefix}def load(key):
    calls.append(key)
    return len(calls)
{prefix}def GET(req):
    return {wait}load(req.params["key"])
{prefix}def POST(req):
    {wait}load.revalidate(req.params["key"])
    return "done"
"""


@pytest.mark.parametrize("prefix", ["", "async "])
def test_handlers_use_the_cache_of_their_app(tmp_path: Path, prefix: str) -> None:
    source = ROUTE.format(prefix=prefix, wait="await " if prefix else "")
    one = App(project(tmp_path / "one", {"pages/api/[key].py": source}))
    two = App(project(tmp_path / "two", {"pages/api/[key].py": source}))
    assert [call(one, target="/api/a").json() for _ in range(2)] == [1, 1]
    assert [call(two, target="/api/a").json() for _ in range(2)] == [1, 1]
    assert call(one, target="/api/b").json() == 2
    assert call(one, "POST", target="/api/a").status == 200
    assert [call(one, target="/api/a").json(), call(one, target="/api/b").json()] == [3, 2]
    assert call(two, target="/api/a").json() == 1


def test_a_response_is_revalidated_with_the_values_that_it_was_made_of(tmp_path: Path) -> None:
    source = ROUTE.format(prefix="", wait="")
    app = App(project(tmp_path, {"pages/api/[key].py": f"revalidate = False\n{source}"}))
    assert [call(app, target="/api/a").json() for _ in range(2)] == [1, 1]
    revalidate_tag("posts")
    assert [call(app, target="/api/a").json() for _ in range(2)] == [2, 2]


def test_in_draft_mode_the_function_runs_and_nothing_is_stored(tmp_path: Path) -> None:
    source = ROUTE.format(prefix="", wait="").replace(
        'return "done"', "res.set_draft_mode(True)\n    return 'done'"
    )
    source = source.replace("def POST(req)", "def POST(req, res)")
    app = App(project(tmp_path, {"pages/api/[key].py": source}), secret_key=secrets.token_urlsafe(32))
    cookie = call(app, "POST", target="/api/x").header("Set-Cookie")
    assert cookie is not None
    draft, forged = [("Cookie", cookie.partition(";")[0])], [("Cookie", "__prerender_bypass=forged")]
    runs = [call(app, target="/api/a", headers=headers).json() for headers in ([], draft, draft, forged, [])]
    assert runs == [1, 2, 3, 1, 1]


@both
def test_a_value_is_kept_for_one_release_and_revalidated_in_all(app: App, source: str) -> None:
    """A script that revalidates it may be of another one, and so are the workers that a deploy replaces."""
    module = module_of(source)
    caches = [
        Cache(lambda: app.cache.store, app.cache.routes, release, hot_size=10**6, lock_timeout=10)
        for release in ("old", "new")
    ]

    def load_in(cache: Cache) -> Any:
        note_cache(cache)
        return run(module.load, 1)

    old, new = caches
    assert [load_in(cache) for cache in (old, new, old, new)] == [{"run": n} for n in (1, 2, 1, 2)]
    module.load.revalidate(1)
    assert load_in(old) == {"run": 3}
