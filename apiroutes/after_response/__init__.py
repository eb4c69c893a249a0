"""Work after the response, and the threads and tasks that do the work; this room never sends anything.

In: functions, from code that runs for a request, and the end of its response. Out: their calls, in order, and
a log line for each function that fails, takes too long or is lost. Raises RuntimeError outside a request.
"""

from __future__ import annotations

from apiroutes.after_response.calls import AfterCall
from apiroutes.after_response.demand import notice_imports, when_asked_for
from apiroutes.after_response.pool import WorkPool
from apiroutes.after_response.work import (
    WITNESS,
    Witness,
    Work,
    after,
    current_work,
    note_failure,
    note_whole_content,
)
from apiroutes.after_response.wsgi_calls import noting_responses, with_work

__all__ = [
    "WITNESS",
    "AfterCall",
    "Witness",
    "Work",
    "WorkPool",
    "after",
    "current_work",
    "note_failure",
    "note_whole_content",
    "notice_imports",
    "noting_responses",
    "when_asked_for",
    "with_work",
]
