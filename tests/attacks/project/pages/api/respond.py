import html
import math
from datetime import datetime, timezone
from decimal import Decimal

CIRCULAR = {}
CIRCULAR["self"] = CIRCULAR


def deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


JSON = {
    "surrogate": lambda: {"s": "\ud800"},
    "nan": lambda: {"x": math.nan},
    "inf": lambda: {"x": math.inf},
    "object": object,
    "set": lambda: {1},
    "decimal": lambda: Decimal("1.5"),
    "datetime": lambda: datetime(2026, 1, 1, tzinfo=timezone.utc),
    "circular": lambda: CIRCULAR,
    "deep": deep,
    "intkeys": lambda: {1: 1},
    "tuplekeys": lambda: {(1, 2): 1},
    "bigint": lambda: {"x": 10**5000},
}
SEND = {"surrogate_send": "\ud800", "bytes": b"\x00\xff", "none": None, "int": 404}
HEADERS = {
    "surrogate_header": ("X-S", "\ud800"),
    "nonlatin": ("X-N", "日本"),
    "bytesheader": ("X-B", b"x"),
    "intheader": ("X-I", 5),
    "cl_lie": ("Content-Length", "3"),
    "te": ("Transfer-Encoding", "chunked"),
}


def handler(req, res):
    kind = req.query["kind"]
    if kind in JSON:
        res.json(JSON[kind]())
    elif kind in SEND:
        res.send(SEND[kind])
    elif kind in HEADERS:
        res.set_header(*HEADERS[kind]).json({"a": 1})
    elif kind == "return":
        return {"a": 1}
    elif kind in ("twice", "header_after"):
        res.json({"a": 1})
        if kind == "twice":
            res.json({"b": 2})
        res.set_header("X-After", "1")
    elif kind == "end":
        res.status(204).end()
    elif kind == "html":
        res.set_header("Content-Type", "text/html").send(f"<b>{html.escape(req.query.get('x', ''))}</b>")
    elif kind == "reflect":
        res.json({"x": req.query["x"]})
    elif kind == "sendreflect":
        res.send(req.query["x"])
    return None
