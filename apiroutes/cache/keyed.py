"""The request that a handler gets while it computes for the store: it is made only from the key.

In: a target, headers, what middleware has put on the real request. Out: a request, and what the handler has
read of it. A handler that touches what middleware has set raises EndedComputation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from apiroutes.request import Request
from apiroutes.types import Environ

__all__ = [
    "class_for_store",
    "EndedComputation",
    "KeyedContext",
    "KeyedEnviron",
    "Reads",
    "RefusingEnviron",
    "hand_over",
    "is_conditional",
    "keyed_class",
]

# Attributes that a request for the store has itself, or from its key.
_KNOWN = frozenset(
    (
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "PATH_INFO",
        "QUERY_STRING",
        "RAW_URI",
        "REQUEST_URI",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "CONTENT_TYPE",
        "CONTENT_LENGTH",
        "HTTP_HOST",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_COOKIE",  # a request with one gets here only if it is ignored
        "apiroutes.route",
    )
)
# Headers that the framework itself looks at.
_OWN_HEADERS = ("HTTP_HOST", "HTTP_TRANSFER_ENCODING")
_MISSING: Any = object()


class EndedComputation(BaseException):
    """The handler needs the real request or response, and is called again with it.

    Not an Exception, so that no handler catches it by mistake.
    """


class Reads:
    """What a handler has read: `headers` by their keys in the environ.

    `client`: something that differs from client to client and is not in the key. `touched`: what middleware
    has set. `ended`: why the computation has ended, "context" or "stream".
    """

    __slots__ = ("client", "ended", "headers", "touched")

    def __init__(self) -> None:
        self.headers: set[str] = set()
        self.client = self.touched = self.ended = ""

    def touch(self, name: str) -> NoReturn:
        """Note what was touched, and end the handler."""
        self.touched = self.touched or name
        self.end("context")

    def end(self, reason: str) -> NoReturn:
        """End the handler."""
        self.ended = self.ended or reason
        raise EndedComputation(reason)


def is_conditional(key: str) -> bool:
    """Return whether a header belongs to one request's own copy or part (RFC 9110 sections 13.1 and 14.2)."""
    return key.startswith("HTTP_IF_") or key == "HTTP_RANGE"


class KeyedEnviron(dict[str, Any]):
    """The environ of a request for the store, which notes what is read.

    `headers` are those that can be read and are then part of the key; None if they read as absent. `client`
    is the environ of the real request, of which nothing else is in the key.
    """

    def __init__(
        self, own: Environ, headers: Mapping[str, str] | None, client: Environ, reads: Reads
    ) -> None:
        super().__init__(own)
        self._headers = headers
        self._client = client
        self._reads = reads

    def _find(self, key: str) -> Any:
        if key == "HTTP_HOST" and self._reads.client:  # in the client's spelling, with its other headers
            return self._client.get(key, dict.get(self, key, _MISSING))
        if key in _KNOWN or key.startswith("wsgi.") or not isinstance(key, str):
            return dict.get(self, key, _MISSING)
        if key.startswith("HTTP_"):
            # A request for the store has no content that could be encoded.
            if self._headers is None or is_conditional(key) or key == "HTTP_CONTENT_ENCODING":
                return _MISSING
            self._reads.headers.add(key)
            return self._headers.get(key, _MISSING)
        if dict.__contains__(self, key):  # which the handler has set
            return dict.__getitem__(self, key)
        self._reads.client = self._reads.client or key
        return self._client.get(key, _MISSING)

    def __getitem__(self, key: str) -> Any:
        value = self._find(key)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        value = self._find(key)
        return default if value is _MISSING else value

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not _MISSING

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def pop(self, key: str, *default: Any) -> Any:
        value = self._find(key)
        dict.pop(self, key, None)
        if value is not _MISSING:
            return value
        if default:
            return default[0]
        raise KeyError(key)

    def _whole(self) -> dict[str, Any]:
        own = {key: dict.__getitem__(self, key) for key in dict.keys(self)}
        if self._headers is None:
            return own
        self._reads.client = self._reads.client or "all headers"
        client = {
            key: value
            for key, value in self._client.items()
            if key not in _KNOWN and not key.startswith("wsgi.") and not is_conditional(key)
        }
        if "HTTP_HOST" in self._client:  # in the client's spelling, as for a handler without a cache
            client["HTTP_HOST"] = self._client["HTTP_HOST"]
        return {**own, **client}

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def keys(self) -> Any:
        return self._whole().keys()

    def items(self) -> Any:
        return self._whole().items()

    def values(self) -> Any:
        return self._whole().values()

    def copy(self) -> dict[str, Any]:
        return self._whole()


class RefusingEnviron(KeyedEnviron):
    """The environ of a request whose route declares that it reads no headers: reading one is an error."""

    def _find(self, key: str) -> Any:
        if isinstance(key, str) and key.startswith("HTTP_") and key not in _OWN_HEADERS:
            name = key.removeprefix("HTTP_").replace("_", "-").title()
            raise RuntimeError(
                f'the handler reads the header {name}, which `dynamic = "error"` of its route forbids: read '
                'no headers, or write `dynamic = "force-static"`, with which headers read as absent'
            )
        return super()._find(key)


# Code in C that reads a dict calls none of its methods: the item that it finds there notes that instead.
_ENCODED = "\0"


class _Encoded(set[int]):
    """What an encoder or a check of values finds in a `KeyedContext`: a look at it is a look at the whole.

    Encoders in C iterate over a set by its method, unless it is empty; they call none of a dict or a list,
    and refuse an object of a class that they do not know.
    """

    def __init__(self, reads: Reads) -> None:
        set.__init__(self, (0,))
        object.__setattr__(self, "_reads", reads)

    def _touch(self, *arguments: Any, **named: Any) -> NoReturn:
        reads: Reads = object.__getattribute__(self, "_reads")
        reads.touch("req.context")

    def __iter__(self) -> Iterator[int]:
        # The handler ends later: for code in Rust, an iterator that ends by an exception is a broken set.
        with contextlib.suppress(EndedComputation):
            _Encoded._touch(self)
        return iter((0,))

    __getattribute__ = __len__ = __repr__ = __str__ = __reduce_ex__ = _touch


class KeyedContext(dict[str, Any]):
    """`req.context` of a request for the store: what a handler puts in itself, and what the route lists."""

    def __init__(self, listed: Mapping[str, Any], names: tuple[str, ...], reads: Reads) -> None:
        super().__init__(listed)
        self._names = names
        self._reads = reads
        dict.__setitem__(self, _ENCODED, _Encoded(reads))

    def _check(self, key: object) -> None:
        if key not in self._names and not dict.__contains__(self, key):
            self._reads.touch(f"req.context[{key!r}]")

    def __getitem__(self, key: str) -> Any:
        self._check(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._check(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._check(key)
        return super().__contains__(key)

    def pop(self, key: str, *default: Any) -> Any:
        self._check(key)
        return super().pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._check(key)
        return super().setdefault(key, default)

    def __delitem__(self, key: str) -> None:
        self._check(key)
        super().__delitem__(key)

    def _touch_all(self, *arguments: Any, **named: Any) -> NoReturn:
        self._reads.touch("req.context")

    __iter__ = __len__ = __reversed__ = __eq__ = __ne__ = __or__ = __ror__ = _touch_all
    keys = items = values = copy = popitem = clear = __repr__ = _touch_all
    __bool__ = _touch_all
    __hash__ = None


class _KeyedRequest(Request):
    """The part of a request's class that keeps to its key."""

    _reads: Reads

    # A request in draft mode computes nothing for the store, so this tells nothing about its client.
    draft_mode = False
    preview_data = None

    _parsed_content_type = ("", {})  # Werkzeug asks whether it is there

    @property
    def environ(self) -> Environ:
        """The WSGI environ, with everything of one client: what is made with it is not stored."""
        self._reads.client = self._reads.client or "req.environ"
        return self._environ

    @environ.setter
    def environ(self, environ: Environ) -> None:
        self._environ = environ

    @property
    def session(self) -> Any:
        """The client's session, which ends the computation, unless the handler has made its own."""
        if self._open_session is None:
            self._reads.touch("req.session")
        return self._open_session()

    @session.setter
    def session(self, session: Any) -> None:
        self._open_session = lambda: session

    def __getattr__(self, name: str) -> Any:
        # An attribute of neither the class nor this request may be on the real one, by middleware.
        if name.startswith("__") or "_reads" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self._reads.touch(f"req.{name}")


def hand_over(keyed: Request, request: Request) -> None:
    """Turn a request for the store, whose computation has ended, into the real request.

    From then on nothing that is read from it can reach the store: a stream, and work after the response,
    continue as without a cache. What the handler has put on it stays.
    """
    kind, own = type(request), vars(keyed)
    kept = {name: value for name, value in own.items() if not (name.startswith("_") or hasattr(kind, name))}
    context = own["context"]
    if isinstance(context, KeyedContext):
        context = {**request.context, **dict(dict.items(context))}
        del context[_ENCODED]
    kept.pop("params", None)
    own.clear()
    own.update(vars(request))
    own.update(kept, context=context)
    keyed.__class__ = kind


# Classes for computations, each by its part that keeps to a key, and an App's class.
_classes: dict[tuple[Any, Any], Any] = {}


def class_for_store(part: Any, kind: Any) -> Any:
    """Return the class that is `kind`, an App's of requests or responses, with a `part` that comes first."""
    found = _classes.get((part, kind))
    if found is None:
        found = type(kind.__name__, (part, kind), {"__module__": kind.__module__})
        _classes[part, kind] = found
    return found


def keyed_class(kind: Any) -> Any:
    """Return the class of requests for the store, derived from an App's class of requests."""
    return class_for_store(_KeyedRequest, kind)
