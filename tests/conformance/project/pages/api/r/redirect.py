from typing import Any
from urllib.parse import urlsplit

from apiroutes import Request, Response

from .._lib import ask

FORMS: dict[str, tuple[Any, ...]] = {
    "url": ("/login",),
    "absolute": ("https://example.com/a?b=c#d",),
    "protorel": ("//example.com/x",),
    "relative": ("login",),
    "dotdot": ("../up",),
    "query": ("/login?a=1&b=%20",),
    "empty": ("",),
    "space": ("/a b",),
    "unicode": ("/é☃",),
    "latin1": ("/é",),
    "crlf": ("/a\r\nX-Injected: 1",),
    "tab": ("/a\tb",),
    "nul": ("/a\x00b",),
    "html": ("/<script>",),
    "s300": (300, "/login"),
    "s301": (301, "/login"),
    "s302": (302, "/login"),
    "s303": (303, "/login"),
    "s304": (304, "/login"),
    "s307": (307, "/login"),
    "s308": (308, "/login"),
    "s200": (200, "/login"),
    "s204": (204, "/login"),
    "s404": (404, "/login"),
    "s99": (99, "/login"),
    "s1000": (1000, "/login"),
    "snan": (float("nan"), "/login"),
    "sfloat": (302.5, "/login"),
    "szero": (0, "/login"),
    "strstatus": ("302", "/login"),
    "swapped": ("/login", 302),
    "nourl": (302,),
    "nullurl": (302, None),
    "nullonly": (None,),
    "nullstatus": (None, "/login"),
    "undef": (),
    "undefstatus": (None, "/login"),
    "object": ({"url": "/login"},),
    "urlobj": (302, urlsplit("https://example.com/u")),
    "boolstatus": (True, "/login"),
    "arrurl": (302, ["/login"]),
}


def handler(req: Request, res: Response) -> None:
    pre, post = ask(req, "pre"), ask(req, "post")
    if pre == "header":
        res.set_header("X-Pre", "1").set_header("Content-Type", "text/html")
    elif pre == "status":
        res.status(201)
    elif pre == "cookie":
        res.set_header("Set-Cookie", "a=1")
    elif pre == "location":
        res.set_header("Location", "/pre")
    r = res.redirect(*FORMS[ask(req, "form")])
    if post == "json":
        res.json({"after": True})
    elif post == "end":
        r.end("more")
