"""The settings of a project: its table in the project's file, then the environment, then arguments.

In: the project directory, the process environment, the arguments. Out: one `Settings`.
Raises ProjectError with every unknown name and unreadable value, each with its place.
"""

from __future__ import annotations

from apiroutes.settings.files import ENV_FILES, PYPROJECT, pyproject_tables
from apiroutes.settings.reading import load_settings, read_settings, setting_place
from apiroutes.settings.store_urls import StoreURL, read_shared_store, read_store
from apiroutes.settings.table import Settings

__all__ = [
    "ENV_FILES",
    "PYPROJECT",
    "Settings",
    "StoreURL",
    "load_settings",
    "pyproject_tables",
    "read_settings",
    "read_shared_store",
    "read_store",
    "setting_place",
]
