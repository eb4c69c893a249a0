"""The calls of a function whose values are kept: their keys, their values, and who computes them.

In: a function and how long its values are good for. Out: for each call what is kept, or what the function
returns. Raises what the function raises, and TypeError for arguments and results that are not data.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from apiroutes.after_response import current_work
from apiroutes.cache.argument_keys import NotData, encode_arguments, name_of_module
from apiroutes.cache.background import background
from apiroutes.cache.current import Collection, collecting, current_cache
from apiroutes.cache.flight import Computation, Taken
from apiroutes.cache.names import tag_name, value_name
from apiroutes.cache.response_cache import Cache
from apiroutes.cache.value_codecs import ValueCodec, codec_of, is_immutable, return_annotation
from apiroutes.code_origin import DIRECTORY
from apiroutes.places import place_of
from apiroutes.schemas import SchemaError
from apiroutes.stores import Lease, NothingStore, StoreError
from apiroutes.structs import Struct

__all__ = ["FunctionCalls", "Held", "Keeping"]

# What the content of an entry begins with: another format would have another number, except the flight's own
# zero.
_FORM = b"\1"

# The keys that the current code computes. A function that calls itself must not wait for itself.
_computing: ContextVar[frozenset[bytes]] = ContextVar("apiroutes.computing", default=frozenset())


class Keeping(Struct, frozen=True):
    """How long values are good for, in seconds as in `Entry`, and the tags that revalidate them."""

    fresh: float
    stale: float
    tags: tuple[str, ...]


class Held:
    """A value as it is kept, with the names that revalidate it. What `use` returns belongs to the caller."""

    __slots__ = ("_content", "_decode", "_is_shared", "_value", "names", "size")

    def __init__(self, content: bytes, codec: ValueCodec, names: Iterable[str], value: Any) -> None:
        self.names = tuple(names)
        self.size = len(content)
        self._is_shared = is_immutable(value)
        self._value = value if self._is_shared else None
        self._content = content
        self._decode = codec.decode

    def use(self) -> Any:
        """Return the value; what is being computed now depends on it."""
        collection = collecting.get(None)
        if collection is not None:
            collection.names.update(dict.fromkeys(self.names))
        return self._value if self._is_shared else self._decode(self._content)


class FunctionCalls:
    """The calls of one function. Raises TypeError for a function whose values cannot be kept."""

    def __init__(self, function: Callable[..., Any], keeping: Keeping) -> None:
        self.function = function
        self._keeping = keeping
        self._tags = tuple(map(tag_name, keeping.tags))
        self._place = place_of(function)
        self._names, self._bind = _binder(function)
        # What keys begin with: the release, and then the function.
        names = name_of_module(function.__module__), function.__qualname__
        self._function = encode_arguments(("module", "name"), names)
        self._prefixes: dict[str, bytes] = {}  # by release
        self._known_codec: ValueCodec | None = None
        with contextlib.suppress(NameError):  # of a class that is defined later in the file
            self._codec()

    def takes(self, name: str) -> bool:
        """Return whether the function has a parameter with a name."""
        return name in self._names

    def cache(self) -> Cache | None:
        """Return the cache to use; None if the function simply runs: without one, and in draft mode."""
        work = current_work.get(None)
        # Without a cookie nothing else is checked; what is computed for the store is computed for no client.
        if (
            work is not None
            and "HTTP_COOKIE" in work.environ
            and collecting.get(None) is None
            and work.response is not None
            and work.response.req.draft_mode
        ):
            return None
        cache = current_cache()
        return None if cache is None or type(cache.store) is NothingStore else cache

    def key(self, cache: Cache, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """Return the key of a call. Raises TypeError for arguments that do not fit, or are not data."""
        prefix = self._prefixes.get(cache.release)
        if prefix is None:
            prefix = self._prefixes[cache.release] = self._prefix(cache.release)
        values = self._bind(*args, **kwargs)
        try:
            return prefix + encode_arguments(self._names, values)
        except NotData as error:
            raise TypeError(
                f"{self._place} has values that are kept by its arguments, but `{error.place}` "
                f"{error.reason}: {error.remedy}"
            ) from None

    def _prefix(self, release: str) -> bytes:
        return b"function\0" + encode_arguments(("release",), (release,)) + self._function

    def name_of(self, cache: Cache, key: bytes) -> str:
        """Return the name of the value under a key, which it has in every release.

        A script that revalidates it may be of another release, and so are the workers that a deploy replaces.
        """
        return value_name(key[len(self._prefixes[cache.release]) - len(self._function) :])

    # -- a call that finds nothing in this process ------------------------------------------

    def call(self, cache: Cache, key: bytes, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what is kept for a plain function, or what it returns."""
        if is_computing(key):
            return self.function(*args, **kwargs)
        generation = cache.store.generation()
        names = self.names_of(cache, key)

        def compute(lease: Lease | None, reason: str) -> Computation:
            with computing(key, cache) as collection:
                value = self.function(*args, **kwargs)
            return self.computation(cache, key, value, collection)

        taken = cache.flight.take(lambda: key, names, compute, accepts_stale=collecting.get(None) is None)
        held = self.held(taken)
        if taken.lease is not None:
            self._refresh(cache, taken.lease, names, compute)
        if held is None:
            self.remove(cache, key)
            return self.function(*args, **kwargs)
        self.heat(cache, key, held, generation, taken)
        return held.use()

    def _refresh(
        self,
        cache: Cache,
        lease: Lease,
        names: tuple[str, ...],
        compute: Callable[[Lease | None, str], Computation],
    ) -> None:
        """Have a stale value recomputed in the background, or by the next caller."""
        if not background.submit(lambda: cache.flight.refresh(lease, names, compute)):
            cache.flight.give_up(lease)

    # -- what coroutine functions need as well --------------------------------------------------

    def names_of(self, cache: Cache, key: bytes) -> tuple[str, ...]:
        """Return the names that revalidate a value."""
        return (self.name_of(cache, key), *self._tags)

    def computation(self, cache: Cache, key: bytes, value: Any, collection: Collection) -> Computation:
        """Return what was computed as it is kept. Raises TypeError for a value that is not data."""
        codec = self._codec()
        try:
            content, copy = codec.encode(value)
        except NotData as error:
            raise TypeError(
                f"{self._place} returned a value that cannot be kept: `{error.place}` {error.reason}: "
                f"{error.remedy}"
            ) from None
        names = tuple(dict.fromkeys((*self.names_of(cache, key), *collection.names)))
        held = Held(content, codec, names, copy)
        return Computation(held, key, _FORM + content, names, self._keeping.fresh, self._keeping.stale)

    def held(self, taken: Taken) -> Held | None:
        """Return the value that a call has got; None for an entry in another format."""
        if taken.computation is not None:
            held: Held = taken.computation.value
            return held
        entry = taken.entry
        assert entry is not None
        codec, content = self._codec(), entry.content[1:]
        if entry.content[:1] == _FORM:
            with contextlib.suppress(ValueError):
                return Held(content, codec, entry.names, codec.decode(content))
        return None

    def remove(self, cache: Cache, key: bytes) -> None:
        """Forget an entry in another format."""
        with contextlib.suppress(StoreError):
            cache.store.remove(key)

    def heat(self, cache: Cache, key: bytes, held: Held, generation: object, taken: Taken) -> None:
        """Keep a fresh value in this process, which was read or stored after this generation of the store."""
        entry = taken.entry
        if entry is not None:
            fresh = 0.0 if entry.is_revalidated else entry.fresh - entry.age
        else:
            fresh = self._keeping.fresh if taken.is_stored else 0.0
        if fresh > 0:
            cache.hot.put(key, held, len(key) + held.size + _OVERHEAD, generation, fresh)

    def _codec(self) -> ValueCodec:
        """Return the codec of the function's values. Raises NameError, and TypeError if it has none."""
        codec = self._known_codec
        if codec is None:
            try:
                codec = codec_of(return_annotation(self.function))
            except SchemaError as error:
                raise TypeError(
                    f"{self._place} cannot keep what its return annotation says: {error}. Return data, and "
                    "annotate it: strings, numbers, dates, lists, dicts, dataclasses, Structs, models"
                ) from None
            self._known_codec = codec
        return codec


# Bytes that an entry of the hot memory takes besides its key and content, approximately.
_OVERHEAD = 400


def is_computing(key: bytes) -> bool:
    """Return whether the current code is computing the value of a key."""
    return key in _computing.get()


@contextlib.contextmanager
def computing(key: bytes, cache: Cache) -> Iterator[Collection]:
    """Collect the names of the values that are used inside, for the value of a key."""
    collection = Collection(cache)
    keys = _computing.set(_computing.get() | {key})
    token = collecting.set(collection)
    try:
        yield collection
    finally:
        collecting.reset(token)
        _computing.reset(keys)


# -- arguments ---------------------------------------------------------------------------------

# Of this package, so that an error page shows the project's frames and not these.
_FILE = f"{DIRECTORY}cache/<arguments>"


def _binder(function: Callable[..., Any]) -> tuple[tuple[str, ...], Callable[..., tuple[Any, ...]]]:
    """Return the names of a function's parameters, and a function with these that returns their values.

    Python binds them in a tenth of the time that `inspect.Signature.bind` takes, and with its own messages.
    """
    parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    namespace: dict[str, Any] = {f"default{index}": each.default for index, each in enumerate(parameters)}
    kinds = [each.kind for each in parameters]
    written = []
    for index, each in enumerate(parameters):
        if each.kind is each.KEYWORD_ONLY and each.VAR_POSITIONAL not in kinds and "*" not in written:
            written.append("*")
        star = "*" if each.kind is each.VAR_POSITIONAL else "**" if each.kind is each.VAR_KEYWORD else ""
        default = "" if each.default is each.empty else f"=default{index}"
        written.append(f"{star}{each.name}{default}")
        if each.kind is each.POSITIONAL_ONLY and each.POSITIONAL_ONLY not in kinds[index + 1 :]:
            written.append("/")
    names = tuple(each.name for each in parameters)
    values = "".join(f"{name}, " for name in names)
    source = f"def bind({', '.join(written)}): return ({values})"
    exec(compile(source, _FILE, "exec", dont_inherit=True), namespace)
    bind: Callable[..., tuple[Any, ...]] = namespace["bind"]
    bind.__name__, bind.__qualname__ = function.__name__, function.__qualname__
    return names, bind
