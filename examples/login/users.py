import os
import sqlite3
from contextlib import closing
from html import escape
from pathlib import Path
from string import Template
from typing import Annotated

from msgspec import Meta, Struct

from apiroutes import html

HERE = Path(__file__).parent


class Credentials(Struct):
    email: Annotated[str, Meta(min_length=3, max_length=254)]
    password: Annotated[str, Meta(min_length=12, max_length=200)]


def execute(statement, *values):
    with closing(sqlite3.connect(os.environ.get("USERS_DB", HERE / "users.db"))) as users, users:
        return users.execute(statement, values).fetchone()


def page(name, status=200, **values):
    text = Template((HERE / name).read_text("utf-8"))
    return html(text.substitute({key: escape(value) for key, value in values.items()}), status)


execute("CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, email UNIQUE COLLATE NOCASE, hash, note)")
