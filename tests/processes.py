"""A function of a test called in a process of its own, for facts that other tests' threads would blur."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

from tests import interfaces

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def call_alone(
    function: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Return what a function of a test's module returns in a new process, at most a minute later."""
    pool = ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=interfaces.choose,
        initargs=(interfaces.chosen(),),
    )
    with pool:
        return pool.submit(function, *args, **kwargs).result(timeout=60)
