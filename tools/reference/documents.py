"""All generated documents: whole pages, and pages with generated regions.

In: the code, and the pages that are written by hand. Out: texts by path, relative to the repository.
"""

from __future__ import annotations

from pathlib import Path

from apiroutes import Response
from apiroutes.middleware import rate_limit, sessions
from tools.reference.command_tables import command_tables
from tools.reference.environment import environment_page
from tools.reference.exports import config_tables, exports_page
from tools.reference.headers import headers_page
from tools.reference.index import index_page
from tools.reference.names import arguments_table
from tools.reference.pages import NAMED_PAGES, named_page, request_page, response_page, testing_page
from tools.reference.records import logs_page
from tools.reference.regions import filled
from tools.reference.settings_tables import settings_tables

__all__ = ["ROOT", "documents", "generated_pages"]

ROOT = Path(__file__).resolve().parents[2]

NOTE = "<!-- Made by `make reference` from docstrings and tables in the code: change those. -->\n\n"


def documents() -> dict[str, str]:
    """Return the text that each generated document should have."""
    whole = {f"docs/reference/{name}": NOTE + text for name, text in generated_pages().items()}
    keys = config_tables()
    regions = {
        "docs/settings.md": settings_tables(),
        "docs/commands.md": command_tables(),
        "docs/handlers.md": {"config": keys["config"]},
        "docs/caching.md": {"config.cache": keys["config.cache"]},
        "docs/rate-limits.md": {"arguments of rate_limit": arguments_table("rate_limit", rate_limit)},
        "docs/sessions.md": {
            "arguments of sessions": arguments_table("sessions", sessions),
            "arguments of res.set_cookie": arguments_table("set_cookie", Response.set_cookie),
        },
    }
    parts = {
        page: filled(page, (ROOT / page).read_text(encoding="utf-8"), its_regions)
        for page, its_regions in regions.items()
    }
    return {**whole, **parts}


def generated_pages() -> dict[str, str]:
    """Return the pages below docs/reference/ by their names."""
    return {
        "index.md": index_page(),
        "request.md": request_page(),
        "response.md": response_page(),
        **{name: named_page(name) for name in NAMED_PAGES},
        "testing.md": testing_page(),
        "logs.md": logs_page(),
        "headers.md": headers_page(),
        "exports.md": exports_page(),
        "environment.md": environment_page(),
    }
