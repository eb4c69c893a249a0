"""Ways to run an App: `development` while it is written, `gunicorn` and `granian` when it is used."""
