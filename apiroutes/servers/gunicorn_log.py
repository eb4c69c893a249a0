"""gunicorn's own log as JSON, for a project with `log_format = "json"`.

In: records of gunicorn. Out: one JSON object a line, wherever gunicorn's settings send them.
"""

from __future__ import annotations

import logging
from typing import Any

from gunicorn import glogging

from apiroutes.logging import json_formatter

__all__ = ["JSONLogger"]


class JSONLogger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's logger, whose handlers write JSON."""

    def _set_handler(
        self, log: logging.Logger, output: str | None, fmt: logging.Formatter, stream: Any = None
    ) -> None:
        super()._set_handler(log, output, json_formatter(), stream)
