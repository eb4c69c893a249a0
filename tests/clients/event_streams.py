"""Event streams in pieces, as WHATWG HTML section 9.2 has them read, for the clients of every language."""

from __future__ import annotations

# A name, the pieces in which a stream arrives (bytes as latin-1), and its events: id, type and data.
STREAMS: list[tuple[str, list[str], list[list[str]]]] = [
    ("one", ["data: a\n\n"], [["", "message", "a"]]),
    ("LF, CRLF and CR", ["data: a\n\ndata: b\r\n\r\ndata: c\r\r"], [["", "message", x] for x in "abc"]),
    (
        "CRLF in two pieces",
        ["data: a\r", "\n\r", "\ndata: b\r", "\n\r", "\n"],
        [["", "message", x] for x in "ab"],
    ),
    ("CR is not CRLF later", ["data: a\r\r", "data: b\r", "\r"], [["", "message", x] for x in "ab"]),
    ("CR and an empty piece", ["data: a\r", "", "\n\n"], [["", "message", "a"]]),
    ("byte by byte", list("id: 1\r\ndata: a\r\ndata: b\r\n\r\n"), [["1", "message", "a\nb"]]),
    ("a byte order mark", ["\xef\xbb\xbfdata: a\n\n"], [["", "message", "a"]]),
    ("a mark in pieces", ["\xef", "\xbb", "\xbfdata: a\n\n"], [["", "message", "a"]]),
    ("a second mark is content", ["\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n"], [["", "message", "b"]]),
    ("UTF-8 in pieces", ["data: \xe2", "\x82", "\xac\n\n"], [["", "message", "€"]]),
    ("invalid UTF-8", ["data: \xff\n\n"], [["", "message", "\ufffd"]]),
    ("lines of data", ["data: a\ndata:\ndata\ndata: b\n\n"], [["", "message", "a\n\n\nb"]]),
    (
        "one space is dropped",
        ["data:a\n\ndata:  b\n\ndata: c \n\n"],
        [["", "message", x] for x in ["a", " b", "c "]],
    ),
    ("empty data", ["data\n\ndata:\n\n"], [["", "message", ""], ["", "message", ""]]),
    ("comments", [": hi\n\n:\ndata: a\n:x\n\n"], [["", "message", "a"]]),
    ("events", ["event: tick\ndata: a\n\ndata: b\n\n"], [["", "tick", "a"], ["", "message", "b"]]),
    ("an event without data", ["event: tick\n\ndata: a\n\n"], [["", "message", "a"]]),
    (
        "an id stays",
        ["id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"],
        [["1", "message", "a"], ["1", "message", "b"], ["", "message", "c"]],
    ),
    ("an id without data", ["id: 7\n\ndata: a\n\n"], [["7", "message", "a"]]),
    (
        "an id with NUL",
        ["id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n"],
        [["1", "message", "a"], ["1", "message", "b"]],
    ),
    ("unknown fields", ["dat: x\n data: x\ndata : x\nDATA: x\ndata: a\n\n"], [["", "message", "a"]]),
    ("colons in data", ["data: a:b: c\n\n"], [["", "message", "a:b: c"]]),
    ("an unfinished event", ["data: a\n\ndata: b\n"], [["", "message", "a"]]),
    (
        "other breaks",
        ["data: a\u0085b\x0bc\x0c\n\n".encode().decode("latin-1")],
        [["", "message", "a\u0085b\x0bc\x0c"]],
    ),
    ("line separator", ["data: a\u2028b\n\n".encode().decode("latin-1")], [["", "message", "a\u2028b"]]),
    ("nothing", [], []),
]
