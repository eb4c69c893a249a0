"""Rates and limits as a project writes them."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from apiroutes.middleware import rate_limit
from apiroutes.rates import read_rates


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("100/minute", [(100, 60)]),
        ("1/second", [(1, 1)]),
        ("5 per 15 minutes", [(5, 900)]),
        ("10/2 hours", [(10, 7200)]),
        ("1000/day", [(1000, 86_400)]),
        ("1/month", [(1, 30 * 86_400)]),
        ("1/year", [(1, 360 * 86_400)]),
        (" 10 / MINUTE ", [(10, 60)]),
        ("1/second; 20/minute", [(1, 1), (20, 60)]),
        (["1/second", "20/minute"], [(1, 1), (20, 60)]),
        ("1000000000000/second", [(10**12, 1)]),
    ],
)
def test_rates_are_read(text: Any, rates: list[tuple[int, int]]) -> None:
    assert [(rate.amount, rate.seconds) for rate in read_rates(text)] == rates


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("0/minute", ValueError, "'0/minute' has an amount that is not from 1 to 1,000,000,000,000"),
        ("1000000000001/minute", ValueError, "has an amount that is not from 1 to"),
        ("1/0 minutes", ValueError, "'1/0 minutes' has a period that is not from a second to a year"),
        ("1 per 00 days", ValueError, "has a period that is not"),
        ("1/2 years", ValueError, "has a period that is not"),
        ("-1/minute", ValueError, "'-1/minute' is not a rate"),
        ("1.5/minute", ValueError, "is not a rate"),
        ("1/fortnight", ValueError, "is not a rate"),
        ("minute", ValueError, "is not a rate"),
        ("", ValueError, "'' is not a rate"),
        ("9" * 5000 + "/minute", ValueError, "is not a rate"),
        ([], ValueError, r"\[\] contains no rate"),
        (["1/minute", "2/60 seconds"], ValueError, "contains two rates for 60 seconds"),
        (5, TypeError, "5 is neither a string nor a list of strings"),
        ([5], TypeError, "is neither a string nor a list of strings"),
        (None, TypeError, "None is neither"),
    ],
)
def test_what_is_no_rate_is_refused(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        read_rates(value)
    assert len(str(raised.value)) < 200


async def an_async_function(req: object) -> int:
    return 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"by": "ip"},
            'by: \'ip\' is not one of "address", "user", "key", "body.NAME" or a function of the request',
        ),
        ({"by": 5}, "by: 5 is not one of"),
        ({"by": int}, "by: the class `int` is not one of"),
        ({"by": an_async_function}, "by: it is an async function"),
        ({"name": ""}, "name: '' is not a str"),
        ({"name": "é"}, "name: 'é' is not a str"),
        ({"name": "a\nb"}, "name: .* is not a str"),
        ({"name": "a" * 65}, "name: it has 65 characters, more than 64"),
        ({"cost": -1}, "cost: -1 is less than 0"),
        ({"cost": 6}, "cost: 6 is more than 5, so every request would be refused"),
        ({"cost": True}, "cost: True is neither an int nor a function"),
        ({"cost": 1.0}, "cost: 1.0 is neither an int nor a function"),
        ({"cost": an_async_function}, "cost: it is an async function"),
        ({"by": lambda: 1}, "by: it has to take one argument, the request: `def by\\(req\\): ...`"),
        ({"by": lambda req, res: 1}, "by: it has to take one argument, the request"),
        ({"by": lambda *, req: 1}, "by: it has to take one argument, the request"),
        ({"cost": lambda: 1}, "cost: it has to take one argument, the request: `def cost\\(req\\): ...`"),
        ({"failures_only": "no"}, "failures_only: 'no' is not a bool"),
        ({"failures_only": 1}, "failures_only: 1 is not a bool"),
        ({"failures_only": None}, "failures_only: None is not a bool"),
        ({"failures_only": True, "is_failure": 401}, "is_failure: 401 is not a function of the status"),
        ({"failures_only": True, "is_failure": [401]}, "is_failure: .* is not a function of the status"),
        ({"failures_only": True, "is_failure": lambda: 1}, "is_failure: it has to take one argument, the st"),
        ({"failures_only": True, "is_failure": an_async_function}, "is_failure: it is an async function"),
        ({"is_failure": bool}, "is_failure: it is only for failures_only=True"),
        (
            {"failures_only": True, "is_failure": 403},
            "is_failure: 403 is not a function of the status, such as `lambda status: status == 403`",
        ),
        ({"failures_only": True, "is_failure": True}, "is_failure: True is not a function of the status"),
        ({"failures_only": True, "is_failure": bool}, "is_failure: the class `bool` is not a function"),
        ({"fail": "soft"}, 'fail: \'soft\' is neither "open" nor "closed"'),
        ({"store": "none"}, "store: 'none' is neither a URL nor one of 'sqlite', 'memory'"),
        ({"store": "http://a"}, "store: 'http' is not one of 'redis', 'rediss', 'unix'"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        rate_limit("5/minute", **arguments)


@pytest.mark.parametrize(
    "function",
    [lambda req, more=1: 1, lambda *all: 1, {"a": 1}.get, str.lower, len, Path.exists, partial(max, 1)],
)
def test_whatever_takes_a_request_is_a_function_of_it(function: Any) -> None:
    rate_limit("5/minute", by=function, cost=function)


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ((3,), "3 is not a rate, which must be a str"),
        ((None,), "None is not a rate, which must be a str"),
        (("1/minute", 3), "3 is not a rate, which must be a str"),
        ((["1/minute", "5/hour"],), r"write rate_limit\('1/minute', '5/hour'\), without a list"),
        ((("1/minute",),), r"write rate_limit\('1/minute'\), without a list"),
    ],
)
def test_what_stands_for_rates_is_told_as_it_was_written(rates: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{message}"):
        rate_limit(*rates)


def test_a_rate_that_cannot_be_read_has_a_remedy() -> None:
    with pytest.raises(ValueError, match='Write an amount and a period, such as "100/minute"'):
        rate_limit("often")


@pytest.mark.parametrize(
    ("rates", "remedy"),
    [
        (["0/minute"], "Write an amount from 1"),
        (["10/minute", "20/minute"], "Keep one of the two"),
        (["1/400 days"], "Write a period from a second to a year"),
    ],
)
def test_a_remedy_fits_what_is_wrong_with_a_rate(rates: list[str], remedy: str) -> None:
    with pytest.raises(ValueError, match=rf"\. {remedy}") as raised:
        rate_limit(*rates)
    assert "such as" not in str(raised.value)


def test_a_url_is_not_repeated_where_it_is_wrong() -> None:
    with pytest.raises(ValueError, match="store: ") as raised:
        rate_limit("5/minute", store="redis://user:secret@host:port/0")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("module", "arguments", "remedy"),
    [
        ("limits", "", "pip install 'apiroutes[limits]'"),
        ("redis", ", store='redis://localhost'", "pip install 'apiroutes[redis]'"),
    ],
)
def test_a_library_that_is_missing_has_a_remedy(module: str, arguments: str, remedy: str) -> None:
    program = (
        f"import sys\nsys.modules[{module!r}] = None\nfrom apiroutes.middleware import rate_limit\n"
        f"try:\n    rate_limit('5/minute'{arguments})\nexcept ImportError as error:\n    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert remedy in ended.stdout
