"""The application that the corpus attacks: the handlers it names, in production mode."""

from pathlib import Path

from apiroutes import App

app = App(Path(__file__).parent / "project", mode="production")
