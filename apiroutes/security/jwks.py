"""The keys that an issuer publishes as a JWK Set (RFC 7517 section 5), kept in the process for a time.

In: the URL of a JWK Set, and a token's algorithm and `kid`. Out: the keys to verify it with. Raises ApiError
503 while there are no keys. A separate thread reads the set, one at a time. A request waits for it if there
is no key for its token, and no longer than the project allows.

A token may name any `kid`, so an unknown one triggers a new reading at most once in ten seconds. While the
issuer's server is gone or broken, the known keys stay in use for a day, and requests that have one do not
wait for the next try.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import queue
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from apiroutes.errors import ApiError, one_line, shown
from apiroutes.http import decode_json
from apiroutes.security.fetching import FetchError, fetch
from apiroutes.security.token_keys import KeySet, Verify, keys_of_jwk_set
from apiroutes.threads import Ending, native_threads

__all__ = ["PublishedKeys", "published_keys"]

_log = logging.getLogger("apiroutes")

_MAX_BYTES = 1024 * 1024
_DEEPEST = 16
# Seconds for which a set is fresh: if the response does not say, and otherwise at least and at most.
_LIFETIME, _SHORTEST_LIFETIME, _LONGEST_LIFETIME = 600.0, 60.0, 3600.0
# The part of that time after which it is read again, in the background.
_REFRESH_AFTER = 0.8
# Seconds for which known keys stay in use while the set cannot be read.
_LONGEST_USE = 86400.0
# Seconds from one reading to the next.
_PAUSE = 10.0


class _Kept(NamedTuple):
    """Keys with the times, of the monotonic clock, at which they are to be read again."""

    keys: KeySet
    refresh_at: float
    fresh_until: float
    usable_until: float


class _Reading(Ending):
    """One reading of the set, which requests may wait for until its deadline."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.deadline = time.monotonic() + seconds


class PublishedKeys:
    """The keys of the JWK Set at a URL, for some algorithms. A request waits `seconds` at most."""

    def __init__(self, url: str, algorithms: Sequence[str], seconds: float) -> None:
        self._url = url
        self._algorithms = tuple(algorithms)
        self._seconds = seconds
        self._kept: _Kept | None = None
        self._lock = native_threads.native_lock()
        self._reading: _Reading | None = None
        self._next_reading = 0.0
        self._has_failed = False
        self._pid = os.getpid()

    def find(self, algorithm: str, name: str | None) -> Sequence[Verify] | None:
        """Return the keys for a token, without waiting; None if the set has to be read first."""
        kept, now = self._kept, time.monotonic()
        if kept is None or now >= kept.usable_until:
            return None
        if now >= kept.fresh_until and self._may_be_read(now) and not self._has_just_failed(now):
            return None
        if now >= kept.refresh_at and now >= self._next_reading:
            self._begin()
        found = kept.keys.find(algorithm, name)
        return None if not found and self._may_be_read(now) else found

    def wait(self, algorithm: str, name: str | None) -> Sequence[Verify]:
        """Return the keys for a token, after reading the set if that is due. Raises ApiError 503."""
        reading = self._begin()
        if reading is not None:
            mailbox = native_threads.mailbox()
            reading.call_at_end(lambda: mailbox.put(None))
            with contextlib.suppress(queue.Empty):
                mailbox.get(timeout=max(0.0, reading.deadline - time.monotonic()))
        kept, now = self._kept, time.monotonic()
        if kept is None or now >= kept.usable_until:
            seconds = max(1, round(self._next_reading - now))
            raise ApiError(503, headers={"Retry-After": str(seconds)})
        return kept.keys.find(algorithm, name)

    # -- readings --------------------------------------------------------------------------------

    def _may_be_read(self, now: float) -> bool:
        """Return whether there is a reading to wait for, or may be a new one."""
        reading = self._reading
        is_running = reading is not None and reading.is_running and now < reading.deadline
        return is_running or now >= self._next_reading

    def _has_just_failed(self, now: float) -> bool:
        """Return whether the last reading failed, and the next one is due, or was due a moment ago."""
        return self._has_failed and now < self._next_reading + _PAUSE

    def _begin(self) -> _Reading | None:
        """Return the reading that runs, or a new one; None if one has ended, or hung, a moment ago."""
        if self._pid != os.getpid():  # a fork takes no threads along
            self._pid, self._lock = os.getpid(), native_threads.native_lock()
            self._reading, self._next_reading = None, 0.0
        with self._lock:  # nothing in here lets another greenlet run
            now = time.monotonic()
            running = self._reading
            if running is not None and running.is_running:
                return running if now < running.deadline else None
            if now < self._next_reading:
                return None
            self._next_reading = now + _PAUSE
            self._reading = reading = _Reading(self._seconds)
        try:
            # Under gevent a greenlet, as its sockets require.
            threading.Thread(target=self._read, args=(reading,), name="apiroutes-jwks", daemon=True).start()
        except RuntimeError as error:  # no more threads can start
            self._note_failure(str(error))
            reading.note_end()
        return reading

    def _read(self, reading: _Reading) -> None:
        try:
            document = fetch(self._url, self._seconds, _MAX_BYTES)
            keys = keys_of_jwk_set(decode_json(document.content, _DEEPEST), self._algorithms)
            lifetime = _LIFETIME if document.max_age is None else document.max_age
            self._keep(keys, min(max(lifetime, _SHORTEST_LIFETIME), _LONGEST_LIFETIME))
        except FetchError as error:
            self._note_failure(str(error))
        except ApiError:
            self._note_failure("it is not JSON")
        except Exception as error:  # the thread shall report it like any other failure
            self._note_failure(str(error) if type(error) is ValueError else one_line(error))
        finally:
            reading.note_end()

    def _keep(self, keys: KeySet, lifetime: float) -> None:
        now = time.monotonic()
        self._kept = _Kept(keys, now + _REFRESH_AFTER * lifetime, now + lifetime, now + _LONGEST_USE)
        if keys.is_empty:
            algorithms = ", ".join(self._algorithms)
            # Record: The JWK Set at `jwks_url` has no key for the algorithms of `jwt`.
            _log.warning("the JWK Set at %s has no key for %s: no token is valid", self._url, algorithms)
        elif self._has_failed:
            # Record: The keys at `jwks_url` can be read again.
            _log.warning("the JWK Set at %s can be read again", self._url)
        self._has_failed = False

    def _note_failure(self, reason: str) -> None:
        """Log the first of several failures in a row."""
        level = logging.DEBUG if self._has_failed else logging.ERROR
        self._has_failed = True
        consequence = "there are no keys" if self._kept is None else "the previous keys stay in use"
        # Record: The keys at `jwks_url` cannot be fetched or read: ERROR for the first failure, DEBUG for
        # those that follow.
        _log.log(level, "the JWK Set at %s cannot be read, so %s: %s", self._url, consequence, reason)


# -- its URL -------------------------------------------------------------------------------------


def published_keys(url: object, algorithms: Sequence[str], seconds: float, allow_http: bool) -> PublishedKeys:
    """Return the keys at a URL. Raises TypeError, and ValueError for a URL that is not safe."""
    if any(algorithm.startswith("HS") for algorithm in algorithms):
        raise ValueError(
            "jwt(jwks_url=...) publishes its keys, and HS256, HS384 and HS512 need a secret: "
            'write the algorithms that the issuer signs with, such as ["RS256"]'
        )
    return PublishedKeys(_checked(url, allow_http), algorithms, seconds)


def _checked(url: object, allow_http: bool) -> str:
    if not isinstance(url, str):
        raise TypeError(f"jwt(jwks_url=...) is a {type(url).__name__}: write the URL of the issuer's JWK Set")
    try:
        parts = urlsplit(url)
        host, is_whole = parts.hostname or "", parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:  # of a port, or of brackets
        host, is_whole = "", False
    if not is_whole or not host or not url.isprintable() or " " in url:
        raise ValueError(
            f"jwt(jwks_url={shown(url)}) is not a URL: write it as https://issuer.example/jwks.json"
        )
    if parts.username is not None or parts.password is not None:
        raise ValueError("jwt(jwks_url=...) has a user name or a password, and logs show URLs: remove it")
    if parts.scheme == "http" and not allow_http and not _is_loopback(host):
        raise ValueError(
            f"jwt(jwks_url={shown(url)}) is not https, so an attacker on the network could change the keys: "
            "write https, or allow_http=True for a network that nobody else uses"
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
