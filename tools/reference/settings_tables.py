"""The tables of settings, for docs/settings.md: one for each group of the class `Settings`.

In: the fields of `Settings`, with their defaults and docstrings, and the comments that begin a group. Out:
tables by the group's name. Raises Undescribed for a setting without a docstring.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields

from apiroutes.settings import Settings
from apiroutes.sizes import Size
from tools.reference.markdown import code, prose, table
from tools.reference.source import described, source_of

__all__ = ["group_of_settings", "settings_tables", "written_default"]

_GROUP = re.compile(r"    # -- (.+)")


def settings_tables() -> dict[str, str]:
    """Return the table of each group, for a page in docs/."""
    source = source_of(Settings)
    rows: dict[str, list[tuple[str, str, str]]] = {}
    groups = group_of_settings()
    for setting in fields(Settings):
        meaning = prose(described(source.members[setting.name], f"the setting {setting.name}").prose)
        row = (code(setting.name), written_default(setting.default), meaning)
        rows.setdefault(groups[setting.name], []).append(row)
    head = ["setting", "default", "meaning"]
    return {f"settings {group}": table(head, its_rows) for group, its_rows in rows.items()}


def group_of_settings() -> dict[str, str]:
    """Return the group of each setting: the last comment that begins one before it."""
    source = source_of(Settings)
    lines = source.filepath.read_text(encoding="utf-8").splitlines()
    begins = {number: found[1] for number, line in enumerate(lines, 1) if (found := _GROUP.match(line))}
    return {
        setting.name: begins[max(line for line in begins if line < source.members[setting.name].lineno)]
        for setting in fields(Settings)
    }


def written_default(value: object) -> str:
    """Return a default as it is written in pyproject.toml."""
    if value is None:
        return "not set"
    if isinstance(value, Size):
        return code(f'"{value.text}"')
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return code(json.dumps(value))
