from pathlib import Path

from apiroutes import App

app = App(Path(__file__).parent)
