"""Any chain of middleware and what it does, against a plain model of the rules (docs/behaviour.md §5).

The model keeps a list of all changes and who made them. The client gets the changes of that list in
order, without those of a response that has been discarded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App, from_wsgi
from tests.support import call, project

# -- programs


@dataclass(frozen=True)
class Say:
    """A setter: "set", "append", "remove", "vary", "cookie" or "status", and what of."""

    what: str
    name: str
    value: str


@dataclass(frozen=True)
class Step:
    """Middleware: what it says before, whether it goes on, what it says after, and how it ends.

    `ends` is None, "return", "send" or "raise"; `catches` is how it ends when an exception comes, None
    where it lets it through.
    """

    before: tuple[Say, ...] = ()
    goes_on: bool = True
    after: tuple[Say, ...] = ()
    ends: Union[str, None] = None
    catches: Union[str, None] = None
    at_last: tuple[Say, ...] = ()
    kind: str = "sync"  # or "async", or "wsgi", which does nothing


@dataclass(frozen=True)
class Handler:
    """What it says, and how it ends: "json", "stream", "raise", "late" (raises after its answer)."""

    says: tuple[Say, ...] = ()
    ends: str = "json"
    kind: str = "sync"


NAMES = st.sampled_from(["X-A", "X-B"])
VALUES = st.sampled_from(["1", "2", "3"])
SAYS = st.one_of(
    st.builds(Say, st.sampled_from(["set", "append", "remove", "cookie"]), NAMES, VALUES),
    st.builds(Say, st.just("vary"), st.just("Vary"), st.sampled_from(["Origin", "Accept", "Cookie"])),
    st.builds(Say, st.just("status"), st.just(""), st.sampled_from(["200", "202", "404", "418"])),
)
SAID = st.lists(SAYS, max_size=3).map(tuple)
STEPS = st.one_of(
    st.builds(
        Step,
        SAID,
        st.sampled_from([True, True, True, False]),
        SAID,
        st.sampled_from([None, None, "return", "send", "raise"]),
        st.sampled_from([None, None, "return", "send", "raise"]),
        SAID,
        st.sampled_from(["sync", "async"]),
    ),
    st.just(Step(kind="wsgi")),
)
HANDLERS = st.builds(
    Handler, SAID, st.sampled_from(["json", "stream", "raise", "late"]), st.sampled_from(["sync", "async"])
)


# -- the model


class Failure(Exception):
    """What a program raises."""


@dataclass
class Model:
    """All that was said so far: who said it, and what; and the answer as it is."""

    log: list[tuple[str, Say]] = field(default_factory=list)
    content: Union[str, None] = None
    answered_by: str = ""
    answered_at: int = 0  # how much had been said

    def say(self, who: str, says: Iterable[Say]) -> None:
        self.log += [(who, each) for each in says]

    def answer(self, who: str, content: str) -> None:
        self.content, self.answered_by, self.answered_at = content, who, len(self.log)

    def drop(self, *, keeps_later_status: bool) -> None:
        """The answer goes: its status, and all that the handler has said; headers of middleware stay."""
        if self.content is None:
            return
        kept = []
        for number, (who, each) in enumerate(self.log):
            is_late = number >= self.answered_at
            if each.what == "status":
                was_before_handler = self.answered_by == "handler" and not is_late
                stays = who != "handler" and (was_before_handler or (is_late and keeps_later_status))
            else:
                stays = who != "handler"
            if stays:
                kept.append((who, each))
        self.log, self.content = kept, None

    def replace(self, how: str, who: str) -> None:
        if how == "send" and self.content is not None:  # the status stays, whoever has set it
            status = self.status()
            self.drop(keeps_later_status=False)
            self.log = [entry for entry in self.log if entry[1].what != "status"]
            self.log.append((who, Say("status", "", status)))
        else:
            self.drop(keeps_later_status=True)
        self.answer(who, who)

    def status(self) -> str:
        return next((each.value for _, each in reversed(self.log) if each.what == "status"), "200")

    def headers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for _, each in self.log:
            if each.what == "set":
                found[each.name] = [each.value]
            elif each.what == "append":
                found.setdefault(each.name, []).append(each.value)
            elif each.what == "remove":
                found.pop(each.name, None)
            elif each.what == "cookie":
                found.setdefault("Set-Cookie", []).append(
                    f"{each.name}={each.value}; Path=/; HttpOnly; SameSite=Lax"
                )
            elif each.what == "vary" and each.value not in found.setdefault("Vary", []):
                found["Vary"].append(each.value)
        return found

    # -- a run

    def run(self, steps: list[Step], handler: Handler, depth: int = 0) -> None:
        if not steps:
            return self.handle(handler)
        step, who = steps[0], f"step {depth}"
        if step.kind == "wsgi":
            return self.run(steps[1:], handler, depth + 1)
        try:
            ends = self.walk(step, who, steps[1:], handler, depth)
        except Failure:
            self.say(who, step.at_last)
            if depth:  # what fails is dropped by the one outside
                self.drop(keeps_later_status=False)
            raise
        self.say(who, step.at_last)
        if ends == "return":  # which counts when the function has ended
            self.replace("return", who)

    def walk(self, step: Step, who: str, steps: list[Step], handler: Handler, depth: int) -> Union[str, None]:
        self.say(who, step.before)
        ends = step.ends or (None if step.goes_on else "return")
        if step.goes_on:
            try:
                self.run(steps, handler, depth + 1)
            except Failure:
                ends = step.catches or "raise"
            else:
                self.say(who, step.after)
        else:
            self.say(who, step.after)
        if ends == "raise":
            raise Failure
        if ends == "send":
            self.replace("send", who)
        return ends

    def handle(self, handler: Handler) -> None:
        self.say("handler", handler.says)
        if handler.ends == "raise":
            self.log = [entry for entry in self.log if entry[0] != "handler"]
            raise Failure
        self.answer("handler", "handler")
        if handler.ends == "late":
            self.drop(keeps_later_status=False)
            raise Failure


# -- the App


def say(res: Any, says: Iterable[Say]) -> None:
    for each in says:
        if each.what in ("set", "vary"):
            res.set_header(each.name, each.value)
        elif each.what == "append":
            res.append_header(each.name, each.value)
        elif each.what == "remove":
            res.remove_header(each.name)
        elif each.what == "cookie":
            res.set_cookie(each.name, each.value)
        else:
            res.status(int(each.value))


def end(res: Any, how: str, who: str) -> Any:
    if how == "raise":
        raise Failure
    if how == "return":
        return who
    res.send(who)
    return None


def middleware(step: Step, who: str) -> Callable[..., Any]:
    def walk(res: Any) -> Generator[bool, None, Any]:
        """The step, which yields where it goes on; an exception comes in there."""
        try:
            say(res, step.before)
            if step.goes_on:
                try:
                    yield True
                except Failure:
                    if step.catches is None or step.catches == "raise":
                        raise
                    return end(res, step.catches, who)
            say(res, step.after)
            if step.ends is not None or not step.goes_on:
                return end(res, step.ends or "return", who)
        finally:
            say(res, step.at_last)
        return None

    def plain(req: Any, res: Any, next: Callable[[], Any]) -> Any:
        walking: Any = walk(res)
        try:
            walking.send(None)
            try:
                next()
            except Failure as error:
                walking.throw(error)
            walking.send(None)
        except StopIteration as stop:
            return stop.value

    async def asynchronous(req: Any, res: Any, next: Callable[[], Awaitable[Any]]) -> Any:
        walking: Any = walk(res)
        result = None
        try:
            walking.send(None)
        except StopIteration as stop:
            return stop.value
        failure = None
        try:
            await next()
        except Failure as error:
            failure = error
        try:
            if failure is not None:
                walking.throw(failure)
            else:
                walking.send(None)
        except StopIteration as stop:
            result = stop.value
        return result

    if step.kind == "wsgi":
        return from_wsgi(lambda application: application)
    return plain if step.kind == "sync" else asynchronous


ROUTE = """
from tests.test_response_model import playing
def GET(req, res):
    return playing[0](res)
"""
ASYNC_ROUTE = ROUTE.replace("def GET", "async def GET")
playing: list[Callable[[Any], Any]] = []


def play(handler: Handler) -> Callable[[Any], Any]:
    def run(res: Any) -> Any:
        say(res, handler.says)
        if handler.ends == "raise":
            raise Failure
        if handler.ends == "stream":
            return iter(["hand", "ler"])
        if handler.ends == "late":
            res.send("handler")
            raise Failure
        return "handler"

    return run


@pytest.fixture(scope="module")
def roots() -> Iterator[dict[str, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        yield {
            "sync": project(root / "plain", {"pages/api/x.py": ROUTE}),
            "async": project(root / "asynchronous", {"pages/api/x.py": ASYNC_ROUTE}),
        }


@settings(max_examples=400, deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=4), handler=HANDLERS)
def test_any_chain_follows_the_model(roots: dict[str, Path], steps: list[Step], handler: Handler) -> None:
    around = [middleware(step, f"step {number}") for number, step in enumerate(steps)]
    app = App(roots[handler.kind], middleware=around)
    playing[:] = [play(handler)]
    answer = call(app)
    model = Model()
    try:
        model.run(steps, handler)
        status, content = model.status(), model.content
    except Failure:
        model.drop(keeps_later_status=False)
        status, content = "500", "Internal Server Error"
    sent = {name: answer.all(name) for name in ("X-A", "X-B", "Set-Cookie")}
    sent["Vary"] = [member.strip() for line in answer.all("Vary") for member in line.split(",")]
    expected = model.headers()
    assert (answer.status, answer.body.decode()) == (int(status), content)
    assert sent == {name: expected.get(name, []) for name in sent}
