"""Passwords as hashes: which fit, what is refused, and how many are made at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import unicodedata
from pathlib import Path

import argon2
import pytest

from apiroutes import (
    hash_password,
    hash_password_async,
    needs_rehash,
    verify_password,
    verify_password_async,
)
from tests.support import app_of, call, until

TOP = Path(__file__).parents[2]
# Cheap ones, as another program may have made them.
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password("correct horse")


def test_a_password_fits_its_hash_alone(hashed: str) -> None:
    assert verify_password("correct horse", hashed) is True
    assert verify_password("correct horses", hashed) is False
    assert hashed != hash_password("correct horse")


def test_a_hash_has_the_parameters_of_rfc_9106(hashed: str) -> None:
    found = argon2.extract_parameters(hashed)
    assert found == argon2.profiles.RFC_9106_LOW_MEMORY
    assert (len(hashed), needs_rehash(hashed)) == (97, False)


@pytest.mark.parametrize(
    "hash", [CHEAP.hash("old"), "$2b$12$abcdefghijklmnopqrstuv", "", "$argon2id$v=19$cut", "x" * 5000]
)
def test_a_hash_that_is_not_todays_is_to_be_made_anew(hash: str) -> None:
    assert needs_rehash(hash)


def test_hashes_of_other_parameters_are_understood() -> None:
    assert verify_password("old", CHEAP.hash("old"))
    assert not verify_password("new", CHEAP.hash("old"))
    assert verify_password("old", argon2.PasswordHasher(1, 8, 1, type=argon2.Type.I).hash("old"))


def test_an_unknown_user_has_no_password(caplog: pytest.LogCaptureFixture) -> None:
    assert verify_password("", None) is False
    assert verify_password("anything", None) is False
    assert caplog.records == []


@pytest.mark.parametrize(
    ("hash", "reason"),
    [
        ("", "is not an Argon2 hash"),
        ("correct horse", "is not an Argon2 hash"),
        ("$2b$12$KIXQQ0vQxVYkQ1o0J3r0eOQ8oH7V7cX5y", "is not an Argon2 hash"),
        ("$argon2id$é", "is not an Argon2 hash"),
        ("$argon2id$v=19$m=65536,t=3,p=4$YWJj", "is not a complete Argon2"),
        ("$argon2id$v=19$m=x,t=3,p=4$YWJjZGVmZ2g$YWJjZGVmZ2g", "is not a complete Argon2"),
        ("$argon2id$v=19$m=4294967295,t=3,p=4$YWJjZGVmZ2g$YWJjZGVmZ2g", "more memory or time"),
        ("$argon2id$v=19$m=65536,t=4000000,p=4$YWJjZGVmZ2g$YWJjZGVmZ2g", "more memory or time"),
        ("$argon2id$v=19$m=64,t=1,p=4$!!!!!!!!!!!$YWJjZGVmZ2g", "could not be verified"),
        ("$argon2id$v=19$m=64,t=1,p=0$YWJjZGVmZ2g$YWJjZGVmZ2g", "could not be verified"),
        (b"bytes", "is a bytes, not a str"),
    ],
)
def test_what_is_no_hash_fits_nothing_and_is_logged_once(
    caplog: pytest.LogCaptureFixture, hash: str, reason: str
) -> None:
    assert verify_password("correct horse", hash) is False
    (record,) = caplog.records
    assert reason in record.getMessage()
    assert not hash or str(hash) not in record.getMessage()


@pytest.mark.parametrize("password", ["a" * 4097, "\ud800", "a" * 10_000_000])
def test_what_nobodys_password_can_be_is_wrong(hashed: str, password: str) -> None:
    assert verify_password(password, hashed) is False
    with pytest.raises(ValueError, match="1 to 4096 characters"):
        hash_password(password)


def test_an_empty_password_is_not_hashed() -> None:
    with pytest.raises(ValueError, match="1 to 4096 characters"):
        hash_password("")


def test_the_longest_password_counts_as_a_whole() -> None:
    hash = hash_password("é" * 4096)
    assert verify_password("é" * 4096, hash)
    assert not verify_password("é" * 4095, hash)


@pytest.mark.parametrize("password", [b"bytes", None, 5])
def test_a_password_is_a_text(hashed: str, password: str) -> None:
    with pytest.raises(TypeError, match="a password must be a str"):
        verify_password(password, hashed)
    with pytest.raises(TypeError, match="a password must be a str"):
        hash_password(password)


def test_what_looks_alike_is_one_password() -> None:
    composed = "caf\u00e9 \u1eb9\u0301"
    assert verify_password(
        unicodedata.normalize("NFD", composed), CHEAP.hash(unicodedata.normalize("NFC", composed))
    )
    assert not verify_password("\ufb01ne", CHEAP.hash("fine"))  # compatibility characters stay apart


def test_passwords_may_have_any_character() -> None:
    assert verify_password("a\x00b c\n", CHEAP.hash("a\x00b c\n"))
    assert not verify_password("a", CHEAP.hash("a\x00b"))


# -- event loops and threads


def test_coroutines_await_their_own() -> None:
    async def main() -> tuple[bool, bool]:
        hash = await hash_password_async("correct horse")
        return await verify_password_async("correct horse", hash), await verify_password_async("x", None)

    assert asyncio.run(main()) == (True, False)


def test_an_event_loop_does_not_stand_still() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"write `await hash_password_async\(\.\.\.\)`"):
            hash_password("correct horse")
        with pytest.raises(RuntimeError, match=r"write `await verify_password_async\(\.\.\.\)`"):
            verify_password("correct horse", None)

    asyncio.run(main())


def test_both_kinds_of_handlers_verify(tmp_path: Path) -> None:
    source = f"""
from apiroutes import *
HASH = {CHEAP.hash("correct horse")!r}
def POST(body: dict[str, str]):
    return [verify_password(body["password"], HASH)]
async def PUT(body: dict[str, str]):
    return [await verify_password_async(body["password"], HASH)]
"""
    app = app_of(tmp_path, source)
    json = [("Content-Type", "application/json")]
    for method in ("POST", "PUT"):
        assert call(app, method, headers=json, body=b'{"password": "correct horse"}').json() == [True]
        assert call(app, method, headers=json, body=b'{"password": "x"}').json() == [False]


MANY = """
import threading
from apiroutes import hash_password
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
threads = [threading.Thread(target=hash_password, args=("correct horse",)) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(peak() - before)
"""


def output_of(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True, timeout=60).stdout


def test_two_are_made_at_a_time() -> None:
    kib = int(output_of(MANY))
    assert 64 * 1024 <= kib < (2 * 64 + 24) * 1024


def test_a_forked_process_has_turns_of_its_own() -> None:
    program = """
import os, sys
from apiroutes.security import passwords
taken = [passwords._turns._semaphore.acquire() for _ in range(2)]
child = os.fork()
if not child:
    passwords.hash_password("correct horse")
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert output_of(program).strip() == "7"


def test_without_the_library_it_says_what_to_install() -> None:
    program = """
import sys
sys.modules["argon2"] = None
import apiroutes
from apiroutes.middleware import basic
for use in (lambda: apiroutes.hash_password("x"), lambda: apiroutes.verify_password("x", "y"),
            lambda: apiroutes.verify_password("x", None), lambda: apiroutes.needs_rehash("x"),
            lambda: basic({"ada": "$argon2id$v=19$m=65536,t=3,p=4$YWJj$YWJj"})):
    try: use()
    except ImportError as error: print(error)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=TOP, capture_output=True, text=True, check=True
    )
    assert (
        ended.stdout.splitlines()
        == ["hashing passwords needs argon2-cffi: pip install 'apiroutes[auth]'"] * 5
    )


def test_waiting_for_a_turn_is_over_when_there_is_one() -> None:
    ended: list[str] = []
    threads = [threading.Thread(target=lambda: ended.append(hash_password("x"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(ended) == 4)
    assert len(set(ended)) == 4
