from pathlib import Path

from werkzeug import Response

from apiroutes import App

old = Response("an old site")

app = App(Path(__file__).parent, fallback=old)
