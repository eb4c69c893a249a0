"""Helpers of the recorded application's handlers."""

import base64
import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from apiroutes import Request, Response

Handler = Callable[[Request, Response], Any]

# Kept by props for lastreturn.
returned: dict[str, Any] = {}

# Left as they are by encodeURI(), besides letters and digits.
URI_CHARACTERS = ";,/?:@&=+$-_.!~*'()#"
PICKED_HEADERS = (
    "content-type",
    "content-length",
    "transfer-encoding",
    "x-test",
    "x-dup",
    "accept",
    "if-none-match",
)


def number(value: float) -> float:
    """The number as JavaScript holds and prints it: a double, whole below 1e21."""
    double = float(value)
    return int(Decimal(repr(double))) if double.is_integer() and abs(double) < 1e21 else double


def is_index(key: str) -> bool:
    return key == "0" or (key.isascii() and key.isdigit() and key[0] != "0" and int(key) < 2**32 - 1)


def js(value: Any) -> Any:
    """The value as JSON.stringify() writes it: numbers, index keys first, Buffer."""
    if isinstance(value, dict):
        indexes = sorted(filter(is_index, value), key=int)
        return {key: js(value[key]) for key in [*indexes, *(key for key in value if not is_index(key))]}
    if isinstance(value, list):
        return [js(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    return {"type": "Buffer", "data": list(value)} if isinstance(value, bytes) else value


def typeof(value: Any) -> str:
    if value is None:
        return "undefined"
    names = {bool: "boolean", int: "number", float: "number", str: "string"}
    return names.get(type(value), "object")


def tag(value: Any) -> dict[str, Any]:
    if value is None:
        return {"type": "null"}
    if isinstance(value, bytes):
        return {"type": "buffer", "base64": base64.b64encode(value).decode()}
    return {"type": "array" if isinstance(value, list) else typeof(value), "value": js(value)}


def body_of(req: Request) -> Any:
    """`req.body`, or `""` if nothing was sent and the recorded server has that."""
    return "" if req.body is None and not req.raw_body else req.body


def code_units(text: str) -> list[int]:
    return list(memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H"))


def len_of(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"type": "string", "length": len(code_units(value))}
    if isinstance(value, (dict, list)):
        text = json.dumps(js(value), ensure_ascii=False, separators=(",", ":"))
        return {"type": "array" if isinstance(value, list) else "object", "length": len(code_units(text))}
    return {"type": tag(value)["type"]}


def defined(**members: Any) -> dict[str, Any]:
    """An object without its undefined members, which JSON.stringify() leaves out."""
    return {name: value for name, value in members.items() if value is not None}


def pick(req: Request) -> dict[str, str]:
    return {name: req.headers[name] for name in PICKED_HEADERS if name in req.headers}


def ask(req: Request, name: str, default: str = "") -> str:
    """The value of a query key; the last one of several."""
    value = req.query.get(name, default)
    return value if isinstance(value, str) else value[-1]


def target(req: Request) -> str:
    return req.full_path.removesuffix("?")


def route(name: str) -> Handler:
    def handler(req: Request, res: Response) -> None:
        res.set_header("x-route", quote(name, safe=URI_CHARACTERS))
        res.status(200).json({"route": name, "query": js(req.query), "url": target(req)})

    return handler


def answer_length(req: Request, res: Response) -> None:
    res.json(len_of(body_of(req)))


def answer_letters(req: Request, res: Response) -> None:
    res.send("z" * int(ask(req, "n")))


def to_number(text: str) -> float:
    """`Number(text)`."""
    try:
        return number(float(text or 0))
    except ValueError:
        return float("nan")


def knobs(req: Request, res: Response) -> None:
    if "status" in req.query:
        res.status(to_number(ask(req, "status")))  # type: ignore[arg-type]
    for knob, name in KNOBS.items():
        if knob in req.query:
            res.set_header(name, ask(req, knob))


async def perform(table: dict[str, Handler], name: str, req: Request, res: Response) -> Any:
    """Call the table's function of that name, and await its result if it is a coroutine."""
    answer = table[name](req, res)
    return await answer if inspect.isawaitable(answer) else answer


KNOBS = {
    "ct": "Content-Type",
    "etag": "ETag",
    "cl": "Content-Length",
    "cc": "Cache-Control",
    "lm": "Last-Modified",
}


@dataclass
class Custom:
    """An object that gives its own JSON, like one with toJSON()."""

    custom: bool


class Boxed(str):
    """`new String(...)`."""

    __slots__ = ()


class Undefined:
    """A missing argument: `res.json(undefined)` is `res.json()`."""


def answer_value(req: Request, res: Response, method: Callable[..., None]) -> None:
    knobs(req, res)
    make = VALUES.get(ask(req, "v"))
    if make is None:
        res.status(400).json({"error": "unknown v"})
        return
    value = make()
    method(*() if isinstance(value, Undefined) else (value,))


def circular() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["o"] = value
    return value


def chunks(*parts: str | bytes) -> Iterator[str | bytes]:
    yield from parts


# BigInt, Promise and the web's ReadableStream have no counterpart and are left out. Object literals stand
# in the order in which JavaScript holds their keys, and without the members that it leaves out of JSON.
VALUES: dict[str, Callable[[], Any]] = {
    "undefined": Undefined,
    "null": lambda: None,
    "true": lambda: True,
    "false": lambda: False,
    "zero": lambda: 0,
    "int": lambda: 42,
    "neg": lambda: -7,
    "negzero": lambda: number(-0.0),
    "float": lambda: 1.5,
    "float-int": lambda: number(1.0),
    "big": lambda: number(1e21),
    "maxsafe": lambda: number(9007199254740993),
    "e20": lambda: number(123456789012345680000),
    "small": lambda: 1e-7,
    "third": lambda: 0.1 + 0.2,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "symbol": object,
    "function": lambda: circular,
    "empty-string": lambda: "",
    "string": lambda: "hello",
    "string-json": lambda: '{"a":1}',
    "string-html": lambda: "<p>hi & bye</p>",
    "unicode": lambda: "héllo ☃ 😀",
    "lone-surrogate": lambda: "a\ud800b",
    "controls": lambda: 'a\x00\x01\b\t\n\f\r\x1f\x7f"\\/\u2028\u2029',
    "array": lambda: [1, "two", None, True, {"three": 3}],
    "empty-array": list,
    "array-undef": lambda: [None, None, float("nan"), None],
    "object": lambda: {"a": 1, "b": [1, 2], "c": {"d": None}},
    "empty-object": dict,
    "object-undef": lambda: {"c": 1},
    "object-intkeys": lambda: {"2": "two", "10": "ten", "b": 1, "a": 2},
    "object-unicode": lambda: {"é": "☃"},
    "object-floats": lambda: js(
        {
            "a": 1.0,
            "b": 1e21,
            "c": 1e-7,
            "d": -0.0,
            "e": 1.10,
            "f": 100000000000000000000,
            "g": 5e-324,
            "h": 1.7976931348623157e308,
        }
    ),
    "date": lambda: datetime(1970, 1, 1, tzinfo=timezone.utc),
    "tojson": lambda: Custom(custom=True),
    "map": lambda: {"a": 1},
    "error": lambda: Exception("boom"),
    "regex": lambda: re.compile("x"),
    "boxed": lambda: Boxed("boxed"),
    "nullproto": lambda: {"a": 1},
    "circular": circular,
    "buffer": lambda: b"buffer bytes \xff\x00",
    "empty-buffer": lambda: b"",
    "buffer-utf8": lambda: "héllo".encode(),
    "uint8": lambda: bytearray([1, 2, 3]),
    "arraybuffer": lambda: memoryview(bytes([1, 2, 3])),
    "stream": lambda: chunks(b"chunk1,", b"chunk2"),
    "stream-empty": chunks,
    "stream-strings": lambda: chunks("s1", "s2", "s3"),
    "long-string": lambda: "x" * 2000,
    "object-2kb": lambda: {"pad": "y" * 2000},
}
