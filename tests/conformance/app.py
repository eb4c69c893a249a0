"""The recorded Next.js application, written for apiroutes."""

from pathlib import Path

from apiroutes import App
from tests.interfaces import directory_for_interface

app = App(directory_for_interface(Path(__file__).parent / "project"))
