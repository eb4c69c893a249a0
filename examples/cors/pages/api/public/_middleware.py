"""Pages of every origin may read this directory. No cookie comes along, so they read what anybody can."""

from apiroutes.middleware import cors

middleware = [cors("*", expose_headers=["RateLimit"])]
