"""The trace of a request, which also gets the handler's spans when it computes for the store.

In: the current context. Out: a function that continues its trace in an empty context, without attributes and
baggage, which may identify a client.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["continued_trace"]


def continued_trace() -> Callable[[], object] | None:
    """Return what makes spans in another context children of the current span; None without one."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    parent = trace.get_current_span().get_span_context()
    if not parent.is_valid:
        return None
    contexts: Any = sys.modules["opentelemetry.context"]
    context = trace.set_span_in_context(trace.NonRecordingSpan(parent), contexts.Context())
    return partial(contexts.attach, context)
