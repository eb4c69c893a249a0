"""The messages, in SQLite, and the news of them for the streams of one worker."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

POLLED = 0.1  # seconds between two looks at the file
# Seconds without a message until something is sent all the same, because proxies end silent connections.
HEARTBEAT = float(os.environ.get("EVENTS_HEARTBEAT", "15"))
AT_ONCE = 100  # messages

# AUTOINCREMENT: no id is used again, because clients go on from the last that they have.
TABLE = "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL)"
INSERT = "INSERT INTO messages (text) VALUES (?) RETURNING id, text"

log = logging.getLogger(__name__)


@dataclass
class Message:
    id: int
    text: str


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    path = Path(os.environ.get("EVENTS_DATA", "var")) / "messages.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(TABLE)
        yield connection


def store(text: str) -> Message:
    with database() as connection:
        return Message(*connection.execute(INSERT, [text]).fetchone())


def newest_id() -> int:
    with database() as connection:
        newest: int = connection.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()[0]
    return newest


def read_after(last: int) -> list[Message]:
    with database() as connection:
        rows = connection.execute(
            "SELECT id, text FROM messages WHERE id > ? ORDER BY id LIMIT ?", [last, AT_ONCE]
        )
        return [Message(*row) for row in rows]


class Feed:
    """Wakes the streams of its worker when any worker has stored a message."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    async def watch(self) -> None:
        """Look at the file for all streams of this worker, for ever."""
        newest = -1
        while True:
            try:
                found = await asyncio.to_thread(newest_id)
            except sqlite3.Error:
                log.exception("The messages cannot be read.")
            else:
                if found != newest:
                    newest, news, self._news = found, self._news, asyncio.Event()
                    news.set()
            await asyncio.sleep(POLLED)

    async def messages_after(self, last: int) -> AsyncIterator[Message | None]:
        """Yield the messages that have a greater id, as they come; None when none has come for a while."""
        while True:
            news = self._news  # before the look: what is stored after it sets this one
            messages = await asyncio.to_thread(read_after, last)
            for message in messages:
                yield message
                last = message.id
            if len(messages) < AT_ONCE:
                try:
                    await asyncio.wait_for(news.wait(), HEARTBEAT)
                except asyncio.TimeoutError:
                    yield None
