from apiroutes import Request, Response

from .._lib import Handler, ask


def cors(q: Request, s: Response) -> None:
    s.set_header("Access-Control-Allow-Origin", "*")
    s.set_header("Access-Control-Allow-Methods", "GET,POST,OPTIONS")
    if q.method == "OPTIONS":
        s.status(204).end()
    else:
        s.json({"cors": True})


# writeHead() is status() and set_header(). What has no counterpart is left out: flushHeaders(), trailers,
# statusMessage, getHeaderNames().
OPS: dict[str, Handler] = {
    "ct-before-json": lambda q, s: s.set_header("Content-Type", "text/plain").json({"a": 1}),
    "ct-before-send-obj": lambda q, s: s.set_header("Content-Type", "application/vnd.api+json").send(
        {"a": 1}
    ),
    "ct-before-send-str": lambda q, s: s.set_header("Content-Type", "text/html; charset=utf-8").send(
        "<p>x</p>"
    ),
    "ct-before-send-buf": lambda q, s: s.set_header("Content-Type", "image/png").send(b"png"),
    "ct-before-send-num": lambda q, s: s.set_header("Content-Type", "text/plain").send(7),
    "custom": lambda q, s: s.set_header("X-Custom", "yes").set_header("x-lower", "v").json({"ok": True}),
    "custom-array": lambda q, s: s.set_header("X-List", ["a", "b"]).json({"ok": True}),
    "custom-number": lambda q, s: s.set_header("X-Num", 5).json({"ok": True}),
    "override": lambda q, s: s.set_header("X-A", "1").set_header("x-a", "2").json({"ok": True}),
    "remove": lambda q, s: s.set_header("X-A", "1").remove_header("x-a").json({"ok": True}),
    "cookie-one": lambda q, s: s.set_header("Set-Cookie", "a=1").json({"ok": True}),
    "cookie-array": lambda q, s: s.set_header("Set-Cookie", ["a=1; Path=/", "b=2; HttpOnly"]).json(
        {"ok": True}
    ),
    "cookie-twice": lambda q, s: (
        s.set_header("Set-Cookie", "a=1").set_header("Set-Cookie", "b=2").json({"ok": True})
    ),
    "cookie-dup": lambda q, s: s.set_header("Set-Cookie", ["a=1", "a=1", "b=2"]).json({"ok": True}),
    "cookie-append": lambda q, s: (
        s.append_header("Set-Cookie", "a=1").append_header("Set-Cookie", "b=2").json({"ok": True})
    ),
    "cookie-number": lambda q, s: s.set_header("Set-Cookie", 5).json({"got": s.get_header("Set-Cookie")}),
    "cookie-get": lambda q, s: s.set_header("Set-Cookie", "a=1").json({"got": s.get_header("set-cookie")}),
    "append": lambda q, s: s.append_header("X-A", "1").append_header("X-A", "2").json({"ok": True}),
    "setheader-returns": lambda q, s: s.json({"same": s.set_header("X-A", "1") is s}),
    "chain": lambda q, s: s.set_header("X-A", "1").status(202).json({"ok": True}),
    "etag-own": lambda q, s: s.set_header("ETag", '"mine"').json({"a": 1}),
    "cl-wrong": lambda q, s: s.set_header("Content-Length", "3").json({"a": 1}),
    "cl-end": lambda q, s: s.set_header("Content-Length", "5").end("hello"),
    "cache": lambda q, s: s.set_header("Cache-Control", "s-maxage=60, stale-while-revalidate").json({"a": 1}),
    "vary": lambda q, s: s.set_header("Vary", "Cookie").json({"a": 1}),
    "notransform": lambda q, s: s.set_header("Cache-Control", "no-transform").json({"a": 1}),
    "bad-value": lambda q, s: s.set_header("X-Bad", "a\nb").json({"ok": True}),
    "bad-name": lambda q, s: s.set_header("bad name", "v").json({"ok": True}),
    "unicode-value": lambda q, s: s.set_header("X-U", "☃").json({"ok": True}),
    "latin1-value": lambda q, s: s.set_header("X-L", "é").json({"ok": True}),
    "undefined-value": lambda q, s: s.set_header("X-Un", None).json({"ok": True}),  # type: ignore[arg-type]
    "empty-value": lambda q, s: s.set_header("X-E", "").json({"ok": True}),
    "after-send": lambda q, s: (s.json({"ok": True}), s.set_header("X-Late", "1")),
    "after-end-throw": lambda q, s: (s.end("sent"), s.append_header("X-Late", "1")),
    "writehead-then-json": lambda q, s: s.status(201).set_header("X-WH", "1").json({"a": 1}),
    "writehead-then-send-str": lambda q, s: (
        s.status(201).set_header("X-WH", "1").set_header("Content-Type", "text/plain").send("txt")
    ),
    "writehead-then-end": lambda q, s: s.status(201).set_header("X-WH", "1").end("done"),
    "flush-then-json": lambda q, s: s.json({"a": 1}),
    "write-then-json": lambda q, s: (s.write("pre"), s.json({"a": 1})),
    "write-then-end": lambda q, s: (
        s.set_header("Content-Type", "text/event-stream").write("data: 1\n\n"),
        s.write("data: 2\n\n"),
        s.end(),
    ),
    "trailers": lambda q, s: (s.write("a"), s.end()),
    "statusmessage": lambda q, s: s.status(200).json({"a": 1}),
    "date-off": lambda q, s: s.set_header("X-Powered-By", "me").json({"a": 1}),
    "allow-405": lambda q, s: (
        s.set_header("Allow", ["GET", "POST"]).status(405).end(f"Method {q.method} Not Allowed")
    ),
    "cors": cors,
}


def handler(req: Request, res: Response) -> None:
    OPS[ask(req, "op")](req, res)
