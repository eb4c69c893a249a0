from apiroutes import Request, Response

from .._lib import Handler, ask, knobs

KINDS: dict[str, Handler] = {
    "none": lambda q, s: s.end(),
    "string": lambda q, s: s.end("hello"),
    "unicode": lambda q, s: s.end("héllo"),
    "buffer": lambda q, s: s.end(b"bytes"),
    "write": lambda q, s: (s.write("a"), s.write("b"), s.end("c")),
    "writehead": lambda q, s: s.status(202).set_header("X-A", "1").end("wh"),
    "number": lambda q, s: s.end(5),  # type: ignore[arg-type]
    "statuscode": lambda q, s: (setattr(s, "status_code", 418), s.end("teapot")),
    "statusmessage": lambda q, s: (setattr(s, "status_code", 400), s.end("nope")),
}


def handler(req: Request, res: Response) -> None:
    knobs(req, res)
    KINDS[ask(req, "v")](req, res)
