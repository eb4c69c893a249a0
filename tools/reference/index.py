"""The page that lists all names of the reference.

In: the public names. Out: one page, with a table for each module that users import from.
"""

from __future__ import annotations

from collections.abc import Mapping

from tools.reference.markdown import code, link_text, prose, table
from tools.reference.pages import summaries

__all__ = ["index_page"]

_MODULES: Mapping[str, str] = {
    "apiroutes": "what projects import",
    "apiroutes.middleware": "factories of middleware",
    "apiroutes.testing": "clients for tests",
    "apiroutes.logging": "for a project that configures its log itself",
}


def index_page() -> str:
    """Return the page."""
    parts = [
        "# All names",
        "Every public name, with the page that describes it. [Settings](../settings.md) and "
        "[commands](../commands.md) have their own pages in the guide.",
    ]
    rows: dict[str, list[tuple[str, str]]] = {module: [] for module in _MODULES}
    for module, name, place, summary in summaries():
        rows[module].append((f"[{code(name)}]({place})", prose(link_text(summary), "../")))
    for module, meaning in _MODULES.items():
        parts += [f"## {code(module)}", f"{meaning.capitalize()}."]
        parts.append(table(["name", "what it is"], sorted(rows[module], key=lambda row: row[0].lower())))
    return "\n\n".join(parts) + "\n"
