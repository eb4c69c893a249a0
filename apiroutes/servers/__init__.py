"""Ways to run an App; this room never answers for a route, but for the development server's own pages.

`development` serves while a project is written, `gunicorn`, `granian` and `uvicorn` in production. Each is
imported by its own name, so that only the server in use is loaded.
"""
