"""Ways to run an App; nothing here takes part in a request that the App answers.

`development` serves while a project is written, `gunicorn` and `granian` serve in production. Each is
imported by its own name, so that only the server in use is loaded.
"""
