"""The application that the corpus attacks: the handlers that it names, in production mode."""

from __future__ import annotations

from pathlib import Path

from apiroutes import App

app = App(Path(__file__).parent / "project", mode="production")
