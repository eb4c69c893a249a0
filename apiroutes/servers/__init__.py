"""Ways to run an App; this room answers no requests, except for the development server's own pages.

`development` serves a project during development; `gunicorn`, `granian` and `uvicorn` serve it in production.
Each is imported by its own name, so that only the server in use is loaded.
"""
