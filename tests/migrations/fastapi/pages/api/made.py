from ported_fastapi.people import NotOurs
from starlette.responses import PlainTextResponse

from apiroutes import after, event_stream, file, html, json, redirect, stream, text

sent = []


def send(book):
    sent.append(book)


def chunks():
    yield "a"
    yield "b"


def events():
    yield "event"


def GET(res, how: str):
    value = {"a": 1}
    book = {"title": "Emma"}
    match how:
        case "value":
            return value
        case "json":
            return json(value, status=202)
        case "status":
            return json(book, status=201)
        case "text":
            return text("text")
        case "html":
            return html("<h1>Hi</h1>")
        case "headers":
            res.set_header("X-A", "1")
            res.set_cookie("theme", "dark")
            return value
        case "redirect":
            return redirect("/api/a")
        case "stream":
            return stream(chunks(), headers={"Content-Type": "text/csv"})
        case "events":
            return event_stream(events())
        case "file":
            return file(__file__)
        case "starlette":
            return PlainTextResponse("of Starlette")
        case "after":
            after(send, book)
            return sent
        case "not ours":
            raise NotOurs("not ours")
