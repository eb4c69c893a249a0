"""Streams of events."""

import msgspec

from apiroutes import Event, EventStream, event_stream


class Progress(msgspec.Struct):
    """How far some work is."""

    percent: int
    message: str = ""


def GET(count: int = 2) -> EventStream[Progress]:
    """Report the progress of some work, until it is done."""
    return event_stream(
        Event(Progress(100 * number // count), id=str(number)) for number in range(1, count + 1)
    )
