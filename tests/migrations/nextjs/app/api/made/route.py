from apiroutes import ApiError, event_stream, file, html, json, redirect, stream, text

closed = []


def chunks():
    try:
        yield "a"
        yield "b"
    finally:
        closed.append("closed")


def events():
    yield "event"


def words():
    yield "a "
    yield "b"


def GET(how: str, res):
    value = {"a": 1}
    path = __file__
    match how:
        case "value":
            return value
        case "json":
            return json(value, status=201, headers={"X-Id": "7"})
        case "text":
            return text("text", status=202)
        case "html":
            return html("<h1>Hi</h1>")
        case "bytes":
            return b"bytes"
        case "nothing":
            res.status(204)
            return None
        case "chunks":
            return chunks()
        case "events":
            return event_stream(events())
        case "words":
            return stream(words(), headers={"Content-Type": "text/plain; charset=utf-8"})
        case "file":
            return file(path)
        case "redirect":
            return redirect("/api/a")
        case "permanent":
            return redirect("/api/a", status=308)
        case "missing":
            raise ApiError(404)
        case "forbidden":
            raise ApiError(403)
        case "unauthorized":
            raise ApiError(401)
        case "cookies":
            res.set_cookie("a", "1", max_age=60)
            return value
        case "options":
            res.set_cookie("a", "1", httponly=False, samesite="Strict", max_age=60)
            return value
        case "no cookies":
            res.delete_cookie("a")
            return value
        case "closed":
            return closed
